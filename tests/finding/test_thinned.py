"""A curve of any length in bounded memory."""

from __future__ import annotations

import numpy as np
import pytest

from lrcore.finding.thinned import Thinned


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


def test_places_among_what_was_kept_become_places_among_all() -> None:
    curve = Thinned(8)
    for loss in range(1000):
        curve.append(loss)
    kept = curve.losses()
    found = {"points": 1.0 * len(kept), "first_nonfinite": 3.0, "finite_after": 2.0, "settled": 4.0}
    scaled = curve.scaled(found)
    assert scaled["points"] == len(kept)
    assert scaled["reported"] == 1000
    assert scaled["first_nonfinite"] == kept[3]
    assert scaled["finite_after"] == 999 - kept[-3]
    assert scaled["settled"] == 1000 - kept[-4]


def test_where_all_are_kept_no_place_changes() -> None:
    curve = Thinned(8)
    for loss in range(8):
        curve.append(loss)
    found = {"points": 8.0, "first_nonfinite": 3.0, "finite_after": 2.0, "burst": 1.0}
    assert curve.scaled(found) == found
