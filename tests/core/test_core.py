"""The compiled step against plain NumPy, bit for bit."""

import itertools

import numpy as np
import pytest
from cases import (
    BY_RULE,
    DTYPES,
    ELEMENT_BY_ELEMENT,
    ONE_EACH,
    SIZES,
    VARIANTS,
    bits,
    gradients,
    variant_id,
)

import lrcore as lrc
from lrcore import reference
from lrcore._core import RULES
from lrcore.reference.twin import Reference

each_variant = pytest.mark.parametrize(("cls", "options"), VARIANTS, ids=variant_id)
each_rule = pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)


def assert_same(opt, twin):
    for name, array, expected in zip(opt.names, leaves(opt), twin.params, strict=True):
        assert bits(array) == bits(expected), f"parameter {name}"
        for key, state in twin.state[opt.names.index(name)].items():
            assert bits(opt.state[name][key]) == bits(state), f"{key} of {name}"


def leaves(opt):
    return [*opt.roster.arrays.values()]


def run_both(opt, draw, steps=8):
    twin = Reference(opt)
    for _ in range(steps):
        grads = draw()
        with np.errstate(all="ignore"):
            assert opt.step(grads) == twin.step(grads)
        assert_same(opt, twin)


def test_the_reference_has_every_rule_of_the_list_and_no_other():
    assert list(reference.RULES) == list(RULES)


def test_every_rule_of_the_list_is_reached_by_an_optimizer():
    assert set(BY_RULE) == set(RULES)


@each_variant
@each_dtype
def test_steps_equal_plain_numpy(cls, options, dtype):
    rng = np.random.default_rng(0)
    params = [rng.standard_normal(n).astype(dtype) for n in SIZES]
    run_both(cls(params, lr=0.1, **options), lambda: [gradients(rng, n, dtype) for n in SIZES])


@each_rule
@each_dtype
@pytest.mark.parametrize("offset", [0, 1])
def test_sizes_around_the_vector_width_at_any_offset_are_right(cls, options, dtype, offset):
    rng = np.random.default_rng(1)
    params = [rng.standard_normal(n + offset).astype(dtype)[offset:] for n in range(70)]
    opt = cls(params, lr=0.1, **options)
    run_both(opt, lambda: [gradients(rng, n + 1, dtype)[1:] for n in range(70)], steps=3)


@each_rule
@each_dtype
def test_arrays_of_several_chunks_are_right(cls, options, dtype):
    rng = np.random.default_rng(2)
    sizes = (16384, 16385, 50_000, 3)
    opt = cls([np.ones(n, dtype) for n in sizes], lr=0.1, clip_norm=1.0, **options)
    run_both(opt, lambda: [gradients(rng, n, dtype) for n in sizes], steps=2)


@each_rule
def test_every_group_of_either_dtype_has_its_own_scalars(cls, options):
    rng = np.random.default_rng(5)
    groups = [lrc.Group(rng.standard_normal((2, 9)).astype(dtype)) for dtype in DTYPES * 2]
    opt = cls(groups, lr=0.1, **options)
    run_both(opt, lambda: [gradients(rng, (2, 9)) for _ in groups], steps=4)


SPECIAL = (0.0, -0.0, 1.0, -2.5, 1e-3, np.inf, -np.inf, np.nan)


@each_variant
@each_dtype
def test_special_values_are_treated_as_in_numpy(cls, options, dtype):
    info = np.finfo(dtype)
    edge = (info.tiny, -info.tiny, info.smallest_subnormal, info.max, -info.max, info.tiny / 2)
    values = np.array([*SPECIAL, *edge], dtype)
    p, g = (np.array(column) for column in zip(*itertools.product(values, values), strict=True))
    opt = cls(p.copy(), lr=0.1, nonfinite="allow", **options)
    run_both(opt, lambda: g, steps=3)


@each_rule
@each_dtype
def test_state_that_fades_out_becomes_zero_and_never_denormal(cls, options, dtype):
    opt = cls(np.ones(40, dtype), lr=0.1, **options)
    twin = Reference(opt)
    tiny = np.finfo(dtype).tiny
    start = np.geomspace(float(tiny), 1.0, 40).astype(dtype)
    for key, array in opt.state["0"].items():
        array[...] = twin.state[0][key][...] = np.resize(start, array.shape)
    for _ in range(50):
        opt.step(np.zeros(40, dtype))
        twin.step(np.zeros(40, dtype))
    assert_same(opt, twin)
    for array in opt.state["0"].values():
        assert not ((array != 0) & (np.abs(array) < tiny)).any()


COMMON = (
    {"maximize": True},
    {"clip_value": 0.01},
    {"clip_norm": 0.5},
    {"clip_norm": 1e9},
    {"clip_norm": 0.5, "clip_value": 0.01, "maximize": True},
)


@each_rule
@each_dtype
@pytest.mark.parametrize("common", COMMON, ids=variant_id)
def test_common_options_equal_plain_numpy(cls, options, dtype, common):
    rng = np.random.default_rng(3)
    shapes = [(5, 7), (3000,), ()]
    params = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    opt = cls(params, lr=0.1, **options, **common)
    run_both(opt, lambda: [gradients(rng, shape, dtype) for shape in shapes], steps=4)


# For each layout a buffer's shape and the view of it, of shape (3, 5, 4).
LAYOUTS = {
    "C": ((3, 5, 4), lambda b: b),
    "F": ((4, 5, 3), lambda b: b.T),
    "permuted": ((5, 4, 3), lambda b: b.transpose(2, 0, 1)),
    "strided": ((6, 10, 8), lambda b: b[::2, ::2, ::2]),
    "reversed": ((3, 5, 4), lambda b: b[::-1, :, ::-1]),
    "inner part": ((5, 8, 4), lambda b: b[1:4, 2:7]),
    "backwards": ((7, 5, 8), lambda b: b[-2::-2, :, ::-2]),
}


def arranged(array, layout):
    shape, view_of = LAYOUTS[layout]
    view = view_of(np.zeros(shape, array.dtype))
    view[...] = array
    return view


@each_rule
@each_dtype
@pytest.mark.parametrize("common", [{}, {"clip_norm": 0.5}, {"clip_value": 0.1}], ids=variant_id)
def test_layouts_do_not_change_a_bit(cls, options, dtype, common):
    rng = np.random.default_rng(4)
    start = rng.standard_normal((3, 5, 4)).astype(dtype)
    grads = [gradients(rng, start.shape, dtype) for _ in range(3)]
    results = set()
    for p_layout, g_layout in itertools.product(LAYOUTS, LAYOUTS):
        p = arranged(start, p_layout)
        opt = cls(p, lr=0.1, **options, **common)
        for g in grads:
            opt.step(arranged(g, g_layout))
        results.add((bits(p), *(bits(s) for s in opt.state["0"].values())))
    assert len(results) == 1


def test_a_strided_step_writes_nothing_between_the_elements():
    buffer = np.full((9, 8), 7.0)
    view = buffer[1:7:2, ::3]
    lrc.Adam(view, lr=1.0).step(np.ones(view.shape))
    expected = np.full((9, 8), 7.0)
    expected[1:7:2, ::3] = view
    np.testing.assert_array_equal(buffer, expected)
    assert (view != 7.0).all()


@each_rule
@pytest.mark.parametrize(("dtype", "other"), [DTYPES, DTYPES[::-1]], ids=["float32", "float64"])
def test_gradients_of_the_other_float_dtype_are_rounded_to_the_parameters(
    cls, options, dtype, other
):
    rng = np.random.default_rng(7)
    g = gradients(rng, (40, 50), other)
    p = rng.standard_normal((40, 50)).astype(dtype)
    q = p.copy()
    cls(p, **options).step(g)
    cls(q, **options).step(g.astype(dtype))
    np.testing.assert_array_equal(p, q)


@pytest.mark.parametrize(
    "dtype", [np.float16, np.int8, np.int64, np.longdouble, ">f4", ">f8", bool]
)
def test_gradients_of_any_dtype_that_casts_are_cast(dtype):
    g = np.array([0, 1, 3, 1], dtype)
    p, q = np.ones(4, np.float32), np.ones(4, np.float32)
    lrc.SGD(p).step(g)
    lrc.SGD(q).step(g.astype(np.float32))
    np.testing.assert_array_equal(p, q)


def test_gradients_may_be_nested_lists():
    p = np.ones((2, 2))
    lrc.SGD([p], lr=1.0).step([[[1, 2], [3, 4]]])
    np.testing.assert_array_equal(p, [[0, -1], [-2, -3]])


def test_a_misaligned_gradient_is_right():
    g = np.zeros(33, np.uint8)[1:].view(np.float64)
    g[...] = [1, 2, 3, 4]
    p = np.zeros(4)
    lrc.SGD(p, lr=1.0).step(g)
    np.testing.assert_array_equal(p, [-1, -2, -3, -4])


def test_the_parameter_itself_may_be_its_gradient():
    p = np.arange(5.0)
    lrc.SGD(p, lr=0.5).step(p)
    np.testing.assert_array_equal(p, np.arange(5.0) / 2)


def test_gradients_that_overlap_parameters_are_read_before_anything_is_written():
    buffer = np.arange(8.0)
    p, q = buffer[:4], buffer[4:]
    lrc.SGD([p, q], lr=1.0).step([buffer[2:6], buffer[:4]])
    np.testing.assert_array_equal(buffer, [-2, -2, -2, -2, 4, 4, 4, 4])


def test_state_may_be_given_as_a_gradient():
    p = np.ones(3)
    opt = lrc.SGD(p, lr=1.0, momentum=0.5)
    opt.step(np.ones(3))
    opt.step(opt.state["0"]["b"])
    np.testing.assert_array_equal(p, 1 - 1 - 1.5)


def test_two_parameters_may_share_a_gradient():
    p, q, g = np.ones(3), np.zeros(3), np.ones(3)
    lrc.SGD([p, q], lr=1.0).step([g, g])
    np.testing.assert_array_equal(p, 0.0)
    np.testing.assert_array_equal(q, -1.0)


def test_gradients_are_never_changed():
    g = np.array([3.0, -4.0])
    lrc.SGD(np.ones(2), clip_norm=1.0, clip_value=0.1, maximize=True, l2=0.5).step(g)
    np.testing.assert_array_equal(g, [3.0, -4.0])


@each_dtype
def test_empty_and_scalar_arrays_are_updated(dtype):
    empty, scalar, ones = np.zeros((3, 0, 2), dtype), np.array(1, dtype), np.ones((1, 1, 1), dtype)
    opt = lrc.Adam([empty, scalar, ones], lr=0.5)
    opt.step([np.zeros((3, 0, 2), dtype), np.array(2, dtype), np.ones((1, 1, 1), dtype)])
    assert scalar == pytest.approx(0.5)
    assert ones[0, 0, 0] == pytest.approx(0.5)


def test_only_empty_arrays_make_a_step_too():
    opt = lrc.Adam(np.zeros((0, 3)), clip_norm=1.0)
    assert opt.step(np.zeros((0, 3)))
    assert opt.t == 1


@pytest.mark.parametrize(("cls", "options"), ELEMENT_BY_ELEMENT, ids=variant_id)
@each_dtype
def test_one_call_equals_many(cls, options, dtype):
    rng = np.random.default_rng(8)
    whole = rng.standard_normal(40_000).astype(dtype)
    cuts = [0, 1, 17, 16_000, 16_400, 40_000]
    parts = [whole[a:b].copy() for a, b in itertools.pairwise(cuts)]
    together, each = cls(whole, **options), cls(parts, **options)
    for _ in range(3):
        g = gradients(rng, 40_000, dtype)
        together.step(g)
        each.step([g[a:b] for a, b in itertools.pairwise(cuts)])
    assert bits(whole) == bits(np.concatenate(parts))


def test_no_floating_point_warning_comes_out_of_a_step():
    with np.errstate(all="raise"):
        for cls, options in ONE_EACH:
            cls(np.ones(40, np.float32), **options).step(np.full(40, 1e-3, np.float32))


@each_dtype
@pytest.mark.parametrize("decay", [1e-300, 3.0, 1e4, 1e308])
def test_the_momentum_of_nadam_warms_up_alike_however_slowly_or_fast(dtype, decay):
    p = np.ones(20, dtype)
    opt = lrc.NAdam(p, momentum_decay=decay)
    twin = Reference(opt)
    for _ in range(3):
        opt.step(np.ones(20))
        twin.step(np.ones(20))
    assert bits(p) == bits(twin.params[0])
