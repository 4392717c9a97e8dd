"""Every rule on special operands and special shapes, and the state of the processor around it."""

import itertools
import subprocess

import numpy as np
import processor
import pytest
from cases import DTYPES, ONE_EACH, bits, variant_id
from places import SUPPORT
from processes import PYTHON

import lrcore as lrc
from lrcore.reference.twin import Reference

each_rule = pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)


def special_values(dtype):
    """24 values: zeros, ones, the ends of the normal and denormal ranges, infinities, NaN."""
    info = np.finfo(dtype)
    root = np.sqrt(info.tiny)
    sizes = [0.0, 1.0, info.eps, 0.1, 3, info.smallest_subnormal, info.tiny / 2, info.tiny]
    sizes += [root, info.max, np.inf]
    return np.array([*sizes, *(-x for x in sizes), info.tiny * 65536, np.nan], dtype)


def in_threes(values, n):
    """n columns, in any three of which all values meet; the others are drawn."""
    rng = np.random.default_rng(0)
    met = np.array([*itertools.product(values, repeat=3)], values.dtype)
    chosen = [*itertools.combinations(range(n), 3)]
    rows = rng.choice(values, (len(chosen), len(met), n))
    for some, three in zip(rows, chosen, strict=True):
        some[:, three] = met
    return rows.reshape(-1, n).T.copy()


@each_rule
@each_dtype
def test_any_special_parameter_gradient_and_state_is_treated_as_in_numpy(cls, options, dtype):
    values = special_values(dtype)
    assert len({x.tobytes() for x in values}) == 24
    p, g, *states = in_threes(values, 5)
    opt = cls(p.copy(), lr=0.1, nonfinite="allow", **options)
    for array, special in zip(opt.state["0"].values(), states, strict=False):
        array[...] = np.resize(special, array.shape)
    twin = Reference(opt)
    opt.step(g)
    with np.errstate(all="ignore"):
        twin.step(g)
    assert bits(opt.params) == bits(twin.params[0])
    for key, array in opt.state["0"].items():
        assert bits(array) == bits(twin.state[0][key]), key


SHAPES = [(), (1,), (1, 1, 1), (0, 3), (3, 0), (2, 1, 3), (1,) * 31 + (5,), (2,) * 5 + (1,) * 27]


@each_rule
@each_dtype
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{len(shape)}d-{np.prod(shape)}")
def test_odd_shapes_have_the_bits_of_flat_arrays(cls, options, dtype, shape):
    size = int(np.prod(shape))
    start = np.linspace(-1, 1, size, dtype=dtype)
    odd, flat = start.reshape(shape).copy(), start.copy()
    opt, plain = cls(odd, **options), cls(flat, **options)
    if {*opt.roster.rule("0").shapes} - {"LIKE"}:
        pytest.skip("rows and columns are what its state is about")
    for k in (1, 2):
        g = np.linspace(-k, 1, size, dtype=dtype)
        opt.step(g.reshape(shape))
        plain.step(g)
    assert bits(odd) == bits(flat)


@each_rule
@pytest.mark.parametrize("stride", [0, 8, -24, 4096])
def test_the_stride_of_an_axis_of_one_element_does_not_matter(cls, options, stride):
    flat, g = np.linspace(-1, 1, 6), np.linspace(1, 2, 6)
    odd = np.lib.stride_tricks.as_strided(flat.copy(), (1, 6), (stride, 8))
    cls(odd, **options).step(np.lib.stride_tricks.as_strided(g, (1, 6), (stride, 8)))
    cls(flat, **options).step(g)
    assert bits(odd) == bits(flat)


GRADIENTS = {
    "memory-mapped": lambda g, path: np.memmap(path, g.dtype, "w+", shape=g.shape),
    "matrix": lambda g, path: np.zeros(g.shape).view(np.matrix),
    "subclass": lambda g, path: np.zeros(g.shape).view(type("Sub", (np.ndarray,), {})),
    "byte-swapped": lambda g, path: np.zeros(g.shape, g.dtype.newbyteorder()),
    "misaligned": lambda g, path: np.zeros(g.nbytes + 1, "u1")[1:].view(g.dtype).reshape(g.shape),
    "misaligned field": lambda g, path: np.zeros(g.shape, "u1,f8")["f1"],
}


def filled(array, g):
    array[...] = g
    return array


@each_rule
@pytest.mark.parametrize("kind", GRADIENTS)
def test_a_gradient_of_any_kind_of_array_gives_the_same_bits(cls, options, kind, tmp_path):
    p, q, g = np.ones((3, 4)), np.ones((3, 4)), np.linspace(-1, 1, 12).reshape(3, 4)
    cls(p, **options).step(filled(GRADIENTS[kind](g, tmp_path / "g"), g))
    cls(q, **options).step(g)
    assert bits(p) == bits(q)


@each_rule
def test_read_only_and_broadcast_gradients_give_the_same_bits(cls, options):
    p, q = np.ones((3, 4)), np.ones((3, 4))
    g = np.broadcast_to(np.linspace(-1, 1, 4), (3, 4))
    assert not g.flags.writeable
    cls(p, **options).step(g)
    cls(q, **options).step(g.copy())
    assert bits(p) == bits(q)


def test_strides_beyond_two_to_the_31_bytes_are_followed(tmp_path):
    far = np.memmap(tmp_path / "sparse", np.float64, "w+", shape=2**28 + 2)
    p = far[:: 2**28 + 1]  # elements 0 and 2^28 + 1: 2^31 + 8 bytes
    lrc.SGD(p, lr=1.0).step(np.array([1.0, 2.0]))
    assert (far[0], far[2**28 + 1]) == (-1.0, -2.0)


def test_a_memory_mapped_parameter_is_updated_in_its_file(tmp_path):
    path = tmp_path / "p"
    p = np.memmap(path, np.float64, "w+", shape=(3,))
    lrc.SGD(p, lr=1.0).step(np.ones(3))
    p.flush()
    np.testing.assert_array_equal(np.fromfile(path), -1.0)


def test_a_parameter_mapped_for_reading_alone_is_refused(tmp_path):
    path = tmp_path / "p"
    np.ones(3).tofile(path)
    with pytest.raises(ValueError, match='parameter "W" is read-only'):
        lrc.SGD({"W": np.memmap(path, np.float64, "r")})


# --- the state of the processor --------------------------------------------------------------

needs_control = pytest.mark.skipif(
    not processor.KNOWN, reason="knows the layout of fenv_t in Linux alone"
)


def use_everything():
    n = 600_000  # enough for a second thread
    opt = lrc.Adam(np.ones(n, np.float32), clip_norm=1.0, l2=0.1, num_threads=2)
    with lrc.Monitor(opt):
        opt.step(np.linspace(-1, 1, n))
    lrc.diagnose(np.geomspace(1, 1e-3, 100))
    lrc.CosineAnnealing(0.1, 10)(range(10))


@needs_control
def test_importing_the_library_leaves_the_control_bits_of_the_processor_alone():
    code = f"""
import sys
sys.path.insert(0, {str(SUPPORT)!r})
import numpy
from processor import control_bits
before = control_bits()
import lrcore
assert control_bits() == before
"""
    done = subprocess.run([*PYTHON, "-c", code], check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


@needs_control
def test_using_the_library_leaves_the_control_bits_of_the_processor_alone():
    before = processor.control_bits()
    use_everything()
    assert processor.control_bits() == before


@needs_control
def test_a_rounding_mode_that_was_set_stays_set():
    before = processor.round_up()
    try:
        upwards = processor.control_bits()
        use_everything()
        after = processor.control_bits()
    finally:
        processor.libm().fesetround(before)
    assert after == upwards != processor.control_bits()


@pytest.mark.parametrize(
    ("make", "p", "g"),
    [
        (lambda p: lrc.Adam(p), np.inf, 1.0),  # no decay
        (lambda p: lrc.SGD(p, momentum=0.9, nonfinite="allow"), 1.0, np.inf),  # no Nesterov
    ],
)
def test_a_coefficient_of_zero_times_infinity_is_nan(make, p, g):
    array = np.array([p, 1.0])
    make(array).step(np.array([g, 1.0]))
    assert np.isnan(array[0])
    assert np.isfinite(array[1])
