"""Pickles name the face of the package alone, so that its inner modules can move."""

import copy
import pickle
import pickletools

import numpy as np
import pytest
from cases import ONE_EACH, follows_rates, rated, variant_id
from controller_cases import SETTINGS
from schedule_cases import CASES

import lrcore as lrc
from lrcore.controllers.catalogue import CONTROLLERS
from lrcore.finding.range_result import judge
from lrcore.schedules.algebra import OPERATORS

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
S, LRS = lrc.CosineAnnealing(0.1, 30), np.geomspace(1e-6, 1.0, 61)
COMBINED = [
    S.warmup(5),
    S.then(lrc.Constant(0.1)),
    S.per_epoch(3),
    S.clip(0.01, 0.05),
    S.shift(2),
    S.stretch(2.0),
    0.5 * S + 0.1,
    S * lrc.Linear(1.0, 0.5, 10),
]


def modules(text: bytes) -> set[str]:
    """The modules that a pickle imports from."""
    found, strings = set(), []
    for op, argument, _ in pickletools.genops(text):
        if op.name == "GLOBAL":
            found.add(argument.split()[0])
        elif op.name == "STACK_GLOBAL":
            found |= {word for word in strings if word.partition(".")[0] == "lrcore"}
        elif isinstance(argument, str):
            strings.append(argument)
    return found


def inner(thing: object) -> set[str]:
    texts = [pickle.dumps(thing, protocol) for protocol in PROTOCOLS]
    return {name for text in texts for name in modules(text) if name.startswith("lrcore.")}


def trained(cls: type, options: dict) -> lrc.Adam:
    acting = ("ReduceOnPlateau", "EarlyStopping") if follows_rates(cls) else ()
    controllers = [CONTROLLERS[name]() for name in acting]
    scale = 0.5 if follows_rates(cls) else 1.0
    groups = [lrc.Group({"w": np.ones(3)}), lrc.Group([np.ones(2)], lr_scale=scale)]
    opt = cls(groups, lr=rated(cls, S.warmup(5)), controller=controllers, **options)
    opt.step([{"w": np.ones(3)}, [np.ones(2)]])
    for controller in controllers:
        controller.update(1.0)
    return opt


@pytest.mark.parametrize("s", [*(case.schedule for case in CASES), *COMBINED], ids=str)
def test_a_schedule_names_the_face_and_comes_back_equal(s):
    if s._is_pure:
        assert inner(s) == set()
        others = [*(pickle.loads(pickle.dumps(s, p)) for p in PROTOCOLS), copy.copy(s)]
        assert [*others, copy.deepcopy(s)] == [s] * (len(PROTOCOLS) + 2)


def test_every_operator_is_found_by_its_name():
    assert {lrc._PICKLED[name] for name in OPERATORS} == set(OPERATORS.values())


@pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)
def test_an_optimizer_names_the_face_with_all_that_it_holds(cls, options):
    opt = trained(cls, options)
    assert inner(opt) == set()
    assert inner(opt.snapshot()) == set()
    assert repr(pickle.loads(pickle.dumps(opt))) == repr(opt)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_controller_names_the_face(name):
    controller = CONTROLLERS[name]()
    controller.bind({"w": np.ones(3)})
    controller.update(1.0, grads={"w": np.ones(3)})
    assert inner(controller) == set()
    again = pickle.loads(pickle.dumps(controller))
    assert repr(again) == repr(controller)
    assert again.settings == controller.settings
    assert repr(again.state_dict()) == repr(controller.state_dict())


RESULTS = [
    lrc.diagnose([1.0, 2.0]),
    lrc.noise_scale_from_norms(1.0, 2.0, 8, 4),
]


@pytest.mark.parametrize("found", RESULTS, ids=lambda found: type(found).__name__)
def test_a_result_names_the_face_and_comes_back_equal(found):
    assert inner(found) == set()
    for again in (pickle.loads(pickle.dumps(found)), copy.copy(found), copy.deepcopy(found)):
        assert again == found
        assert type(again) is type(found)


def test_the_result_of_a_range_test_names_the_face():
    x = np.log10(LRS)
    found = judge(LRS, np.minimum(1, np.abs(x + 2) - 1) + 2, "end")
    assert inner(found) == set()
    assert repr(pickle.loads(pickle.dumps(found))) == repr(found)


class Named(lrc.Group):
    def __init__(self, label, params):
        super().__init__(params, lr_scale=2.0)
        self.label = label


def test_a_class_of_the_users_keeps_its_own_address():
    again = pickle.loads(pickle.dumps(Named("bias", np.ones(2))))
    assert (type(again), again.label, again.lr_scale) == (Named, "bias", 2.0)
    assert Named.__module__ in modules(pickle.dumps(Named("bias", np.ones(2)), 2))


def test_a_group_comes_back_with_its_options():
    group = lrc.Group([np.ones(2)], lr_scale=3.0, names=["a"], lr=S)
    assert inner(group) == set()
    again = pickle.loads(pickle.dumps(group))
    assert (again.lr_scale, again.names, again.overrides) == (3.0, ("a",), {"lr": S})


def test_a_class_that_is_no_longer_there_is_named():
    text = pickle.dumps(S, 0).replace(b"CosineAnnealing", b"CosineAnnealinq")
    with pytest.raises(ValueError, match="CosineAnnealinq is not known here"):
        pickle.loads(text)


def test_what_is_loaded_is_checked_again():
    text = pickle.dumps(lrc.Constant(0.25), 0).replace(b"F0.25", b"F-0.25")
    with pytest.raises(ValueError, match="lr"):
        pickle.loads(text)
