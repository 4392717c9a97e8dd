"""The numbers that validation losses are judged by. `lrcore.diagnosis.judge` explains each."""

from __future__ import annotations

from typing import Final

import numpy as np

from .loss_evidence import BOUND, Evidence, Losses, local_noise, smoothed

EVALUATIONS: Final = 5  # fewer validation losses are not judged


def validation_evidence(validation: Losses, losses: Losses) -> Evidence:
    """Where the finite ones turn, by how much they rise from there, and what training does."""
    places = np.flatnonzero(np.isfinite(validation))
    if places.size < EVALUATIONS:
        return {}
    quarter = validation[places] / 4
    smooth = smoothed(quarter, 1)
    at = int(smooth.argmin())
    end = max(places.size // 10, 3)
    last = float(np.median(quarter[-end:]))
    rise = max(last - float(smooth[at]), 0.0) if at < places.size - end else 0.0
    before, after = smooth[: at + 1], smooth[at:]
    rises, falls = before - np.minimum.accumulate(before), np.maximum.accumulate(after) - after
    wander = float(max(rises.max(), falls.max()))
    reach = float(np.ptp(smooth))
    noise = max(local_noise(quarter), 1e-12 * reach)
    near = max(at - 1, 0) + int(quarter[max(at - 1, 0) : at + 2].argmin())
    return {
        "evaluations": float(validation.size),
        "validation_first": 4 * float(quarter[0]),
        "validation_lowest": 4 * float(quarter[near]),
        "validation_last": 4 * last,
        "validation_turn": float(places[near]),
        "validation_rise": min(rise / noise, BOUND) if noise > 0 else 0.0,
        "validation_share": min(rise / reach, 1.0) if reach > 0 else 0.0,
        "validation_wander": min(wander / rise, BOUND) if rise > 0 else 0.0,
        **_meanwhile(losses, (places[near] + 1) / validation.size),
    }


def _meanwhile(losses: Losses, turn: float) -> Evidence:
    """The training losses around the turn, and what they gained or lost since."""
    finite = losses[np.isfinite(losses)] / 4
    if finite.size < 3:
        return {}
    size = max(finite.size // 10, 3)
    place = min(round(turn * finite.size), finite.size)
    then = float(np.median(finite[max(place - size, 0) :][:size]))
    now = float(np.median(finite[-size:]))
    reach = float(np.ptp(finite))
    rise = (now - then) / reach if reach > 0 else 0.0
    return {"training_then": 4 * then, "training_last": 4 * now, "training_since": rise}
