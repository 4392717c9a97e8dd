"""Plots in characters."""

from __future__ import annotations

from itertools import pairwise

import pytest

import lrcore as lrc
from lrcore.cli.charts import ROWS, chart
from lrcore.schedules.catalogue import Schedule


def rows(s: Schedule, steps: int, width: int = 60) -> list[str]:
    """The field of the plot, without its labels."""
    lines = chart(s, steps, width)
    assert max(map(len, lines)) <= width
    return [line.partition("|")[2].ljust(width - 12) for line in lines[:ROWS]]


@pytest.mark.parametrize("steps", [1, 2, 3, 47, 48, 49, 1000, 10**9])
def test_a_level_rate_is_a_line_at_the_top(steps: int) -> None:
    assert rows(lrc.Constant(0.1), steps) == ["*" * 48] + [" " * 48] * (ROWS - 1)


def test_a_rate_of_zero_is_a_line_at_the_bottom() -> None:
    assert rows(lrc.Constant(0.0), 10)[-1] == "*" * 48


@pytest.mark.parametrize("steps", [2, 5, 48, 300, 10**7])
def test_a_fall_goes_from_corner_to_corner_without_a_gap(steps: int) -> None:
    field = rows(lrc.CosineAnnealing(0.1, steps), steps + 1)
    assert field[0][0] == field[-1][-1] == "*"
    heights = [{r for r in range(ROWS) if field[r][c] == "*"} for c in range(48)]
    for left, right in pairwise(heights):
        assert min(right) <= max(left) + 1
        assert min(left) <= min(right)


def test_a_single_peak_is_not_lost_between_columns() -> None:
    s = lrc.Constant(0.0).then(lrc.Constant(1.0), at=5000).then(lrc.Constant(0.0), at=5001)
    assert rows(s, 10_000)[0].strip() in ("*", "**")


def test_rates_over_many_decades_have_a_logarithmic_axis() -> None:
    lines = chart(lrc.ExponentialDecay(10.0, gamma=0.1, end=1e-7), 12, 60)
    labels = {line.partition("|")[0].strip() for line in lines[:ROWS]}
    assert labels == {"10", "log", "1e-07", ""}


def test_a_rate_that_overflows_can_be_shown() -> None:
    assert rows(lrc.ExponentialDecay(1.0, gamma=2.0), 3000)[0].strip()


def test_a_narrow_terminal_has_room_for_a_plot() -> None:
    lines = chart(lrc.Constant(0.1), 100, 1)
    assert lines[0].endswith("*" * 10)
