"""Why the curve of a range test supports no suggestion: what noise, order or haste would explain.

Until a rate can matter, the losses show what they do by themselves, however their batches are
ordered. A fall is believed if it is large against that, and if the rates before it were enough to
have shown a change as slow as the fall.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from .range_curve import (
    Array,
    Descent,
    Ending,
    Smooth,
    at_least_a_step,
    levels,
    noise,
)

# Chosen on the 126 sweeps and the curves without any effect of benchmarks/verdicts/regret.py.
_SIGMAS: Final = 4.4  # of independent noise: what counts as a fall
_CONFIRMED: Final = 3.0  # times the fall: a rise that no noise of this size makes
_CLEAR: Final = 3.9  # of the wander: a fall before such a rise
_ALONE: Final = 8.0  # of the wander: a fall that must speak for itself
_BEYOND_DOUBT: Final = 30.0  # of the wander, however slow that is; of the noise
_MANY: Final = 6.0  # independent parts before the fall that tell how slow the wander is
_CLEARLY_BEYOND: Final = 11.0  # of the wander, where it is known from so many
_LEVEL: Final = 1.2  # rates before the fall, for each of the valley
_LEVEL_CONFIRMED: Final = 1.0
_SUDDEN: Final = 0.37  # of the fall, within the width of smoothing; a jump is 0.4
_SLOW: Final = 1.5  # redness from which noise is not independent from loss to loss
_FREE: Final = 2.0  # independent parts of what is before the fall, at least
_PART: Final = 2.5  # widths of smoothing after which a smoothed curve is another
_STILL: Final = 0.5  # decades before a quarter of the fall where a rate does not show yet


class Evidence(NamedTuple):
    """What speaks for a fall: how large it is against the wander before it, and its shape.

    `size` is the fall in standard deviations of the smoothed losses before it, less while these
    are known from few `parts`; `redness` the ratio of that deviation to the one that independent
    losses would have; `level` the rates before the valley over those in it; `haste` the share of
    the fall within the width of smoothing where it is steepest; `wander` the range of the smoothed
    losses before it. A divergence, or a rise by three times the fall, has `confirmed` it; a
    divergence where there is hardly any noise leaves it `certain`.
    """

    size: float
    redness: float
    parts: float
    level: float
    haste: float
    wander: float
    confirmed: bool
    certain: bool


@np.errstate(all="ignore")  # losses may be near the largest number, or all alike
def evidence(x: Array, losses: Array, curve: Smooth, d: Descent, ended: Ending) -> Evidence:
    """Measured on the decimal logarithms `x` of the rates, and their losses."""
    width = at_least_a_step(x)
    still = max(int(np.searchsorted(x, x[d.quarter] - _STILL)), 3)
    before, sigma = curve.height[:still], curve.sigma[:still]
    white = float(np.median(sigma))
    deviation = max(float(before.std()), white)
    end = max(1.0, float(curve.sigma[d.lowest]) / white) if white else 1.0
    parts = float(x[still] - x[0]) / width / _PART
    fall = float(before.mean() - curve.height[d.lowest])
    ratio = fall / deviation if deviation else 0.0
    independent = noise(losses[:still]) * (white / d.noise if d.noise else 1.0)
    rise = float(levels(losses[d.lowest :]).max() - curve.height[d.lowest])
    return Evidence(
        size=ratio / end / (1 + 2 / parts),
        redness=max(1.0, float(before.std()) / independent if independent else math.inf),
        parts=parts,
        level=d.quarter / max(d.turn - d.quarter, 1),
        haste=-float(curve.slope.min()) * width / d.depth if d.depth else math.inf,
        wander=float(np.ptp(before)),
        confirmed=ended == "diverged" or rise > _CONFIRMED * d.depth,
        certain=ended == "diverged" and d.depth > _BEYOND_DOUBT * d.noise,
    )


def doubt(lrs: Array, losses: Array, curve: Smooth, d: Descent, ended: Ending) -> str:
    """Why a suggestion would be a guess; empty if it is none."""
    n = lrs.size
    if losses.min() == losses.max():
        return "the loss did not change at any rate: are the gradients 0?"
    of_first = d.noise / math.sqrt(max(1, n // 10))
    if not d.depth > _SIGMAS * math.hypot(of_first, curve.sigma[d.lowest]):
        return _too_small(lrs, d, ended)
    if min(d.lowest, d.quarter) <= n // 10 and (falls := _falls(curve.height, d)) > 1:
        return (
            f"the loss fell by {d.depth:.3g} or nearly that {falls} times, as if the batches were "
            "in some order: shuffle them"
        )
    if d.lowest <= n // 10:
        return f"the loss was lowest at the first rates; start below {lrs[0]:.3g}"
    if d.quarter <= n // 10:
        return f"the loss fell from the first rates on; start below {lrs[0]:.3g}"
    if d.turn == n - 1 and ended not in ("diverged", "nonfinite"):
        hint = "" if ended == "left" else "; end above that"
        return f"the loss had not risen again at {lrs[-1]:.3g}{hint}"
    return _unsupported(lrs, d, ended, evidence(np.log10(lrs), losses, curve, d, ended))


def _falls(height: Array, d: Descent) -> int:
    """How often the curve falls from the highest quarter of the descent to the lowest."""
    down = (height.min() + d.depth - height) / d.depth
    ends = np.sign(down - 0.5)[np.abs(down - 0.5) > 0.25]
    return int(np.count_nonzero(np.diff(ends) > 0))


def _unsupported(lrs: Array, d: Descent, ended: Ending, e: Evidence) -> str:
    if e.certain:
        return ""
    least = _CLEAR if e.confirmed else _ALONE
    beyond = _BEYOND_DOUBT if e.parts < _MANY else _CLEARLY_BEYOND
    if not e.size > min(least * e.redness, beyond):
        if e.size > least or e.redness > _SLOW:
            return _ordered(d, e)
        return _too_small(lrs, d, ended) if e.size < _CLEAR else _unconfirmed(lrs, d, ended)
    level = _LEVEL_CONFIRMED if e.confirmed else _LEVEL
    if e.level < level and not (e.confirmed and e.size > _BEYOND_DOUBT):
        return (
            f"the loss was level for {d.quarter} rates only, and low for {d.turn - d.quarter}: a "
            f"slow change of its own looks alike; start below {lrs[0]:.3g}, and shuffle the batches"
        )
    if e.confirmed:
        return ""
    if e.haste > _SUDDEN:
        return (
            f"the loss fell at once, near rate {lrs[d.quarter]:.2g}, faster than growing rates "
            "lower it; are the batches in some order? Shuffle them"
        )
    if e.parts < _FREE:
        return f"too few rates lie before the fall to compare it with; start below {lrs[0]:.3g}"
    return ""


def _too_small(lrs: Array, d: Descent, ended: Ending) -> str:
    way = {"left": "", "diverged": ", or a lower start"}.get(ended, ", or a higher end")
    return (
        f"no rate up to {lrs[-1]:.3g} lowered the loss by clearly more than its noise: it fell by "
        f"{d.depth:.3g}, single losses scatter by {d.noise:.3g}; average the gradients of several "
        f"batches for each update, or use larger batches{way}"
    )


def _unconfirmed(lrs: Array, d: Descent, ended: Ending) -> str:
    way = "" if ended == "left" else f", or end above {lrs[-1]:.3g}"
    return (
        f"the loss fell by {d.depth:.3g}, {d.depth / d.noise:.1f} times the scatter of single "
        f"losses, and rose too little afterwards to be sure; average the gradients of several "
        f"batches for each update, or use larger batches{way}"
    )


def _ordered(d: Descent, e: Evidence) -> str:
    return (
        f"the loss fell by {d.depth:.3g}, but it wanders by {e.wander:.3g} where rates are too low "
        "to matter, slowly or again and again, as if the batches were in some order: shuffle them, "
        "or use larger ones"
    )
