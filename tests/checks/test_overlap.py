"""Overlapping memory, judged by the library and by marking bytes.

`python tests/checks/test_overlap.py 1000000` tries that many pairs.
"""

import sys

import numpy as np
import pytest

import lrcore as lrc

BYTES = 160
PAIRS = 10_000


def random_view(rng, buffer, dtype, shape=None):
    """An aligned view inside the buffer of any strides, and the places of its elements."""
    item = np.dtype(dtype).itemsize
    while True:
        if shape is None:
            drawn = tuple(int(n) for n in rng.integers(0, 5, rng.integers(0, 4)))
        else:
            drawn = shape
        steps = rng.choice([-5, -3, -2, -1, 1, 2, 3, 4, 7], len(drawn))
        first = int(rng.integers(0, BYTES // item))
        places = np.full(drawn, first)
        for axis, step in enumerate(steps):
            places += step * np.arange(drawn[axis]).reshape([-1] + [1] * (len(drawn) - axis - 1))
        if places.size == 0 or (places.min() >= 0 and places.max() < BYTES // item):
            strides = tuple(int(step) * item for step in steps)
            flat = buffer.view(dtype)[first:]
            return np.lib.stride_tricks.as_strided(flat, drawn, strides), places.ravel() * item


def marked(view, places):
    """How often each byte of the buffer belongs to the view."""
    return np.bincount((places[:, None] + np.arange(view.itemsize)).ravel(), minlength=BYTES)


def refused(params):
    try:
        lrc.SGD(params, lr=1.0)
    except ValueError as error:
        if "share memory" not in str(error):
            raise
        return True
    return False


def judge_parameters(pairs, seed=0):
    """(accepted, refused, wrongly accepted, wrongly refused)"""
    rng = np.random.default_rng(seed)
    buffer = np.zeros(BYTES, np.uint8)
    counts = {(a, b): 0 for a in (False, True) for b in (False, True)}
    for _ in range(pairs):
        a, b = (random_view(rng, buffer, rng.choice([np.float32, np.float64])) for _ in range(2))
        overlap = bool((marked(*a) + marked(*b) > 1).any())
        counts[overlap, refused([a[0], b[0]])] += 1
    return counts[False, False], counts[True, True], counts[True, False], counts[False, True]


def test_parameters_are_refused_exactly_if_they_share_a_byte():
    accepted, rejected, missed, needless = judge_parameters(PAIRS)
    assert (missed, needless) == (0, 0)
    assert min(accepted, rejected) > PAIRS // 10


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_step_with_an_overlapping_gradient_is_a_step_with_its_copy(dtype):
    rng = np.random.default_rng(1)
    overlaps = 0
    for _ in range(1000):
        # numbers of ordinary size, whether read as float32 or, by twos, as float64
        buffer = rng.uniform(1, 2, BYTES // 4).astype(np.float32).view(np.uint8)
        other = rng.choice([np.float32, np.float64])
        shape = tuple(int(n) for n in rng.integers(1, 4, rng.integers(0, 3)))
        p, p_places = random_view(rng, buffer, dtype, shape)
        g, g_places = random_view(rng, buffer, other, shape)
        if (marked(p, p_places) > 1).any():
            continue
        overlaps += bool((marked(p, p_places) & marked(g, g_places)).any())
        expected = buffer.copy()
        twin = expected.view(dtype)
        twin[p_places // p.itemsize] = (p - p.dtype.type(0.5) * g.astype(dtype)).ravel()
        lrc.SGD(p, lr=0.5).step(g)
        assert buffer.tobytes() == expected.tobytes()
    assert overlaps > 100


def test_a_gradient_is_bound_exactly_if_it_shares_no_byte_with_a_parameter():
    rng = np.random.default_rng(2)
    counts = [0, 0]
    buffer = np.zeros(BYTES, np.uint8)
    while min(counts) < 100:
        shape = tuple(int(n) for n in rng.integers(1, 4, rng.integers(0, 3)))
        p, p_places = random_view(rng, buffer, np.float64, shape)
        g, g_places = random_view(rng, buffer, np.float64, shape)
        if (marked(p, p_places) > 1).any():
            continue
        overlap = bool((marked(p, p_places) & marked(g, g_places)).any())
        counts[overlap] += 1
        opt = lrc.SGD(p)
        if overlap:
            with pytest.raises(ValueError, match="shares memory"):
                opt.bind(g)
        else:
            opt.bind(g)


if __name__ == "__main__":
    found = judge_parameters(int(sys.argv[1]), seed=3)
    print("accepted {}, refused {}, wrongly accepted {}, wrongly refused {}".format(*found))
