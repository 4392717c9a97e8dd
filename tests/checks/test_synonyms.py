"""Words of other libraries: each row of the table leads to something that exists."""

import ast
import inspect
import re

import numpy as np
import pytest

import lrcore as lrc
from lrcore.checks import synonyms, synonyms_of_names
from lrcore.cli.commands import COMMANDS, main
from lrcore.cli.parser import Parser
from lrcore.controllers.catalogue import CONTROLLERS
from lrcore.optimizers.base import Optimizer
from lrcore.optimizers.catalogue import OPTIMIZERS
from lrcore.schedules.catalogue import SCHEDULES

W = np.ones(3)


def accepted(cls):
    return [*inspect.signature(cls).parameters]


OWNERS = {
    cls.__name__: accepted(cls)
    for classes in (OPTIMIZERS, SCHEDULES, CONTROLLERS)
    for cls in [*classes.values(), lrc.RangeTest, lrc.Monitor, lrc.Group]
}
PAIRS = [
    (word, ours)
    for word, row in synonyms.ARGUMENTS.items()
    for ours in row.split()
    if "." not in word
]


@pytest.mark.parametrize(("word", "ours"), PAIRS)
def test_every_synonym_of_an_argument_leads_to_one_that_some_class_takes(word, ours):
    leads = [
        owner
        for owner, names in OWNERS.items()
        if word not in names and synonyms.synonym(owner, word, names).startswith(f"it is {ours}")
    ]
    assert leads


@pytest.mark.parametrize("row", [word for word in synonyms.ARGUMENTS if "." in word])
def test_a_row_of_one_class_or_command_leads_to_an_argument_of_it(row):
    owner, word = row.split(".")
    if owner in COMMANDS:
        parser = Parser(owner, "")
        COMMANDS[owner].arguments(parser)
        assert f"--{synonyms.ARGUMENTS[row]} " in parser.format_help()
        return
    assert word not in OWNERS[owner]
    assert synonyms.ARGUMENTS[row] in OWNERS[owner]


@pytest.mark.parametrize("cls", [*CONTROLLERS.values(), *SCHEDULES.values()])
def test_an_optimizer_given_to_what_it_takes_is_told_the_argument(cls):
    place = "as controller=" if cls in CONTROLLERS.values() else "as lr"
    assert synonyms.way(cls.__name__, "optimizer", accepted(cls)).endswith(place)


def test_every_remark_belongs_to_a_synonym():
    assert set(synonyms.REMARKS) <= set(PAIRS)


def named(text):
    """The places of the library that a text names, each of which must exist."""
    places = {
        "lrc": lrc,
        "opt": Optimizer,
        "schedule": lrc.Schedule,
        "controller": lrc.ReduceOnPlateau(),
    }
    found = re.findall(r"\b(lrc|opt|schedule|controller)\.(\w+)", text)
    for place, name in found:
        assert hasattr(places[place], name), f"{place}.{name}"
    for name in re.findall(r"\)\.(\w+)\(", text):  # of a schedule that was made
        assert hasattr(lrc.Schedule, name), name
    for name in re.findall(r"^(\w+)(?:\(\))?, of an lrc.EarlyStopping", text):
        assert hasattr(lrc.EarlyStopping(), name), name
    return len(found)


TABLES = [synonyms.NAMES, synonyms.OPTIMIZER, synonyms.SCHEDULE, synonyms.CONTROLLER]


@pytest.mark.parametrize("text", sorted({text for table in TABLES for text in table.values()}))
def test_every_name_and_attribute_leads_to_what_exists(text):
    assert named(text) > 0


@pytest.mark.parametrize("text", sorted({*synonyms.INSTEAD.values(), *synonyms.REMARKS.values()}))
def test_what_is_said_besides_names_what_exists(text):
    named(text)


def constructions():
    """The calls of our constructors in the texts."""
    for text in synonyms.NAMES.values():
        for name, words in re.findall(r"lrc\.(\w+)\(([^()]*)\)", text):
            for keyword in re.findall(r"(\w+)=", words):
                yield name, keyword


@pytest.mark.parametrize(("name", "keyword"), sorted(set(constructions())))
def test_the_arguments_that_a_text_names_are_taken(name, keyword):
    assert keyword in OWNERS[name]


def test_no_name_of_the_module_is_listed_as_a_foreign_one():
    assert not set(synonyms.NAMES) & set(dir(lrc))


@pytest.mark.parametrize("name", synonyms.NAMES)
def test_the_module_says_what_a_foreign_name_is(name):
    with pytest.raises(AttributeError, match=f"'lrcore' has no attribute '{name}'; ") as error:
        getattr(lrc, name)
    assert str(error.value).endswith(synonyms.said(synonyms.NAMES[name]))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("CosineAnealing", "did you mean CosineAnnealing"),
        ("RMSProp", "did you mean RMSprop"),
        ("reduceonplateau", "did you mean ReduceOnPlateau"),
        ("xyz", r"dir\(lrcore\) lists what there is"),
    ],
)
def test_the_module_names_the_closest_of_its_own(name, hint):
    with pytest.raises(AttributeError, match=hint):
        getattr(lrc, name)


@pytest.mark.parametrize("name", ["__wrapped__", "_private", "__path_hook__"])
def test_what_programs_ask_every_module_for_gets_a_plain_answer(name):
    with pytest.raises(AttributeError, match=f"^module 'lrcore' has no attribute '{name}'$"):
        getattr(lrc, name)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: lrc.Adam(W, learning_rate=0.1), "Adam has no argument learning_rate; it is lr"),
        (lambda: lrc.Adam(W, beta1=0.9), r"no argument beta1; it is betas, .*\(beta1, beta2\)"),
        (lambda: lrc.Adam(W, b1=0.9), "it is betas"),
        (lambda: lrc.Adam(W, clip=1.0), "Adam has no argument clip; it is clip_norm"),
        (lambda: lrc.Adam(W, max_norm=1.0), "it is clip_norm"),
        (
            lambda: lrc.Adam(W, clipnorm=1.0),
            "it is clip_norm_each, of each array; clip_norm is of all",
        ),
        (lambda: lrc.Adam(W, global_clipnorm=1.0), "it is clip_norm"),
        (lambda: lrc.Adam(W, grad_clip=1.0), "it is clip_norm"),
        (lambda: lrc.Adam(W, gradient_accumulation_steps=4), "it is accumulate"),
        (lambda: lrc.Adam(W, clipvalue=1.0), "it is clip_value"),
        (lambda: lrc.Adam(W, schedule=abs), "it is lr, which takes a schedule"),
        (lambda: lrc.Adam(W, epsilon=1e-8), "it is eps"),
        (lambda: lrc.Adam(W, decay=1e-3), "write lr=lrc.InverseTimeDecay"),
        (lambda: lrc.Adam(W, momentum=0.9), "it is betas, its first number"),
        (lambda: lrc.Adam(W, wd=0.1), "it is l2, .*AdamW"),
        (lambda: lrc.AdamW(W, wd=0.1), "it is weight_decay"),
        (lambda: lrc.AdamW(W, l2=0.1), "it is weight_decay, which is decoupled"),
        (lambda: lrc.Adam(W, fused=True), "leave it out"),
        (lambda: lrc.Adam(W, warmup_steps=10), r"schedule\.warmup\(n\)"),
        (lambda: lrc.RMSprop(W, alpha=0.9), "it is rho"),
        (lambda: lrc.RMSprop(W, decay=0.9), "it is rho, or lr=lrc.InverseTimeDecay"),
        (lambda: lrc.SGD(W, beta=0.9), "it is momentum"),
        (lambda: lrc.Adam(W, ammsgrad=True), r"did you mean amsgrad\? It takes params, lr, betas"),
        (lambda: lrc.Adam(W, xyz=1), "no argument xyz; there is params, lr, betas"),
        (lambda: lrc.CosineAnnealing(0.1, T_max=10), "it is steps"),
        (lambda: lrc.CosineAnnealing(0.1, 10, eta_min=0.01), "it is end"),
        (lambda: lrc.CosineAnnealing(0.1, 10, warmup_steps=3), r"schedule\.warmup\(n\)"),
        (lambda: lrc.StepDecay(0.1, step_size=10), "it is every"),
        (lambda: lrc.StepDecay(0.1, every=10, gamma=0.5), "it is factor"),
        (lambda: lrc.OneCycle(max_lr=0.1, steps=10), "it is peak"),
        (lambda: lrc.Constant(0.1, last_epoch=3), "leave it out"),
        (lambda: lrc.ReduceOnPlateau(threshold=0.1), "it is rel, or abs"),
        (lambda: lrc.ReduceOnPlateau(min_delta=0.1), "it is abs"),
        (lambda: lrc.EarlyStopping(restore_best_weights=True), "it is restore_best"),
        (lambda: lrc.EarlyStopping(monitor="loss"), r"leave it out: .*controller\.update"),
        (lambda: lrc.RangeTest(lrc.SGD(W), min_lr=1e-5), "it is start"),
        (lambda: lrc.RangeTest(lrc.SGD(W), max_lr=1.0), "it is end"),
        (lambda: lrc.RangeTest(lrc.SGD(W), num_iter=10), "it is num"),
    ],
)
def test_an_argument_of_another_library_is_told_ours(make, words):
    with pytest.raises(TypeError, match=words):
        make()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("demo --learning-rate 0.1", "'--learning-rate'; it is --lr"),
        ("demo --learning_rate=0.1", "'--learning_rate'; it is --lr"),
        ("find lrcore.demo:digits --min-lr 1e-5", "it is --start"),
        ("find lrcore.demo:digits --max-lr 1e-5", "it is --end"),
        ("find lrcore.demo:digits --num-iter 50", "it is --num"),
        ("demo --schedule StepLR", "it is lrc.StepDecay"),
        ("schedule StepLR(0.1,30)", "it is lrc.StepDecay"),
        ("schedule CosineAnnealing(0.1,T_max=30)", "it is steps"),
    ],
)
def test_the_command_line_knows_the_words_too(words, hint, capsys):
    assert main(words.split()) == 2
    assert hint in capsys.readouterr().err


def test_a_schedule_from_json_is_told_ours():
    with pytest.raises(ValueError, match="no key 'T_max'; it is steps"):
        lrc.schedule_from_dict({"schedule": "CosineAnnealing", "lr": 0.1, "T_max": 3})


def test_all_unknown_arguments_are_told_at_once():
    with pytest.raises(TypeError, match=r"beta1; it is betas.*learning_rate; it is lr"):
        lrc.Adam(W, learning_rate=0.1, beta1=0.9)


def test_a_group_is_told_too():
    with pytest.raises(TypeError, match="not a hyperparameter of Adam; it is lr; accepted: lr,"):
        lrc.Adam([lrc.Group(W, learning_rate=0.1)])
    with pytest.raises(TypeError, match="it is lr_scale"):
        lrc.Adam([lrc.Group(W, lr_mult=0.1)])


def test_no_word_stands_in_two_rows_of_a_table():
    sources = map(inspect.getsource, (synonyms, synonyms_of_names))
    calls = [node for text in sources for node in ast.walk(ast.parse(text)) if is_table(node)]
    assert len(calls) == 1 + len(TABLES)
    for call in calls:
        words = [word for key in call.args[0].keys for word in key.value.split()]
        assert sorted(words) == sorted(set(words))


def is_table(node):
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "words"
