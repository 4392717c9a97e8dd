"""The update rules of docs/guide/migration.md: ours goes where the other library was seen to go."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pytest
from places import DOCS

import lrcore as lrc

TEXT = (DOCS / "guide" / "migration.md").read_text()
GRADIENTS = (1e-9, 0.5, -0.2)


class Row(NamedTuple):
    """Code of the other library and ours, and the positions that it was seen to take."""

    theirs: str
    ours: str
    positions: list[float]


def rows() -> list[Row]:
    header = "| library | there | here | positions |\n|---|---|---|---|\n"
    found = []
    for line in TEXT.split(header)[1].split("\n\n")[0].splitlines():
        parts = re.fullmatch(r"\| ([^|]+ [\d.]+) \| `(.+)` \| `(.+)` \| ([\d. ]+) \|", line)
        assert parts, line
        library, theirs, ours, positions = parts.groups()
        found.append(Row(f"{library} {theirs}", ours, [float(p) for p in positions.split()]))
    return found


def positions(opt: lrc.Optimizer, w: Any, gradients: tuple[float, ...] = GRADIENTS) -> list[float]:
    found = []
    for gradient in gradients:
        opt.step(np.full(1, gradient))
        found.append(float(w[0]))
    return found


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.theirs)
def test_ours_goes_where_the_other_library_went(row: Row) -> None:
    w = np.ones(1)
    ours = positions(eval(row.ours, {**vars(lrc), "w": w}), w)
    # half a unit of the last digit given, and the float32 of JAX, Keras and thinc (2.3e-6)
    np.testing.assert_allclose(ours, row.positions, rtol=0, atol=3e-6)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.theirs)
def test_the_defaults_alone_would_not_do(row: Row) -> None:
    """Else a row would have nothing to say (or no gradient to tell by)."""
    if "Adam(w, lr=0.1)" in row.ours:
        pytest.skip("this row says that the defaults are the same")
    w = np.ones(1)
    name = row.ours.split("(")[0]
    ours = positions(getattr(lrc, name)(w, lr=0.1), w)
    assert np.abs(np.subtract(ours, row.positions)).max() > 1e-5


def test_the_momentum_of_autograd_gathers_a_tenth_from_the_first_update_on() -> None:
    gradients, theirs = (1.0, 1.0, -2.0), []
    x = velocity = 0.0
    for g in gradients:
        velocity = 0.9 * velocity + (1 - 0.9) * g
        x -= 0.1 * velocity
        theirs.append(x)
    w = np.zeros(1)
    ours = positions(lrc.SGD(w, lr=0.1 * 0.1, momentum=0.9), w, gradients)
    np.testing.assert_allclose(ours, theirs, rtol=1e-14)  # a few roundings


def test_dampening_is_not_the_momentum_of_autograd() -> None:
    w = np.zeros(1)
    first = positions(lrc.SGD(w, lr=0.1, momentum=0.9, dampening=0.9), w, (1.0,))
    assert first == [-0.1]  # autograd: -0.01


def test_the_decay_of_adamw_is_of_the_weights_before_the_step() -> None:
    w = np.full(1, 2.0)
    lrc.AdamW(w, lr=0.1, weight_decay=0.5, eps=0.0).step(np.ones(1))
    assert w[0] == pytest.approx(1.8, rel=1e-15)
    assert pytest.approx(1.805) == (2 - 0.1) * (1 - 0.1 * 0.5)  # thinc
