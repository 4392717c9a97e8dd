"""What is no parameter: the error says what to write, and what it says works."""

import numpy as np
import pytest

import lrcore as lrc


class ArrayLike:
    """As a column of a table, or an array of another library."""

    def __array__(self, dtype=None, copy=None):
        return np.ones(2)


class Tensor:
    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return np.ones(2)


Tensor.__module__ = "torch"


def read_only():
    array = np.ones(2)
    array.flags.writeable = False
    return array


# What is given, and what the error tells to write.
CASES = {
    "a float": (lambda: {"A": 1.0}, 'p["A"] = np.array(1.0)'),
    "an int": (lambda: {"A": 3}, 'p["A"] = np.array(3.0)'),
    "a bool": (lambda: {"A": True}, 'p["A"] = np.array(1.0)'),
    "a NumPy scalar": (lambda: {"A": np.float32(0.5)}, 'p["A"] = np.array(0.5)'),
    "an array of an int": (lambda: np.array(1), "p = p.astype(np.float64)"),
    "an int array in a dict": (
        lambda: {"A": np.arange(3)},
        'p["A"] = p["A"].astype(np.float64)',
    ),
    "bools": (lambda: np.array([True]), "p = p.astype(np.float64)"),
    "float16": (lambda: np.ones(2, np.float16), "p = p.astype(np.float32)"),
    "byte-swapped": (lambda: np.ones(2, ">f4"), "p = p.astype(np.float32)"),
    "objects": (lambda: np.array([1.0, 2], object), "p = p.astype(np.float64)"),
    "a list of floats": (lambda: [1.0, 2.0], "p = np.array(p, dtype=np.float64)"),
    "a tuple of ints": (lambda: (1, 2), "p = np.array(p, dtype=np.float64)"),
    "a list in a dict": (
        lambda: {"w": [[1, 2], [3, 4]]},
        'p["w"] = np.array(p["w"], dtype=np.float64)',
    ),
    "a number in a list with arrays": (lambda: [np.ones(2), 3], "p[1] = np.array(3.0)"),
    "deep inside": (
        lambda: {"layers": [{"W": np.ones(2), "b": 0.5}]},
        'p["layers"][0]["b"] = np.array(0.5)',
    ),
    "a key that is no word": (lambda: {7: 1.0}, "p[7] = np.array(1.0)"),
    "an array-like": (lambda: [ArrayLike()], "p[0] = np.array(p[0], dtype=np.float64)"),
    "a tensor": (lambda: {"A": Tensor()}, 'p["A"] = p["A"].detach().cpu().numpy()'),
    "a masked array": (lambda: np.ma.ones(2), "p = p.data"),
    "a read-only array": (read_only, "p = p.copy()"),
    "a broadcast array": (lambda: np.broadcast_to(np.ones(1), 3), "p = p.copy()"),
    "a generator": (lambda: (np.ones(2) for _ in range(2)), "p = list(p)"),
    "values of a dict": (lambda: {"A": np.ones(2)}.values(), "p = list(p)"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_error_says_what_to_write_and_that_works(name):
    make, code = CASES[name]
    p = make()
    with pytest.raises((TypeError, ValueError), match=r'parameter ".*') as error:
        lrc.Adam(p)
    assert str(error.value).endswith(f"; write {code}")
    names = {"p": p, "np": np}
    exec(code, names)
    assert lrc.Adam(names["p"]).names


@pytest.mark.parametrize(
    ("p", "message"),
    [
        ({"A": None}, "leave it out"),
        ((np.ones(2), 2.0), r"give np\.array\(2\.0\) in its place"),
        ("abc", "is a str; it must be a NumPy array, to be changed in place$"),
        ({"A": 1j}, "is a complex; it must be a NumPy array, to be changed in place$"),
        ({"A": 10**400}, "is a int; it must be a NumPy array, to be changed in place$"),
        (np.ones(2, complex), "must be float32 or float64$"),
    ],
)
def test_where_there_is_nothing_to_write_it_says_no_more_than_it_knows(p, message):
    with pytest.raises(TypeError, match=message):
        lrc.Adam(p)


def test_a_parameter_in_a_group_is_told_its_place_in_the_group():
    with pytest.raises(TypeError, match=r'parameter "1\.b" is a float.*write p\["b"\] = np\.array'):
        lrc.SGD([lrc.Group({"W": np.ones(2)}), lrc.Group({"b": 1.0})])


def test_parameters_that_are_added_or_watched_are_told_too():
    opt = lrc.SGD(np.ones(2))
    with pytest.raises(TypeError, match=r'write p\["b"\] = np\.array\(1\.0\)'):
        opt.add({"b": 1.0})
    with pytest.raises(TypeError, match=r'write p\["b"\] = np\.array\(1\.0\)'):
        lrc.EarlyStopping().bind({"b": 1.0})
    assert opt.step(np.ones(2))
