"""What a loss curve, and the updates behind it, say about the learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, final, get_args

import numpy as np
from numpy.typing import NDArray

from .arguments import Natural, checked
from .losses import loss_of

Label: TypeAlias = Literal[
    "too_low", "ok", "plateau", "oscillating", "diverging", "nonfinite", "overfitting"
]
LABELS: Final[tuple[Label, ...]] = get_args(Label)
ENOUGH: Final = 10  # fewer losses are called too short
Curve: TypeAlias = NDArray[np.float64]
Evidence: TypeAlias = dict[str, float]

# Chosen on the runs that benchmarks/confusion.py calls `tuning`, all else is its report.
_LATE, _SCATTER, _JUMP = 0.07, 0.1, 8.0
_SIGHT, _TREND, _RISE, _ORDERED = 6.0, 2.0, 3.0, 6.0
_ALTERNATING, _SWINGING = -0.75, 0.6
_QUIET, _ABRUPT = 5e-3, 1e-4
_OVERFIT = 0.2
_REVERSAL, _DEAD, _LARGE, _UPHILL = -0.5, 0.5, 0.03, 0.2

_ADVICE: Final[Mapping[str, str]] = {
    "short": f"Too short to tell: {ENOUGH} losses are wanted at the least. Go on.",
    "too_low": "Still on its way down when it ended: try 3 times the rate, or train longer.",
    "flat": "No fall to be seen: try 10 times the rate; if that changes nothing, look at the "
    "gradients (dead units, a wrong sign) and at the noise of the batches.",
    "dead": "Most updates round to nothing: raise the rate, or keep the parameters in float64.",
    "ok": "Nothing is wrong as far as this curve shows; only other rates tell if one is better.",
    "plateau": "Nothing was gained in the last half: divide the rate by 10; if the loss does not "
    "drop again, it has converged or is stuck.",
    "oscillating": "Held up by steps that are too long: decay the rate from here on, or start "
    "with a third of it.",
    "momentum": "Updates run uphill as often as down: momentum carries them past the minimum; "
    "lower it, or the rate.",
    "diverging": "Above where it started, or on its way there: divide the rate by 10; if it must "
    "be high, warm up and clip the gradients.",
    "overfitting": "The validation loss rises again: stop at its lowest, take more data, or "
    "regularize; no rate mends that.",
    "nonfinite": "NaN or infinity: divide the rate by 10, clip the gradients, and look for a "
    "division by zero or a logarithm of zero.",
}


@final
@dataclass(frozen=True)
class Diagnosis:
    """A verdict, the numbers it rests on, and what one might do. Nothing acts by itself.

    Parameters
    ----------
    label : str
        One of `lrcore.diagnosis.LABELS`.
    evidence : dict of str to float
        The numbers, as `judge` explains them.
    advice : str
        One line.
    """

    label: Label
    evidence: Evidence
    advice: str

    def __str__(self) -> str:
        rows = (f"  {name:16}{value:.4g}" for name, value in self.evidence.items())
        return "\n".join([f"{self.label}: {self.advice}", *rows])


def diagnose(
    losses: Iterable[float],
    *,
    validation: Iterable[float] | None = None,
    start: float | None = None,
) -> Diagnosis:
    """Judge a learning rate by a loss curve alone. A heuristic.

    Parameters
    ----------
    losses : iterable of float
        One for each update, from the first on (or each epoch, which hides a leap in the first), of
        training at a rate that is constant or nearly so; noise of batches is expected. Fewer than
        10 are called ``"ok"``, unless one is not finite, with the advice that they are too few.
        Training losses are wanted: validation losses rise for other reasons.
    validation : iterable of float, optional
        Validation losses, one for each evaluation, spread evenly over the run.
    start : float, optional
        The loss before the first update, where the first of `losses` is not (a mean of several).

    Returns
    -------
    Diagnosis
        ``"too_low"`` (still falling at the end, or no fall to be seen), ``"ok"``, ``"plateau"``
        (fell, then nothing for the last half), ``"oscillating"`` (fell, then held up by swings),
        ``"diverging"`` (ends above its start, or climbs back) or ``"nonfinite"``.

    Raises
    ------
    TypeError, ValueError
        For losses that are not real numbers in one dimension, or for none at all.

    Notes
    -----
    Adding a constant to the losses or multiplying them by a positive number changes nothing but
    the losses quoted. What a curve alone cannot show: whether a flat end is the best that can be
    reached; updates that overshoot at every step while the loss falls (gradient descent between
    1/h and 2/h of curvature h); whether a noisy curve without trend has a rate far too low or is
    thrown about. The first two want other rates or `judge` with the updates. docs/diagnosis.md has
    the confusion table over rates of eight decades.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> t = np.arange(200)
    >>> lrc.diagnose(np.exp(-t / 1000)).label, lrc.diagnose(np.exp(-t / 20)).label
    ('too_low', 'ok')
    >>> print(lrc.diagnose([1.0, 0.5, float("nan")]))
    nonfinite: NaN or infinity: divide the rate by 10, clip the gradients, and look for a division \
by zero or a logarithm of zero.
      points          3
      nonfinite       1
      first_nonfinite 2
    """
    curve = _numbers("losses", losses)
    if not curve.size:
        raise ValueError("diagnose: losses must hold at least one number, got none")
    return judge(curve, validation=() if validation is None else validation, start=start)


def judge(
    losses: Iterable[float] = (),
    *,
    validation: Iterable[float] = (),
    start: float | None = None,
    cosine: Iterable[float] = (),
    descent: Iterable[float] = (),
    update_ratio: Iterable[float] = (),
    dead: Iterable[float] = (),
    gradient_norm: Iterable[float] = (),
    nonfinite: int = 0,
) -> Diagnosis:
    """As `diagnose`, with what was seen of the updates; each argument may be empty.

    Parameters
    ----------
    losses, validation, start
        As for `diagnose`.
    cosine : iterable of float
        Of the angle between each update and the one before, ``a . b / (|a| |b|)``. Three are
        enough: a median of -0.5 or less means steps that turn back, whatever the losses do.
    descent : iterable of float
        Of the angle between each update and the negative gradient. Where the curve is not "ok" and
        updates run far uphill, momentum carries them past the minimum.
    update_ratio : iterable of float
        ``|dx_t| / |x_t|``. Tells a rate far too high from one too low where the loss shows no fall.
    dead : iterable of float
        The share of elements whose update rounded to nothing although the gradient was not 0.
    gradient_norm : iterable of float
        Reported as its growth; no label depends on it.
    nonfinite : int
        Updates with a gradient that was not finite.

    Returns
    -------
    Diagnosis
        Its evidence, as far as the arguments allow: `points`; `first`, `last` and `lowest` (the
        first loss, and medians of the last tenth and of the lowest); `late` (share of the fall made
        in the last half); `scatter` (about the line through the last half, as a share of the fall,
        which counts as no less than the scatter); `visible` (the fall in its standard errors);
        `trend` (that of the last half, likewise, positive downwards); `order` (the trend of the
        ranks of the losses, of all or of the last half, whichever rises more: growth by a factor
        at each update is no line, and would count as noise); `above` and `jump` (how far
        the mean of the last half and the highest of the first tenth lie above the first loss, in
        units of the noise); `regain` (share of the fall that was lost again); `alternation` and
        `swing` (correlation of neighbours in the last half, of its changes and of its values);
        `stop` (if the last half is constant, the last change as a share of the fall); `cosine`,
        `update_ratio`, `dead` (medians of the last half), `uphill` (mean of the last half of
        -`descent`, what is below 0 counted as 0), `gradient_growth`.

    Examples
    --------
    >>> from lrcore.diagnosis import judge
    >>> judge([0.5, 0.5, 0.5, 0.5], cosine=[-1.0, -1.0, -1.0]).label  # to and fro across a kink
    'oscillating'
    """
    curve = _numbers("losses", losses)
    if start is not None:
        curve = np.r_[loss_of(start, "diagnose: start must be a real number"), curve]
    evidence = _curve_evidence(curve) | _validation_evidence(_numbers("validation", validation))
    evidence["nonfinite"] += checked("diagnose", "nonfinite", nonfinite, Natural)
    for name, given in {"cosine": cosine, "update_ratio": update_ratio, "dead": dead}.items():
        seen = _numbers(name, given)
        if seen.size >= (3 if name == "cosine" else 1):
            evidence[name] = float(np.median(seen[-max(3, seen.size // 2) :]))
    way = _numbers("descent", descent)
    if way.size >= 3:
        evidence["uphill"] = float(np.maximum(-way[-max(3, way.size // 2) :], 0.0).mean())
    norms = _numbers("gradient_norm", gradient_norm)
    if norms.size >= 2 and norms[0] > 0:
        evidence["gradient_growth"] = float(np.median(norms[norms.size // 2 :]) / norms[0])
    label, reason = _verdict(evidence)
    return Diagnosis(label, evidence, _ADVICE[reason])


def label_of(evidence: Mapping[str, float]) -> Label:
    """The label that numbers such as those of `judge` lead to.

    Those about the updates may be missing, and those of the curve, if all of them are.
    """
    return _verdict(evidence)[0]


def _verdict(evidence: Mapping[str, float]) -> tuple[Label, str]:
    """The label, and the key of the advice."""
    get = evidence.get
    if get("nonfinite", 0) > 0:
        return "nonfinite", "nonfinite"
    if "above" in evidence and _climbs(evidence):
        return "diverging", "diverging"
    if get("validation_rise", 0.0) > _OVERFIT:
        return "overfitting", "overfitting"
    if get("cosine", 0.0) <= _REVERSAL:
        return "oscillating", "oscillating"
    dead = get("dead", 0.0) > _DEAD
    if "above" not in evidence:
        return ("too_low", "dead") if dead else ("ok", "short")
    if dead and evidence["visible"] < _SIGHT:
        return "too_low", "dead"
    label, reason = _of_the_curve(evidence)
    if label != "ok" and get("uphill", 0.0) > _UPHILL:
        return "oscillating", "momentum"
    return label, reason


def _climbs(e: Mapping[str, float]) -> bool:
    rising = e["trend"] < -_RISE or e["order"] < -_ORDERED
    return (e["above"] > 0 and (e["jump"] > _JUMP or rising)) or (e["regain"] > 0.5 and rising)


def _of_the_curve(e: Mapping[str, float]) -> tuple[Label, str]:
    half = e["points"] / 2  # by chance a few points correlate too
    if e["alternation"] < _ALTERNATING - 2 / half and e["scatter"] > 0.1 * _SCATTER:
        return "oscillating", "oscillating"
    if e["visible"] < _SIGHT:
        thrown = e["jump"] > _JUMP or e.get("update_ratio", 0.0) > _LARGE
        swinging = e["swing"] > max(_SWINGING, 3 / math.sqrt(half))
        thrown |= swinging and abs(e["trend"]) < _SIGHT
        return ("oscillating", "oscillating") if thrown else ("too_low", "flat")
    error = 1.5 * e["scatter"] / math.sqrt(max(e["points"] // 10, 3))
    if e["late"] > _LATE + error:
        return "too_low", "too_low"
    if e["scatter"] > _SCATTER:
        return "oscillating", "oscillating"
    flat = e["scatter"] > _QUIET or e.get("stop", 0.0) > _ABRUPT
    return ("plateau", "plateau") if flat and e["trend"] < _TREND else ("ok", "ok")


def _numbers(name: str, given: Any) -> Curve:
    """One-dimensional real numbers as float64."""
    scalar = not isinstance(given, Iterable) or (isinstance(given, np.ndarray) and given.ndim == 0)
    if scalar or isinstance(given, str | bytes | Mapping):
        raise TypeError(f"diagnose: {name} must be numbers in a sequence, got {given!r:.80}")
    items = given if isinstance(given, np.ndarray) else list(given)
    try:
        array = np.asarray(items)
    except (TypeError, ValueError) as error:
        raise ValueError(f"diagnose: {name} must be a flat sequence of numbers: {error}") from None
    if array.ndim != 1:
        raise ValueError(f"diagnose: {name} must have one dimension, got shape {array.shape}")
    if array.size and array.dtype.kind not in "iuf":
        raise TypeError(f"diagnose: {name} must be real numbers, got dtype {array.dtype}")
    return array.astype(np.float64)


def _curve_evidence(losses: Curve) -> Evidence:
    finite = np.isfinite(losses)
    evidence = {"points": float(losses.size), "nonfinite": float(np.sum(~finite))}
    if not finite.all():
        return evidence | {"first_nonfinite": float(np.argmin(finite))}
    if losses.size < ENOUGH:
        return evidence
    low, high = losses.min() / 4, losses.max() / 4  # their difference cannot overflow
    reach = high - low
    y = (losses / 4 - low) / reach if reach > 0 else np.zeros_like(losses)
    with np.errstate(over="ignore"):
        levels = {name: float(4 * (low + reach * at)) for name, at in _levels(y).items()}
    return evidence | levels | _shape(y)


def _validation_evidence(losses: Curve) -> Evidence:
    losses = losses[np.isfinite(losses)]
    if losses.size < 5:
        return {}
    low, last = float(losses.min()), float(np.median(losses[-3:]))
    reach = max(float(losses[0]) - low, 6 * float(np.median(np.abs(np.diff(losses)))))
    rise = (last - low) / reach if reach > 0 else 0.0
    return {"validation_rise": rise, "validation_lowest": low, "validation_last": last}


def _levels(y: Curve) -> Evidence:
    tenth = max(y.size // 10, 3)
    lowest = min(float(np.median(part)) for part in np.array_split(y, 10))
    return {"first": float(y[0]), "last": float(np.median(y[-tenth:])), "lowest": lowest}


def _shape(y: Curve) -> Evidence:
    """What `judge` explains, of a curve brought to [0, 1]."""
    tenth, middle = max(y.size // 10, 3), y.size // 2
    half = y[middle:]
    slope, rest = _line(half)
    noise = _noise(rest, 1e-12)
    doubt = _doubt(noise, half.size)
    first, last, lowest = _levels(y).values()
    around = y[middle - tenth // 2 :][:tenth]
    start = float(np.median(y[:tenth]))
    top = max(first, start) if first - last > 4 * noise else start
    fall = max(top - last, noise)
    errors = noise * math.sqrt(1.6 * 2 / tenth)  # of the difference of two medians
    changes = np.flatnonzero(np.diff(y))
    shape = {
        "late": max(float(np.median(around)) - last, 0.0) / fall,
        "scatter": 1.25 * float(np.abs(rest).mean()) / fall,
        "visible": (top - last) / errors,
        "trend": _trend(slope, doubt, half.size),
        "order": min(_order(y), _order(half)),
        "above": (float(half.mean()) - first) / doubt,
        "jump": (float(y[:tenth].max()) - first) / doubt,
        "regain": (last - lowest) / max(first - lowest, start - lowest, noise),
        "alternation": _correlation(np.diff(half)),
        "swing": _correlation(rest),
    }
    if changes.size and changes[-1] < middle:
        shape["stop"] = float(abs(y[changes[-1] + 1] - y[changes[-1]])) / fall
    return {name: float(value) + 0.0 for name, value in shape.items()}  # no -0.0


def _noise(rest: Curve, least: float) -> float:
    """As for normal noise, without being led by single spikes."""
    return max(1.4826 * float(np.median(np.abs(rest))), least)


def _doubt(noise: float, size: int) -> float:
    """A few points may lie close to their line by chance."""
    return noise * (1 + 8 / size)


def _trend(slope: float, doubt: float, size: int) -> float:
    """A fall in its standard errors."""
    return -slope * size / (doubt * math.sqrt(25 / size))


def _order(y: Curve) -> float:
    """The trend of the ranks of losses."""
    sorted_ = np.sort(y)
    slope, rest = _line((sorted_.searchsorted(y, "left") + sorted_.searchsorted(y, "right")) / 2.0)
    return _trend(slope, _doubt(_noise(rest, 0.5), y.size), y.size)


def _line(y: Curve) -> tuple[float, Curve]:
    """A slope that single spikes do not turn, from points half the curve apart; and the rest."""
    apart = y.size // 2
    slope = float(np.median(y[apart:] - y[:-apart])) / apart
    rest = y - slope * np.arange(y.size)
    return slope, rest - np.median(rest)


def _correlation(y: Curve) -> float:
    """Of neighbours."""
    y = y - y.mean()
    total = float(y @ y)
    pairs = y.size - 1
    return float(y[1:] @ y[:-1]) / total * y.size / pairs if total > 0 else 0.0
