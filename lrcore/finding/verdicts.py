"""What the numbers of a diagnosis lead to: a label, and advice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

from .loss_evidence import ENOUGH

Label: TypeAlias = Literal[
    "too_low", "ok", "plateau", "oscillating", "diverging", "nonfinite", "overfitting"
]
LABELS: Final[tuple[Label, ...]] = get_args(Label)
Numbers: TypeAlias = Mapping[str, float]

# Chosen on the runs that benchmarks/verdicts/confusion.py calls `tuning`, all else is its report.
_LATE, _STRAIGHT, _SCATTER, _JUMP = 0.07, 0.35, 0.1, 8.0
_SIGHT, _EARLY = 6.0, 3.0
_TREND, _RISE, _ORDERED = 2.0, 3.0, 6.0
_ALTERNATING, _SWINGING = -0.75, 0.6
_QUIET, _ABRUPT, LOST = 5e-3, 1e-4, 0.2
_REVERSAL, _DEAD, _LARGE, _UPHILL = -0.5, 0.5, 0.03, 0.2
_SURE, _SHARE, _WANDER, _MEANWHILE, _BY_FAR = 6.0, 0.05, 0.8, 0.05, 0.25
_SLOW, _DROP = 0.4, 0.1
_HIGH, _TAIL, _PLAIN = 2.0, 5.0, 8.0
_FEW = 0.1  # of the updates: so many may be left out of a run that goes on

_COMPARE: Final = "whether another rate is better, `lrcore find` or `lrcore sweep` shows"
_ADVICE: Final[Mapping[str, str]] = {
    "short": f"Too short to tell: {ENOUGH} losses are wanted at the least. Go on.",
    "too_low": f"Still on its way down when it ended: go on; {_COMPARE}.",
    "straight": "Still falling as steadily as at first: go on, or try 3 times the rate; "
    f"{_COMPARE}.",
    "flat": "No fall to be seen above the noise: try 10 times the rate, unless it began where it "
    "can get to; if that changes nothing, look at the gradients (dead units, a wrong sign) and at "
    "the noise of the batches.",
    "dead": "Most updates round to nothing: raise the rate, or keep the parameters in float64.",
    "ok": f"Nothing wrong is seen in this curve; {_COMPARE}.",
    "plateau": "Nothing was gained in the last half: go on at a tenth of the rate; if the loss "
    "does not drop again, it has converged or is stuck.",
    "oscillating": "Held up by steps that are too long: decay the rate from here on, or start "
    "with a third of it.",
    "collapse": "It fell, lost much of that again and stays there: take up the parameters from "
    "before, and go on at a third of the rate, or clip the gradients.",
    "momentum": "Updates run uphill as often as down: momentum carries them past the minimum; "
    "lower it, or the rate.",
    "diverging": "Above where it started, or on its way there: divide the rate by 10; if it must "
    "be high, warm up and clip the gradients.",
    "climbing": "Above where it started, or on its way there: divide the rate by 10. If these are "
    "validation losses, no rate mends that: give them beside the training losses (validation=, "
    "--validation).",
    "burst": "It ends in an explosion, above where it started: go back to before it at a third of "
    "the rate, or a tenth, and clip the gradients.",
    "nonfinite": "NaN or infinity: divide the rate by 10, clip the gradients, and look for a "
    "division by zero or a logarithm of zero.",
    "gap": "Finite losses follow, so training went on: updates that were left out, or gaps in the "
    "log, and no sign of the rate; a loss that overflows wants another look at its formula.",
    "between": "Finite losses came between, so training went on: updates that were left out, or "
    "gaps in the log, and no sign of the rate; a loss that overflows wants another look at its "
    "formula.",
    "skipped": "Few updates had gradients that are not finite, and training went on: look for what "
    "makes them (a division by zero, a logarithm of zero); clip if they come more often.",
    "overfitting": "The validation loss rises while the training loss does not: stop at its "
    "lowest, regularize, or take more data; no rate mends that.",
}
_HIDDEN: Final = (
    " If the first loss is a mean, it may hide a leap: give the loss before the first update too "
    "(start=, --start)."
)
# A Monitor takes neither a start nor validation losses.
_WATCHED: Final[Mapping[str, str]] = {
    "give the loss before the first update too (start=, --start)": "report each loss before the "
    "step that it belongs to, from the first update on",
    "give them beside the training losses (validation=, --validation)": "report training losses",
}
_OPEN: Final = {"too_low", "straight", "flat", "ok", "plateau", "oscillating"}


def verdict(evidence: Numbers, *, watched: bool = False) -> tuple[Label, str]:
    """The label, and advice in one line, as it fits a Monitor if that has `watched`."""
    label, reason = _reasoned(evidence)
    advice = _ADVICE[reason]
    if reason in ("gap", "between", "skipped") and "first" in evidence:
        other, behind = _of_finite(evidence)
        advice = f"{advice} The finite losses alone are {other}: {_ADVICE[behind]}"
    elif reason in _OPEN and "start" not in evidence:
        advice += _HIDDEN
    for words, instead in _WATCHED.items() if watched else ():
        advice = advice.replace(words, instead)
    return label, advice


def in_sight(evidence: Numbers) -> bool:
    """Whether a fall of the whole curve stands out from the scatter."""
    return evidence["visible"] >= _SIGHT or evidence.get("early", 0.0) > _EARLY


def _reasoned(evidence: Numbers) -> tuple[Label, str]:
    """The label, and the key of the advice."""
    get = evidence.get
    skipped = get("skipped", 0)
    if get("nonfinite", 0) > skipped:
        if get("finite_after", 0) > 0:
            return "nonfinite", "gap"
        # no longer without than before, when finite losses came back
        return "nonfinite", "between" if 0 < get("nonfinite_end", 0) <= get(
            "gap", 0
        ) else "nonfinite"
    if skipped > 0:
        few = skipped < _FEW * get("reported", evidence["points"])
        return "nonfinite", "skipped" if few else "nonfinite"
    return _of_finite(evidence)


def _of_finite(evidence: Numbers) -> tuple[Label, str]:
    get = evidence.get
    if get("burst", 0) > 0:
        return "diverging", "climbing" if _crept(evidence) else "burst"
    if "above" in evidence and _climbs(evidence):
        return "diverging", "climbing" if _crept(evidence) else "diverging"
    if _turns(evidence):
        return "overfitting", "overfitting"
    if get("cosine", 0.0) <= _REVERSAL:
        return "oscillating", "oscillating"
    dead = get("dead", 0.0) > _DEAD
    if "above" not in evidence:
        return ("too_low", "dead") if dead else ("ok", "short")
    if evidence["lost"] > LOST:
        return ("diverging" if evidence["lost"] > 1 else "oscillating"), "collapse"
    if dead and not in_sight(evidence):
        return "too_low", "dead"
    label, reason = _of_the_curve(evidence)
    if label != "ok" and get("uphill", 0.0) > _UPHILL:
        return "oscillating", "momentum"
    return label, reason


def _climbs(e: Numbers) -> bool:
    rising = e["trend"] < -_RISE or e["order"] < -_ORDERED
    above = e["above"] > _PLAIN or (e["above"] > 0 and (_leapt(e) or rising))
    fell = "settled" in e and e["last"] < e["first"]
    return (above and not fell) or (e["regain"] > 0.5 and rising)


def _leapt(e: Numbers) -> bool:
    """By more than noise would, such of single large losses as well."""
    usual = 1 if e["above"] > _HIGH else e["tail"] / _TAIL
    return e["jump"] > _JUMP * max(usual, 1)


def _crept(e: Numbers) -> bool:
    """Whether the rise took its time, as that of validation losses does, and these were not given
    beside it."""
    return e.get("leap", 1.0) < _SLOW and "evaluations" not in e


def _turns(e: Numbers) -> bool:
    return (
        e.get("validation_rise", 0.0) > _SURE
        and e["validation_share"] > _SHARE
        and e["validation_wander"] < _WANDER
        and e.get("training_since", 0.0) < _MEANWHILE
        and not _has_hardly_begun(e)
    )


def _has_hardly_begun(e: Numbers) -> bool:
    """Whether training falls in a line still, and by far more than validation has risen: nothing
    has been fitted yet, let alone too closely."""
    fall = e.get("training_then", 0.0) - e.get("training_last", 0.0)
    rise = e["validation_last"] - e["validation_lowest"]
    return e.get("late", 0.0) > _STRAIGHT and rise < _BY_FAR * fall


def _of_the_curve(e: Numbers) -> tuple[Label, str]:
    half = e["points"] / 2  # by chance a few points correlate too
    if e["alternation"] < _ALTERNATING - 2 / half and e["scatter"] > 0.1 * _SCATTER:
        return "oscillating", "oscillating"
    if e["drop"] > _DROP and "settled" not in e:
        return "too_low", "too_low"
    if not in_sight(e):
        thrown = _leapt(e) or e.get("update_ratio", 0.0) > _LARGE
        swinging = e["swing"] > max(_SWINGING, 3 / math.sqrt(half))
        thrown |= swinging and abs(e["trend"]) < _SIGHT
        return ("oscillating", "oscillating") if thrown else ("too_low", "flat")
    error = 1.5 * e["scatter"] / math.sqrt(max(e["points"] // 10, 3))
    if e["late"] > _LATE + error and "settled" not in e:
        return "too_low", "straight" if e["late"] > _STRAIGHT else "too_low"
    if e["scatter"] > _SCATTER:
        return "oscillating", "oscillating"
    flat = e["scatter"] > _QUIET or e.get("stop", 0.0) > _ABRUPT
    return ("plateau", "plateau") if flat and e["trend"] < _TREND else ("ok", "ok")
