"""The state of a random generator as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np


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
    trial = type(rng.bit_generator)()
    try:
        trial.state = saved
    except (TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError) as error:
        mine = trial.state["bit_generator"]
        return [f"the random generator that was saved cannot be taken over by {mine}: {error}"]
    return []
