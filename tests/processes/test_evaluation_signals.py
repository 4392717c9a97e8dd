"""Ctrl-C at any moment of a block of `eval_params`, on entering and on leaving it too."""

import random
import signal

import numpy as np
import pytest

import lrcore as lrc

SIGNALS = 300


def interrupt(number, frame):
    raise KeyboardInterrupt


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
def test_whenever_a_signal_comes_the_bits_of_training_are_back_behind_the_block():
    w = np.zeros((300, 300))
    opt = lrc.SGD(w, lr=1.0, average=lrc.EMA(0.5))
    for _ in range(2):
        opt.step(-np.ones(w.shape))
    before = signal.signal(signal.SIGALRM, interrupt)
    rng, came = random.Random(0), 0
    try:
        for _ in range(SIGNALS):
            try:
                # again after a second: Python loses the exception of one in a destructor
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-6, 3e-4), 1.0)
                while True:
                    with opt.eval_params():
                        assert w[0, 0] == 1.5
            except KeyboardInterrupt:
                came += 1
            np.testing.assert_array_equal(w, 2.0)
            opt.snapshot()  # which is refused inside
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert came == SIGNALS
