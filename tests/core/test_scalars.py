"""Gradients that are plain numbers, for parameters that are: the bits of arrays."""

import numpy as np
import pytest
from cases import DTYPES, VARIANTS, everything, variant_id

import lrcore as lrc
from lrcore.reference.twin import Reference

each_variant = pytest.mark.parametrize(("cls", "options"), VARIANTS, ids=variant_id)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)
MAKERS = [float, np.float64, np.float32, np.array]


def made(cls, options, dtype=np.float64):
    values = {"a": 1.0, "b": -2.0, "c": 0.5}
    return cls({name: np.array(value, dtype) for name, value in values.items()}, **options)


@each_dtype
@each_variant
def test_numbers_give_the_bits_of_arrays(cls, options, dtype):
    numbers, arrays = (made(cls, {**options, "clip_norm": 3.0}, dtype) for _ in range(2))
    twin = Reference(arrays)
    rng = np.random.default_rng(0)
    for _ in range(6):
        grads = dict(zip("abc", rng.standard_normal(3).tolist(), strict=True))
        numbers.step({"a": grads["a"], "b": np.float64(grads["b"]), "c": np.array(grads["c"])})
        arrays.step({name: np.array(g) for name, g in grads.items()})
        twin.step({name: np.array(g) for name, g in grads.items()})
    assert everything(numbers) == everything(arrays)
    assert [p.tobytes() for p in twin.params] == [p.tobytes() for p in numbers.params.values()]


@each_dtype
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("g", [0.1, -1e-20, 1e30, 0.0, -0.0, 5e-324])
def test_each_kind_of_number_is_read_as_it_is(make, g, dtype):
    with np.errstate(over="ignore"):
        value = make(g)
        p, q = np.array(1.0, dtype), np.array(1.0, dtype)
        lrc.SGD(p, lr=1.0).step(value)
        lrc.SGD(q, lr=1.0).step(np.array(value))
    assert p.tobytes() == q.tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_told_by_name(value):
    opt = made(lrc.Adam, {})
    before = everything(opt)
    with pytest.raises(FloatingPointError, match=r'gradient "b" \(1 of 1, first (nan|-?inf)\)'):
        opt.step({"a": 1.0, "b": value, "c": 0.0})
    assert everything(opt) == before


def test_a_number_beyond_float32_is_infinite_there():
    with pytest.raises(FloatingPointError, match='gradient "a"'):
        made(lrc.SGD, {}, np.float32).step({"a": 1e39, "b": 0.0, "c": 0.0})


@pytest.mark.parametrize("value", [3, np.int64(3), True, np.float16(3), [3.0][0]])
def test_other_real_numbers_are_taken_too(value):
    p = np.array(5.0)
    lrc.SGD(p, lr=1.0).step(value)
    assert p == 5.0 - float(value)


@pytest.mark.parametrize("value", ["1", 1j, [[1.0]], object()])
def test_what_is_no_real_number_is_refused(value):
    opt = lrc.SGD(np.array(5.0))
    with pytest.raises((TypeError, ValueError), match='gradient "0"'):
        opt.step(value)


@pytest.mark.parametrize("shape", [(1,), (2,), (0,)])
def test_a_number_is_no_gradient_of_an_array(shape):
    with pytest.raises(ValueError, match=r'gradient "0" has shape \(\)'):
        lrc.SGD(np.ones(shape)).step(1.0)


def test_a_number_cannot_be_bound():
    with pytest.raises(TypeError, match="cannot be bound"):
        lrc.SGD(np.array(1.0)).bind(1.0)


def test_numbers_and_arrays_may_stand_beside_each_other():
    params = {"tau": np.array(1.0), "A": np.ones((2, 2))}
    lrc.SGD(params, lr=1.0).step({"tau": 0.5, "A": np.ones((2, 2))})
    assert params["tau"] == 0.5
    assert not params["A"].any()


def test_an_observed_update_sees_numbers():
    opt = made(lrc.SGD, {"lr": 1.0})
    with lrc.Monitor(opt) as monitor:
        opt.step({"a": 3.0, "b": 4.0, "c": 0.0})
    assert monitor.latest.gradient_norm == 5.0


def test_parameters_that_are_places_of_one_vector_take_numbers():
    names = "abcdef"
    vector = np.zeros(6)
    opt = lrc.SGD({name: vector[i, ...] for i, name in enumerate(names)}, lr=1.0)
    opt.step(dict.fromkeys(names, 2.0))
    assert (vector == -2).all()
