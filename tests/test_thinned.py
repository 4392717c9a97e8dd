"""A curve of any length in bounded memory."""

from __future__ import annotations

import numpy as np
import pytest

from lrcore.thinned import Thinned


@pytest.mark.parametrize("count", [0, 1, 2, 5, 16, 17, 100, 4097])
@pytest.mark.parametrize("keep", [2, 3, 8])
def test_a_thinned_curve_has_its_ends_and_even_steps_between(count: int, keep: int) -> None:
    curve = Thinned(keep)
    for loss in range(count):
        curve.append(loss)
    kept = curve.losses()
    assert len(kept) <= keep + 1
    assert kept[:1] + kept[-1:] == ([0, count - 1] if count else [])
    assert len(set(np.diff(kept[:-1]))) <= 1
