"""Updates of some rows: the reference's bits, what they cost nothing of, and what is refused."""

import itertools
import pickle
import re

import numpy as np
import pytest
from cases import (
    DTYPES,
    ELEMENT_BY_ELEMENT,
    ONE_EACH,
    bits,
    everything,
    gradients,
    variant_id,
)
from places import ROOT

import lrcore as lrc
from lrcore._core import RULES, OpenStep
from lrcore.optimizers.catalogue import OPTIMIZERS
from lrcore.reference.twin import Reference
from lrcore.reference.variants import rule_of

each_rule = pytest.mark.parametrize(("cls", "options"), ELEMENT_BY_ELEMENT, ids=variant_id)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
WITH_SUMS = [variant for variant in ONE_EACH if RULES[rule_of(*variant)].sums]
SHAPES = {"emb": (40, 6), "b": (5,), "cube": (7, 2, 3), "flat": (9,)}


def made(cls=lrc.Adam, shapes=SHAPES, dtype=np.float64, seed=0, **options):
    rng = np.random.default_rng(seed)
    w = {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
    return cls(w, **{"lr": 0.1, **options})


def drawn(rng, shape, n, dtype=np.float64):
    return rng.integers(0, shape[0], n), gradients(rng, (n, *shape[1:]), dtype)


def batches(count, dtype=np.float64, seed=1, shapes=SHAPES):
    """Rows of some arrays, with repetitions, sometimes none, and gradients of the others."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        by_rows = [name for name in shapes if name != "b" and (name == "emb" or i % 3)]
        rows = {name: drawn(rng, shapes[name], rng.integers(0, 12), dtype) for name in by_rows}
        dense = {n: gradients(rng, s, dtype) for n, s in shapes.items() if n not in by_rows}
        yield rows, dense


def summed(rows, shape, dtype):
    """The dense gradient that stands for rows."""
    total = np.zeros(shape, dtype)
    np.add.at(total, rows[0], np.asarray(rows[1]).astype(dtype))
    return total


def assert_equal(opt, twin):
    for name, p, state in zip(opt.names, twin.params, twin.state, strict=True):
        assert bits(opt.roster.arrays[name]) == bits(p)
        for letter, array in state.items():
            assert bits(opt.state[name][letter]) == bits(array), (name, letter)


def run_both(opt, steps):
    twin = Reference(opt)
    for rows, dense in steps:
        assert opt.step_rows(rows, dense) == twin.step_rows(rows, dense)
    assert_equal(opt, twin)


# --- what it computes ------------------------------------------------------------------------


@each_rule
@each_dtype
def test_updates_by_rows_equal_plain_numpy_on_the_touched_rows(cls, options, dtype):
    run_both(made(cls, dtype=dtype, **options), batches(12, dtype))


COMMON = {
    "clip_norm": {"clip_norm": 0.5},
    "clip_value": {"clip_value": 0.05},
    "maximize": {"maximize": True},
    "all": {"clip_norm": 3.0, "clip_value": 0.5, "maximize": True},
    "ema": {"average": lrc.EMA(0.75)},
    "mean": {"average": lrc.Mean(start=2, every=3)},
}


@each_rule
@pytest.mark.parametrize("common", COMMON.values(), ids=COMMON)
def test_common_options_act_on_touched_rows(cls, options, common):
    run_both(made(cls, **options, **common), batches(9))


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
    opt = made(cls, {"emb": (30, 4)}, average=lrc.EMA(0.5), **options)
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


@each_rule
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("shape", [(60, 37), (9, 20, 30)], ids=str)
def test_layouts_do_not_change_a_bit(cls, options, layout, shape):
    rng = np.random.default_rng(5)
    start = rng.standard_normal(shape)
    steps = [drawn(rng, shape, 50) for _ in range(3)]
    found = set()
    for arrange in (np.copy, layout):
        opt = cls(arrange(start), lr=0.1, average=lrc.EMA(0.75), **options)
        for rows, g in steps:
            opt.step_rows({"0": (rows, arrange(g))})
        arrays = [opt.params, *opt.state["0"].values()]
        found.add(tuple(map(bits, arrays)))
    assert len(found) == 1


@each_rule
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


# --- counts ------------------------------------------------------------------------------------


def test_an_update_that_touches_no_row_counts_all_the_same():
    opt = made(lrc.Adam, {"emb": (5, 2)})
    assert opt.step_rows({"emb": ([], np.empty((0, 2)))})
    assert opt.step_rows({"emb": ([], [])})
    assert opt.t == 2
    np.testing.assert_array_equal(opt.params["emb"], made(lrc.Adam, {"emb": (5, 2)}).params["emb"])
    carried, _ = opt.scalars["emb"]
    assert carried["product1"] == pytest.approx(0.9**2, rel=1e-15)


@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (0,)], ids=str)
def test_arrays_without_elements_have_rows_that_hold_nothing(shape):
    opt = made(lrc.Adam, {"emb": shape})
    rows = np.arange(min(shape[0], 2))
    assert opt.step_rows({"emb": (rows, np.zeros((rows.size, *shape[1:])))})
    assert opt.t == 1


def test_all_arrays_count_alike_whatever_was_given_for_them():
    opt = made(lrc.Adam)
    for rows, dense in batches(5):
        opt.step_rows(rows, dense)
    assert len({carried["product2"] for carried, _ in opt.scalars.values()}) == 1
    assert len(opt.roster.recipes) == 1


@each_rule
def test_a_state_that_is_saved_in_between_goes_on_with_the_same_bits(cls, options, tmp_path):
    whole, first = made(cls, **options), made(cls, **options)
    steps = [*batches(8)]
    for rows, dense in steps:
        whole.step_rows(rows, dense)
    for rows, dense in steps[:4]:
        first.step_rows(rows, dense)
    first.save(tmp_path / "x.npz", params=True)
    again = made(cls, seed=9, **options)
    again.load(tmp_path / "x.npz", params=True)
    for opt in (again, pickle.loads(pickle.dumps(first))):
        for rows, dense in steps[4:]:
            opt.step_rows(rows, dense)
        assert everything(opt)[0] == everything(whole)[0]


def test_dense_and_row_steps_take_turns():
    opt = made(lrc.Adam)
    twin = Reference(opt)
    rng = np.random.default_rng(7)
    for rows, dense in batches(6):
        whole = {name: gradients(rng, shape) for name, shape in SHAPES.items()}
        assert opt.step_rows(rows, dense) == twin.step_rows(rows, dense)
        assert opt.step(whole) == twin.step(whole)
    assert_equal(opt, twin)


def test_the_rate_of_one_update_is_used():
    opt = made(lrc.SGD, {"emb": (3, 1)})
    opt.params["emb"][...] = 0.0
    opt.step_rows({"emb": ([1], [[1.0]])}, lr=0.5)
    assert opt.params["emb"].ravel().tolist() == [0.0, -0.5, 0.0]
    assert opt.last_lr == 0.5


# --- forms -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.int32, np.uint64, np.intp, list])
def test_rows_may_be_integers_of_any_kind(kind):
    opt = made(lrc.SGD, {"emb": (5, 1)}, lr=1.0)
    before = opt.params["emb"].copy()
    rows = [4, 0, 4] if kind is list else np.array([4, 0, 4], kind)
    opt.step_rows({"emb": (rows, np.ones((3, 1)))})
    np.testing.assert_array_equal((before - opt.params["emb"]).round(9).ravel(), [1, 0, 0, 0, 2])


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int32, bool, ">f4", list])
def test_gradients_of_rows_cast_as_dense_ones_do(kind):
    values = np.array([[1, 0], [1, 1]])
    given = values.tolist() if kind is list else values.astype(kind)
    some, whole = (made(lrc.Adagrad, {"emb": (5, 2)}, np.float32) for _ in range(2))
    some.step_rows({"emb": ([1, 3], given)})
    whole.step({"emb": summed(([1, 3], values), (5, 2), np.float32)})
    assert everything(some) == everything(whole)


def test_a_gradient_that_overlaps_the_parameter_is_read_before_anything_is_written():
    some, apart = (made(lrc.SGD, {"emb": (6, 2)}) for _ in range(2))
    some.step_rows({"emb": (np.arange(1, 6), some.params["emb"][:5])})
    apart.step_rows({"emb": (np.arange(1, 6), apart.params["emb"][:5].copy())})
    assert everything(some) == everything(apart)


def test_groups_have_an_entry_each():
    def grouped():
        emb, b = np.ones((4, 2)), np.ones(3)
        return lrc.SGD([lrc.Group(emb, lr_scale=2.0), lrc.Group({"b": b})], lr=0.25)

    opt = grouped()
    assert opt.names == ("0.0", "1.b")
    opt.step_rows({"0.0": ([1], [[1.0, 1.0]])}, [None, {"b": np.ones(3)}])
    np.testing.assert_array_equal(opt.params[0], [[1, 1], [0.5, 0.5], [1, 1], [1, 1]])
    np.testing.assert_array_equal(opt.params[1]["b"], 0.75)


def test_nested_parameters_go_by_their_dotted_names():
    w = {"net": [{"emb": np.ones((3, 1)), "b": np.ones(1)}]}
    opt = lrc.SGD(w, lr=1.0)
    opt.step_rows({"net.0.emb": ([2], [[1.0]])}, {"net": [{"b": np.ones(1)}]})
    np.testing.assert_array_equal(w["net"][0]["emb"].ravel(), [1, 1, 0])
    np.testing.assert_array_equal(w["net"][0]["b"], 0)


def test_without_any_rows_it_is_a_step():
    some, whole = made(), made()
    g = {name: np.ones(shape) for name, shape in SHAPES.items()}
    assert some.step_rows({}, g)
    assert whole.step(g)
    assert everything(some) == everything(whole)


def test_frozen_arrays_want_nothing_and_what_they_are_given_is_ignored():
    opt = made()
    opt.freeze(["cube", "flat"])
    before = opt.params["cube"].copy()
    rows = {"emb": ([1], np.ones((1, 6))), "cube": "anything"}
    assert opt.step_rows(rows, {"b": np.ones(5)})
    np.testing.assert_array_equal(opt.params["cube"], before)
    opt.freeze(["b"])
    assert opt.step_rows({"emb": ([1], np.ones((1, 6)))})


def test_what_was_bound_stays_bound_and_is_not_read():
    opt, other = made(lrc.SGD, {"emb": (4, 2)}), made(lrc.SGD, {"emb": (4, 2)})
    bound = {"emb": np.full((4, 2), 0.5)}
    opt.bind(bound)
    for each in (opt, other):
        each.step_rows({"emb": ([0], np.ones((1, 2)))})
    opt.step()
    other.step(bound)
    assert everything(opt) == everything(other)


# --- what is refused ---------------------------------------------------------------------------

ONE = np.ones((1, 6))
B = {"b": np.ones(5)}
WRONG = {
    "negative": (
        {"emb": ([3, -1], np.ones((2, 6)))},
        B,
        ValueError,
        r"\[0, 40\), got -1 at place 1",
    ),
    "too large": (
        {"emb": ([40], ONE)},
        B,
        ValueError,
        r'rows of "emb" must be in \[0, 40\), got 40',
    ),
    "huge": (
        {"emb": (np.array([2**64 - 1], np.uint64), ONE)},
        B,
        ValueError,
        "18446744073709551615",
    ),
    "mask": (
        {"emb": (np.ones(1, bool), ONE)},
        B,
        TypeError,
        "integers, got bool; numpy.flatnonzero",
    ),
    "floats": ({"emb": (np.ones(1), ONE)}, B, TypeError, "integers, got float64"),
    "two axes": ({"emb": ([[1]], ONE)}, B, ValueError, r"one axis, got shape \(1, 1\)"),
    "number": ({"emb": (1, ONE)}, B, ValueError, "one axis"),
    "masked rows": ({"emb": (np.ma.array([1]), ONE)}, B, TypeError, "masked"),
    "masked": ({"emb": ([1], np.ma.array(ONE))}, B, TypeError, 'rows of "emb" is a masked array'),
    "too few": (
        {"emb": ([1, 2], ONE)},
        B,
        ValueError,
        r"shape \(1, 6\); 2 rows of an array of shape",
    ),
    "too narrow": ({"emb": ([1], ONE[:, :5])}, B, ValueError, r"have \(1, 6\)"),
    "complex": ({"emb": ([1], ONE * 1j)}, B, TypeError, "complex128, which does not cast"),
    "words": ({"emb": ([1], [["a"] * 6])}, B, TypeError, "does not cast"),
    "ragged": ({"emb": ([1], [[1.0], [1.0, 2.0]])}, B, ValueError, "cannot be made an array"),
    "gradient alone": ({"emb": ONE}, B, TypeError, "must be .rows, grad_rows. .*got a ndarray"),
    "three": ({"emb": ([1], ONE, 3)}, B, TypeError, "got a tuple of 3"),
    "unknown": ({"embed": ([1], ONE)}, B, ValueError, "no parameter is named 'embed': .'emb', 'b'"),
    "no mapping": ([([1], ONE)], B, TypeError, "must be a mapping .* got a list"),
    "neither": ({"emb": ([1], ONE)}, None, ValueError, "b: neither rows nor a gradient"),
    "missing": ({"emb": ([1], ONE)}, {}, ValueError, r"missing keys \['b'\]"),
    "none": ({"emb": ([1], ONE)}, {"b": None}, TypeError, 'gradient "b" is None'),
    "both": ({"emb": ([1], ONE)}, {**B, "emb": ONE}, ValueError, '"emb" has rows and a gradient'),
    "another key": ({"emb": ([1], ONE)}, {**B, "c": 1}, ValueError, r"unexpected keys \['c'\]"),
    "no structure": ({"emb": ([1], ONE)}, [1], TypeError, "expected a mapping"),
    "dense shape": ({"emb": ([1], ONE)}, {"b": np.ones(4)}, ValueError, r'"b" has shape \(4,\)'),
    "nan": ({"emb": ([1], ONE * np.nan)}, B, FloatingPointError, r'"emb" \(6 of 6, first nan'),
    "dense nan": (
        {"emb": ([1], ONE)},
        {"b": np.full(5, np.inf)},
        FloatingPointError,
        '"b" .5 of 5',
    ),
}


@pytest.mark.parametrize(("rows", "grads", "error", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named_and_changes_nothing(rows, grads, error, message):
    opt = made(lrc.Adam, {"emb": (40, 6), "b": (5,)})
    opt.step_rows({"emb": ([1], ONE)}, B)
    before, scalars = everything(opt), opt.scalars
    with pytest.raises(error, match=message):
        opt.step_rows(rows, grads)
    assert (everything(opt), opt.scalars) == (before, scalars)
    assert opt.step_rows({"emb": ([1], ONE)}, B)


@pytest.mark.parametrize("lr", [-1.0, np.nan, "1", True])
def test_a_senseless_rate_is_refused(lr):
    with pytest.raises((TypeError, ValueError), match="step_rows: lr must be"):
        made(lrc.SGD, {"emb": (40, 6)}).step_rows({"emb": ([1], ONE)}, lr=lr)


def test_a_single_number_has_no_rows():
    with pytest.raises(ValueError, match='"s" is a single number'):
        lrc.SGD({"s": np.zeros(())}).step_rows({"s": ([0], [1.0])})


@pytest.mark.parametrize(("cls", "options"), WITH_SUMS, ids=variant_id)
def test_rules_with_sums_over_the_array_are_refused(cls, options):
    opt = made(cls, {"emb": (40, 6), "b": (5,)}, **options)
    before = everything(opt)
    with pytest.raises(TypeError, match=f'{cls.__name__}: "emb" cannot be updated by rows'):
        opt.step_rows({"emb": ([1], ONE)}, B)
    assert everything(opt) == before


@pytest.mark.parametrize("common", [{}, {"clip_norm": 1.0}], ids=["plain", "clip_norm"])
def test_gradients_whose_sum_is_infinite_are_refused(common):
    opt = made(lrc.SGD, {"emb": (4, 1)}, np.float32, **common)
    before = everything(opt)
    big = np.full((2, 1), 3e38, np.float32)
    with pytest.raises(FloatingPointError, match=r'gradient "emb" \(1 of 1, first inf'):
        opt.step_rows({"emb": ([2, 2], big)})
    assert everything(opt) == before


def test_updates_that_are_not_finite_are_skipped_or_let_through():
    bad = {"emb": ([2], np.full((1, 1), np.nan))}
    opt = made(lrc.SGD, {"emb": (4, 1)}, nonfinite="skip")
    before = everything(opt)[0]
    assert not opt.step_rows(bad)
    assert (everything(opt)[0], opt.skipped, opt.t) == (before, 1, 0)
    opt = made(lrc.SGD, {"emb": (4, 1)}, nonfinite="allow")
    assert opt.step_rows(bad)
    assert np.isnan(opt.params["emb"]).ravel().tolist() == [False, False, True, False]


def test_a_parameter_that_was_replaced_resized_or_is_read_only_is_refused():
    opt = made(lrc.SGD, {"emb": (40, 6)})
    w = opt.params
    kept = w["emb"]
    w["emb"] = kept.copy()
    with pytest.raises(ValueError, match="replaced"):
        opt.step_rows({"emb": ([1], ONE)})
    w["emb"] = kept
    kept.flags.writeable = False
    with pytest.raises(ValueError, match='"emb" is read-only'):
        opt.step_rows({"emb": ([1], ONE)})
    kept.flags.writeable = True
    kept.shape = (6, 40)
    with pytest.raises(ValueError, match='"emb" was resized'):
        opt.step_rows({"emb": ([1], ONE)})
    kept.shape = (40, 6)
    assert opt.step_rows({"emb": ([1], ONE)})


def test_a_rate_that_is_none_changes_nothing():
    opt = made(lrc.SGD, {"emb": (40, 6)}, lr=lambda t: np.nan)
    before = everything(opt)
    with pytest.raises(ValueError, match="lr must be a finite number"):
        opt.step_rows({"emb": ([1], ONE)})
    assert everything(opt) == before


def test_callbacks_open_steps_and_evaluation_refuse_it():
    rows = {"emb": ([1], ONE)}
    opt = made(lrc.SGD, {"emb": (40, 6)}, lr=lambda t: opt.step_rows(rows))
    with pytest.raises(RuntimeError, match="callback"):
        opt.step_rows(rows)
    opt = made(lrc.SGD, {"emb": (40, 6)}, average=lrc.EMA(0.5))
    with pytest.raises(RuntimeError, match="eval_params"), opt.eval_params():
        opt.step_rows(rows)
    with (
        pytest.raises(RuntimeError, match="measured step"),
        OpenStep(opt, {"emb": np.ones((40, 6))}),
    ):
        opt.step_rows(rows)
    with pytest.raises(RuntimeError, match="initialised"):
        lrc.SGD.__new__(lrc.SGD).step_rows(rows)
    assert opt.step_rows(rows)


# --- others that look on -------------------------------------------------------------------------


def test_a_monitor_leaves_such_updates_out():
    alone, watched = (made(lrc.Adam, {"emb": (40, 6)}) for _ in range(2))
    monitor = lrc.Monitor(watched)
    for opt in (alone, watched):
        opt.step({"emb": np.ones((40, 6))})
        opt.step_rows({"emb": ([1, 2], np.ones((2, 6)))})
        opt.step({"emb": np.ones((40, 6))})
    assert everything(alone) == everything(watched)
    assert len(monitor.history) == 2


def test_a_range_test_counts_them_as_updates():
    rng = np.random.default_rng(0)
    w = rng.standard_normal((30, 4))
    opt = lrc.SGD({"emb": w}, lr=0.1)
    before = everything(opt)
    test = lrc.RangeTest(opt, start=1e-5, end=10.0, num=40)
    for _ in test:
        rows = rng.integers(0, 30, 8)
        loss = 0.5 * float((w[rows] ** 2).sum())
        opt.step_rows({"emb": (rows, w[rows])})
        test.report(loss)
    assert len(test.result.losses) > 3
    assert everything(opt)[:2] == before[:2]


def test_controllers_scale_the_rate():
    plateau = lrc.ReduceOnPlateau(factor=0.5, patience=1)
    opt = lrc.SGD({"emb": np.zeros((3, 1))}, lr=1.0, controller=plateau)
    plateau.update(1.0)
    plateau.update(1.0)
    opt.step_rows({"emb": ([1], [[1.0]])})
    assert opt.params["emb"].ravel().tolist() == [0.0, -0.5, 0.0]


def test_effective_rates_are_those_of_the_state():
    opt = made(lrc.Adam, {"emb": (4, 1)})
    opt.step_rows({"emb": ([1], [[2.0]])})
    assert opt.effective_lr("emb")[1, 0] == pytest.approx(0.1 / 2.0, rel=1e-6)
