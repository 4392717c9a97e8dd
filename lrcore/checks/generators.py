"""The state of a random generator as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

# What the positions and flags within a state may be. NumPy takes any number for a position, and
# reads there.
_HIGHEST: Final = {"pos": 624, "buffer_pos": 4, "has_uint32": 1}


def check(owner: str, rng: Any) -> None:
    """Refuses what is no Generator."""
    if not isinstance(rng, np.random.Generator | None):
        raise TypeError(f"{owner}: rng must be a numpy.random.Generator, got {rng!r:.80}")


def state_of(rng: np.random.Generator | None) -> dict[str, Any] | None:
    """Numbers, words and integer arrays; None of none."""
    return None if rng is None else dict(rng.bit_generator.state)


def problems(rng: np.random.Generator, saved: Any) -> list[str]:
    """Why this is no state for a generator like `rng`, which stays as it is."""
    if saved is None:
        return ["no random generator was saved with it: save(path, rng=rng)"]
    mine = rng.bit_generator.state
    wrong = _unlike("state", mine, saved)
    if not wrong:
        try:
            type(rng.bit_generator)().state = saved
        except (TypeError, ValueError, OverflowError) as error:
            wrong = str(error)
    name = mine["bit_generator"]
    return [f"the random generator that was saved is none for {name}: {wrong}"] if wrong else []


def _unlike(what: str, mine: Any, saved: Any) -> str:
    """The first thing that is not as in a state of this kind; nothing if all is."""
    if isinstance(mine, Mapping):
        if not isinstance(saved, Mapping) or mine.keys() != saved.keys():
            return f"{what} must have the entries {', '.join(mine)}"
        found = (_unlike(name, mine[name], saved[name]) for name in mine)
        return next(filter(None, found), "")
    if isinstance(mine, np.ndarray):
        fits = isinstance(saved, np.ndarray) and saved.shape == mine.shape
        return "" if fits and saved.dtype.kind in "iu" else f"{what} must be {mine.size} integers"
    if isinstance(mine, int):
        high = _HIGHEST.get(what, 2**128 - 1)
        fits = type(saved) is int and 0 <= saved <= high
        return "" if fits else f"{what} must be an integer in [0, {high}], got {saved!r:.40}"
    return "" if mine == saved else f"{what} is {saved!r:.40}"
