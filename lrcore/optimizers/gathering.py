"""Gradients that wait for their update, in what is saved and where arrays are frozen."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from ..checks.arrays import Array
from .besides import GATHERED, to_save
from .roster import Roster
from .saved_state import SavedState


def fitted(roster: Roster, saved: SavedState) -> tuple[SavedState, list[str]]:
    """The state without gradients that cannot wait here, and why they cannot."""
    here, there = roster.common["accumulate"], saved.settings.shared["accumulate"]
    if saved.pending == 0 or (here == there and saved.pending < here):
        return saved, []
    parameters = {
        name: entry._replace(state=to_save(entry.state, 0))
        for name, entry in saved.parameters.items()
    }
    problem = (
        f"{saved.pending} gradients waited for their update with accumulate={there!r:.40} when it "
        f"was saved, expected accumulate={here}, or a state with none waiting"
    )
    return replace(saved, parameters=parameters, pending=0), [problem]


def cleared(
    roster: Roster, pending: int, summed: Collection[str] | None = None
) -> list[tuple[Array, Array]]:
    """What sets the sums to 0 of arrays that are frozen, and while gradients wait of all but those
    that were summed (None for all)."""
    sums = {name: t.state[GATHERED] for name, t in roster.tensors.items() if GATHERED in t.state}
    return [
        (array, np.zeros_like(array))
        for name, array in sums.items()
        if roster.tensors[name].kept is not None
        or (pending and summed is not None and name not in summed)
    ]
