"""Arrays that no cache holds: their gradients are looked at from the last to the first."""

import numpy as np
import pytest

import lrcore as lrc
from lrcore._core import CHUNK
from lrcore.reference.norm import norm

N = (1 << 22) + CHUNK // 2  # from 1 << 22 on, and no whole number of chunks
THREADS = (1, 2, 3)


def gradient():
    return np.random.default_rng(0).standard_normal(N, np.float32)


@pytest.mark.parametrize("threads", THREADS)
def test_the_norm_of_a_large_array_is_added_up_from_the_first_chunk_to_the_last(threads):
    g, p = gradient(), np.zeros(N, np.float32)
    lrc.SGD(p, lr=1.0, clip_norm=1.0, num_threads=threads).step(g)
    length, factor = norm([g])
    np.testing.assert_array_equal(p, -(factor / length * g.astype(np.float64)).astype(np.float32))


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("place", [0, CHUNK - 1, N // 2, N - CHUNK, N - 1])
def test_what_is_not_finite_is_found_wherever_it_lies_in_a_large_array(place, threads):
    g, p = gradient(), np.zeros(N, np.float32)
    g[place] = np.nan
    opt = lrc.SGD(p, lr=1.0, num_threads=threads)
    with pytest.raises(FloatingPointError, match=f"1 of {N}"):
        opt.step(g)
    assert not p.any()
    assert opt.t == 0
    g[place] = 0
    assert opt.step(g)
    np.testing.assert_array_equal(p, -g)
