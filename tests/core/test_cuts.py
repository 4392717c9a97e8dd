"""The places where the compiled core does something else from there on, met to the bit: the least
numbers that are kept, the last element of a block, of a chunk and of a line, the ends of ranges."""

import inspect

import numpy as np
import pytest
from cases import DTYPES, ONE_EACH, bits, gradients, variant_id

import lrcore as lrc
from lrcore import _core
from lrcore._core import OBSERVED
from lrcore.reference.norm import norm
from lrcore.reference.twin import Reference

# Around the lanes of a sum, the blocks and chunks of src/step/job.h, and two of each.
SIZES = (1, 15, 16, 17, 31, 32, 33, 1023, 1024, 1025, 2047, 2049, 16383, 16384, 16385, 32769)

each_rule = pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)


def assert_same(opt, twin):
    for i, (name, expected) in enumerate(zip(opt.names, twin.params, strict=True)):
        assert bits(opt.roster.arrays[name]) == bits(expected), f"parameter {name}"
        for key, state in twin.state[i].items():
            assert bits(opt.state[name][key]) == bits(state), f"{key} of {name}"


def around(*values):
    """Each value and its neighbours, of both signs."""
    values = np.array(values)
    near = [np.nextafter(values, 0, dtype=values.dtype), values, np.nextafter(values, values * 2)]
    return np.concatenate([*near, *(-part for part in near)])


NO_MEMORY = {"betas": (0.0, 0.0), "rho": 0.0}


@each_rule
@each_dtype
@pytest.mark.parametrize("forgetful", [False, True])
def test_what_is_too_small_to_keep_is_so_to_the_bit(cls, options, dtype, forgetful):
    names = inspect.signature(cls).parameters
    decays = {name: value for name, value in NO_MEMORY.items() if forgetful and name in names}
    if "betas" in decays and cls is lrc.ScheduleFreeAdamW:  # whose first divides
        decays["betas"] = (0.5, 0.0)
    tiny = np.finfo(dtype).tiny
    root = np.sqrt(tiny)
    g = around(tiny, 65536 * tiny, root, 256 * root, 65536 * root)
    opt = cls(np.ones(g.size, dtype), lr=1.0, **{**options, **decays})
    twin = Reference(opt)
    for gradient in (g, np.zeros_like(g)):
        opt.step(gradient)
        twin.step(gradient)
        assert_same(opt, twin)


@each_dtype
def test_a_velocity_is_kept_from_65536_times_the_least_normal_number_on(dtype):
    least = 65536 * np.finfo(dtype).tiny
    g = around(least)
    opt = lrc.SGD(np.ones(g.size, dtype), momentum=0.5)
    opt.step(g)
    np.testing.assert_array_equal(opt.state["0"]["b"], np.where(np.abs(g) < least, 0, g))


@pytest.mark.parametrize("exponent", [-452, -451, -450, -449, -448, 510, 511, 512, 513, 514])
@pytest.mark.parametrize("factor", [0.75, 1.0])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_the_norm_changes_its_scale_where_the_reference_does(exponent, factor, n):
    g = np.full(n, factor * 2.0**exponent)
    with np.errstate(over="ignore"):
        assert _core.global_norm([g]) == norm([g])
        assert _core.global_norm([-g, g[:0], 2 * g]) == norm([-g, g[:0], 2 * g])


@each_dtype
@pytest.mark.parametrize("n", SIZES)
def test_the_norm_of_any_number_of_elements_is_that_of_the_reference(dtype, n):
    rng = np.random.default_rng(n)
    arrays = [gradients(rng, size, dtype) for size in (3, n, 0, n)]
    assert _core.global_norm(arrays) == norm(arrays)


@each_dtype
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("place", [0, -1])
def test_a_gradient_that_is_not_finite_is_seen_wherever_it_is(dtype, n, place):
    for bad in (np.nan, np.inf, -np.inf):
        g = [np.ones(5, dtype), np.ones(n, dtype), np.ones(0, dtype)]
        g[1][place] = bad
        opt = lrc.SGD([a.copy() for a in g], nonfinite="skip")
        assert not opt.step(g)
        strided = [np.repeat(a, 2)[::2] for a in g]
        assert not opt.step(strided)


WAYS = {
    "flat": (lambda a: a, {}),
    "strided": (lambda a: np.repeat(a, 2)[::2], {}),
    "coupled": (lambda a: a, {"l2": 0.5}),
    "limited": (lambda a: a, {"clip_value": 0.5}),
    "scaled": (lambda a: a, {"clip_norm": 0.5, "l2": 0.5}),
    "reversed": (lambda a: a[::-1].copy()[::-1], {"maximize": True}),
}


@each_dtype
@pytest.mark.parametrize("way", WAYS)
def test_blocks_and_chunks_end_where_they_should(dtype, way):
    arrange, options = WAYS[way]
    rng = np.random.default_rng(0)
    params = [arrange(rng.standard_normal(n).astype(dtype)) for n in SIZES]
    opt = lrc.SGD(params, momentum=0.5, **options)
    twin = Reference(opt)
    for _ in range(2):
        grads = [arrange(gradients(rng, n, dtype)) for n in SIZES]
        opt.step(grads)
        twin.step(grads)
    assert_same(opt, twin)


@each_dtype
@pytest.mark.parametrize("way", ["flat", "strided", "scaled"])
def test_threads_begin_and_end_their_chunks_where_one_does(dtype, way):
    arrange, options = WAYS[way]
    rng = np.random.default_rng(0)
    sizes = [0, 0, 16385, 1, 0, 5, 540_001, *[3] * 50, 0, 16384, 16383, 2, 0]
    start = [rng.standard_normal(n).astype(dtype) for n in sizes]
    grads = [gradients(rng, n, dtype) for n in sizes]
    found = []
    for threads in (1, 3):
        params = [arrange(a.copy()) for a in start]
        lrc.SGD(params, num_threads=threads, **options).step(grads)
        found.append([bits(p) for p in params])
    assert found[0] == found[1]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("way", ["flat", "strided"])
def test_every_element_is_observed_once(n, way):
    arrange, _ = WAYS[way]
    w = [arrange(np.ones(n)), arrange(np.ones(7))]
    opt = lrc.SGD(w, lr=0.25)
    monitor = lrc.Monitor(opt)
    for _ in range(2):
        opt.step([np.where(np.arange(a.size) % 2, 0.0, 1.0) for a in w])
    moved = n // 2 + n % 2
    table = opt._observed()[1]
    for row, count, size in zip(table, (moved, 4), (n, 7), strict=True):
        # all of these are sums of few powers of two
        u = count / 16
        expected = {
            "t": 1,
            "p": size - count * 7 / 16,
            "g": count,
            "u": u,
            "product": u,
            "along": -4 * u,
            "wanted": count,
            "dead": 0,
            "nonfinite": 0,
            "last": u,
        }
        assert dict(zip(OBSERVED, row, strict=True)) == expected
    assert monitor.latest.dead == 0.0


SHAPES = [(1,), (3,), (1025,), (2, 3), (3, 700), (2, 3, 400), (5, 1, 2, 3), (2,) * 6]


@each_dtype
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_element_of_a_view_is_reached_from_any_axis(dtype, shape):
    rng = np.random.default_rng(0)
    wide = rng.standard_normal([2 * n + 1 for n in shape]).astype(dtype)
    p = wide[tuple(slice(1, None, 2) for _ in shape)]
    other = np.float64 if dtype == np.float32 else np.float32
    g = gradients(rng, shape, other).T.copy().T
    before, start = wide.copy(), p.copy()
    lrc.SGD(p, lr=0.5).step(g)
    expected = start - dtype(0.5) * g.astype(dtype)
    np.testing.assert_array_equal(p, expected)
    before[tuple(slice(1, None, 2) for _ in shape)] = expected
    np.testing.assert_array_equal(wide, before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("limit", [1.0, 1e-30])
def test_clipping_by_value_keeps_the_limit_itself(dtype, limit):
    g = around(dtype(limit))
    p = np.zeros_like(g)
    lrc.SGD(p, lr=1.0, clip_value=limit).step(g)
    np.testing.assert_array_equal(-p, np.clip(g, -dtype(limit), dtype(limit)))


@pytest.mark.parametrize("n", SIZES)
def test_every_gradient_that_is_not_finite_is_counted(n):
    opt = lrc.SGD(np.ones(n), nonfinite="allow")
    monitor = lrc.Monitor(opt)
    opt.step(np.full(n, np.nan))
    assert monitor.latest.nonfinite == n
