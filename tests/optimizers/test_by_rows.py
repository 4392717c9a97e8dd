"""Updates of some rows: the reference's bits, whatever the layout, the order, the threads."""

import itertools
import re

import numpy as np
import pytest
from cases import averaged, bits, everything, gradients, variant_id
from places import ROOT
from row_cases import (
    AVERAGED_BY_ROWS,
    SHAPES,
    batches,
    drawn,
    each_dtype,
    each_rule,
    few_rules,
    made,
    run_both,
    summed,
)

import lrcore as lrc
from lrcore._core import RULES
from lrcore.optimizers.catalogue import OPTIMIZERS
from lrcore.reference.variants import rule_of


@each_rule
@each_dtype
def test_updates_by_rows_equal_plain_numpy_on_the_touched_rows(cls, options, dtype):
    run_both(made(cls, dtype=dtype, **options), batches(12, dtype))


COMMON = {
    "clip_norm": {"clip_norm": 0.5},
    "clip_value": {"clip_value": 0.05},
    "maximize": {"maximize": True},
    "all": {"clip_norm": 3.0, "clip_value": 0.5, "maximize": True},
}


@each_rule
@pytest.mark.parametrize("common", COMMON.values(), ids=COMMON)
def test_common_options_act_on_touched_rows(cls, options, common):
    run_both(made(cls, **options, **common), batches(9))


@pytest.mark.parametrize("kind", [lrc.EMA(0.75), lrc.Mean(start=2, every=3)], ids=repr)
@pytest.mark.parametrize(("cls", "options"), AVERAGED_BY_ROWS, ids=variant_id)
def test_averages_of_touched_rows_move(cls, options, kind):
    run_both(made(cls, average=kind, **options), batches(9))


@pytest.mark.parametrize("cls", [lrc.SGD, lrc.Adam, lrc.RMSprop], ids=variant_id)
def test_schedules_and_coupled_decay_act_as_in_any_step(cls):
    lr = lrc.CosineAnnealing(0.1, steps=10).warmup(4)
    run_both(made(cls, lr=lr, l2=0.1), batches(9))


def test_decay_of_weights_acts_on_touched_rows_alone():
    opt = made(lrc.AdamW, {"emb": (4, 2)}, weight_decay=0.5)
    before = opt.params["emb"].copy()
    opt.step_rows({"emb": ([2], np.zeros((1, 2)))})
    np.testing.assert_array_equal(opt.params["emb"][[0, 1, 3]], before[[0, 1, 3]])
    np.testing.assert_allclose(opt.params["emb"][2], before[2] * (1 - 0.1 * 0.5), rtol=1e-15)


NEVER_LAZY = [
    (lrc.SGD, {}),
    (lrc.Adagrad, {}),
    (lrc.Adagrad, {"eps": 1e-4, "eps_root": 1e-3, "initial_accumulator_value": 0.5}),
    (lrc.SGD, {"clip_value": 0.1, "maximize": True}),
]


@pytest.mark.parametrize(("cls", "options"), NEVER_LAZY, ids=variant_id)
@each_dtype
def test_sgd_and_adagrad_have_the_bits_of_the_dense_step(cls, options, dtype):
    some, whole = (made(cls, dtype=dtype, **options) for _ in range(2))
    for rows, dense in batches(40, dtype):
        some.step_rows(rows, dense)
        rows = {name: summed(given, SHAPES[name], dtype) for name, given in rows.items()}
        whole.step({**rows, **dense})
        assert everything(some) == everything(whole)


def is_lazy(cls, options):
    some, whole = (made(cls, {"emb": (6, 3)}, **options) for _ in range(2))
    for row in (0, 3, 0, 5):
        given = [row], np.full((1, 3), 0.5)
        some.step_rows({"emb": given})
        whole.step({"emb": summed(given, (6, 3), float)})
    return everything(some) != everything(whole)


PAGE = (ROOT / "docs/guide/rows.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)\((.*)\)` \| (dense|lazy|refused) \|", PAGE, re.MULTILINE)


def test_the_page_has_a_row_for_every_optimizer():
    assert [*dict.fromkeys(name for name, _, _ in ROWS)] == [*OPTIMIZERS]


@pytest.mark.parametrize(("name", "options", "manner"), ROWS)
def test_the_page_says_which_rules_are_lazy(name, options, manner):
    cls, given = OPTIMIZERS[name], eval(f"dict({options})")
    if manner == "refused":
        assert RULES[rule_of(cls, given)].sums
    else:
        assert is_lazy(cls, given) == (manner == "lazy")


@each_rule
def test_rows_that_are_not_named_keep_their_bits_in_parameters_and_state(cls, options):
    opt = made(cls, {"emb": (30, 4)}, **averaged(cls, lrc.EMA(0.5)), **options)
    rng = np.random.default_rng(2)
    for _ in range(3):
        opt.step({"emb": gradients(rng, (30, 4))})
    others = np.setdiff1d(np.arange(30), [4, 17, 29])
    before = [a[others].copy() for a in (opt.params["emb"], *opt.state["emb"].values())]
    opt.step_rows({"emb": ([17, 4, 29, 4], gradients(rng, (4, 4)))})
    after = [a[others] for a in (opt.params["emb"], *opt.state["emb"].values())]
    assert [*map(bits, before)] == [*map(bits, after)]


@each_dtype
def test_gradients_of_a_row_are_added_in_the_order_given(dtype):
    tiny = 0.6 * np.finfo(dtype).eps
    for order in itertools.permutations([1.0, tiny, tiny, -1.0]):
        opt = made(lrc.SGD, {"emb": (3, 1)}, dtype, lr=1.0)
        opt.params["emb"][...] = 0.0
        opt.step_rows({"emb": ([1] * 4, np.array(order, dtype)[:, None])})
        total = np.zeros(3, dtype)
        np.add.at(total, [1] * 4, np.array(order, dtype))
        np.testing.assert_array_equal(opt.params["emb"][:, 0], -total)


@each_dtype
@pytest.mark.parametrize("common", [{}, {"clip_norm": 0.25}], ids=["plain", "clip_norm"])
def test_the_order_of_different_rows_changes_no_bit(dtype, common):
    rng = np.random.default_rng(3)
    rows, g = rng.permutation(5000)[:3000], gradients(rng, (3000, 3), dtype)
    found = set()
    for order in (np.arange(3000), np.argsort(rows), rng.permutation(3000)):
        opt = made(lrc.Adam, {"emb": (5000, 3)}, dtype, **common)
        opt.step_rows({"emb": (rows[order], g[order])})
        found.add(bits(opt.params["emb"]))
    assert len(found) == 1


@pytest.mark.parametrize("n", [1, 2**11, 2**11 + 1, 2**22 + 3])
def test_rows_of_any_size_of_number_are_sorted(n):
    rng = np.random.default_rng(4)
    rows = np.concatenate([[n - 1, 0, n // 2], rng.integers(0, n, 300)])
    g = rng.standard_normal(rows.size)
    w = np.zeros(n)
    lrc.SGD(w, lr=1.0).step_rows({"0": (rows, g)})
    expected = np.zeros(n)
    np.add.at(expected, rows, g)
    np.testing.assert_array_equal(w, -expected)


LAYOUTS = {
    "F": np.asfortranarray,
    "every other": lambda x: np.repeat(np.repeat(x, 2, axis=0), 2, axis=-1)[::2, ..., ::2],
    "backwards": lambda x: np.ascontiguousarray(x[::-1, ..., ::-1])[::-1, ..., ::-1],
    "turned": lambda x: np.ascontiguousarray(x.swapaxes(0, -1)).swapaxes(0, -1),
}


@few_rules
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("shape", [(60, 37), (9, 20, 30)], ids=str)
def test_layouts_do_not_change_a_bit(cls, options, layout, shape):
    rng = np.random.default_rng(5)
    start = rng.standard_normal(shape)
    steps = [drawn(rng, shape, 50) for _ in range(3)]
    found = set()
    for arrange in (np.copy, layout):
        opt = cls(arrange(start), lr=0.1, **averaged(cls, lrc.EMA(0.75)), **options)
        for rows, g in steps:
            opt.step_rows({"0": (rows, arrange(g))})
        arrays = [opt.params, *opt.state["0"].values()]
        found.add(tuple(map(bits, arrays)))
    assert len(found) == 1


@few_rules
@each_dtype
def test_many_threads_have_the_same_bits(cls, options, dtype):
    rng = np.random.default_rng(6)
    shapes = {"emb": (30_000, 24), "b": (70_000,)}
    rows = {"emb": drawn(rng, shapes["emb"], 20_000, dtype)}
    dense = {"b": gradients(rng, shapes["b"], dtype)}
    found = set()
    for threads in (1, 2, 5):
        opt = made(cls, shapes, dtype, num_threads=threads, clip_norm=5.0, **options)
        for _ in range(2):
            opt.step_rows(rows, dense)
        found.add(str(everything(opt)))
    assert len(found) == 1
