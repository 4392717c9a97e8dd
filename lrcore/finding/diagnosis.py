"""What a loss curve, and the updates behind it, say about the learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..checks import pickles
from ..checks.arguments import Natural, checked
from ..checks.losses import loss_of
from .evidence_words import words
from .loss_evidence import ENOUGH as ENOUGH
from .loss_evidence import Evidence, Losses, curve_evidence
from .validation_evidence import validation_evidence
from .verdicts import LABELS as LABELS
from .verdicts import Label as Label
from .verdicts import verdict


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

    def __reduce__(self) -> pickles.Recipe:
        return pickles.recipe(type(self), (self.label, self.evidence, self.advice), {})

    def __str__(self) -> str:
        return "\n  ".join([f"{self.label}: {self.advice}", *words(self.evidence)])


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
        One for each update, from the first on, or each epoch, of training at a rate that is
        constant or nearly so; noise of batches is expected. Fewer than 10 are called ``"ok"``,
        unless one is not finite or they explode, with the advice that they are too few. Training
        losses are wanted: validation losses rise for other reasons.
    validation : iterable of float, optional
        Validation losses, one for each evaluation, spread evenly over the run: fewer than the
        losses, as many, or more. Fewer than 5 that are finite are not judged.
    start : float, optional
        The loss before the first update, where the first of `losses` comes later or is a mean of
        several: a leap of the first updates is hidden without it.

    Returns
    -------
    Diagnosis
        ``"too_low"`` (still falling at the end, or no fall to be seen), ``"ok"`` (nothing of the
        others), ``"plateau"`` (fell, then nothing for the last half), ``"oscillating"`` (fell, then
        held up by swings, or lost much of its fall), ``"diverging"`` (ends above its start, or
        climbs back), ``"nonfinite"`` or ``"overfitting"`` (the validation losses rise from their
        lowest while the training losses do not). Printed, it is the label, the advice and some
        lines in words.

    Raises
    ------
    TypeError, ValueError
        For losses that are not real numbers in one dimension, for none at all, or for a start that
        is not finite.

    Notes
    -----
    Adding a constant to the losses or multiplying them by a positive number changes nothing but
    the losses quoted. What a curve alone cannot show: whether a flat end is the best that can be
    reached; updates that overshoot at every step while the loss falls (gradient descent between
    1/h and 2/h of curvature h); whether a noisy curve without trend has a rate far too low or is
    thrown about. The first two want other rates or `judge` with the updates.
    docs/finding/diagnosis.md has the confusion table over rates of eight decades.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> t = np.arange(200)
    >>> lrc.diagnose(np.exp(-t / 1000)).label, lrc.diagnose(np.exp(-t / 20)).label
    ('too_low', 'ok')
    >>> print(lrc.diagnose([1.0, 0.5, float("nan")]))
    nonfinite: NaN or infinity: divide the rate by 10, clip the gradients, and look for a division \
by zero or a logarithm of zero.
      losses      3 losses
      not finite  1 loss of 3, the first is number 3; 0 finite losses follow the last
    >>> falls, validation = np.exp(-t / 20), [2.0, 1.5, 1.3, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8]
    >>> lrc.diagnose(falls, validation=validation).label
    'overfitting'
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
        Its evidence, as far as the arguments allow. Losses are quoted as they are; all else is a
        number of something, or a ratio between -1000 and 1000.

        Of the losses: `points` and `nonfinite` (how many there are; the latter counts `skipped`
        updates too), `first_nonfinite` (its index), `finite_after` (how many follow the last that
        is not), `gap` (the most in a row after which finite ones came) and `nonfinite_end` (the
        row at the end); `reported` (from a `Monitor` that kept but some: all of them); `start`,
        `first`, `last` and `lowest` (losses: the first one, or `start`, and medians of the last
        tenth and of the lowest); `burst` (how many at the end lie above all before by more than
        those ever rose at once; `last` is then their median).

        Shares of the fall, from the start to the end: `late` (made in the last half), `scatter`
        (of single losses about the line through the last half), `stop` (if the last half is
        constant, the last change). Shares of the fall to the lowest level: `regain` and `lost`
        (lost again in the end, by medians, and at the least) and `drop` (made by the last three
        losses). `leap` is the largest rise at once as a share of the rise from the lowest loss.

        In units of the noise: `visible` (the fall), `early` (that of the rest below the first
        quarter, by their means and by their ranks, whichever tells less) and `trend` (that of the
        last half, positive downwards), all in their standard errors; `order` (the trend of the
        ranks of the losses, of all or of the last half, whichever rises more: growth by a factor at
        each update is no line, and would count as noise); `above` and `jump` (how far the mean of
        the last half and the highest of the first tenth lie above the first loss) and `tail` (the
        highest of the last half above its line). If the last half fell and stopped, `settled`
        losses have followed, and the noise is that of these.

        From -1 to 1: `alternation` and `swing` (correlation of neighbours in the last half, of its
        changes and of its values).

        Of validation losses: `evaluations` (how many), `validation_first`, `validation_lowest`,
        `validation_last` (losses, the last a median), `validation_turn` (index of the lowest),
        `validation_rise` (from there to the end, in units of the noise), `validation_share` (as a
        share of their range), `validation_wander` (the largest other rise before or fall after,
        beside it); `training_then`, `training_last` (training losses at the turn and at the end)
        and `training_since` (what they rose by, as a share of their range).

        Of the updates: `cosine`, `update_ratio`, `dead` (medians of the last half), `uphill` (mean
        of the last half of -`descent`, what is below 0 counted as 0), `gradient_growth`.

    Examples
    --------
    >>> from lrcore.diagnosis import judge
    >>> judge([0.5, 0.5, 0.5, 0.5], cosine=[-1.0, -1.0, -1.0]).label  # to and fro across a kink
    'oscillating'
    """
    curve = _numbers("losses", losses)
    evidence = curve_evidence(curve, _start(start))
    evidence |= validation_evidence(_numbers("validation", validation), curve)
    skipped = checked("diagnose", "nonfinite", nonfinite, Natural)
    if skipped:
        evidence |= {"nonfinite": evidence["nonfinite"] + skipped, "skipped": float(skipped)}
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
    label, advice = verdict(evidence)
    return Diagnosis(label, evidence, advice)


def label_of(evidence: Mapping[str, float]) -> Label:
    """The label that numbers such as those of `judge` lead to.

    Those about the updates may be missing, and those of the curve, if all of them are.
    """
    return verdict(evidence)[0]


def _start(given: Any) -> float | None:
    if given is None:
        return None
    start = loss_of(given, "diagnose: start must be a real number")
    if not math.isfinite(start):
        raise ValueError(f"diagnose: start must be finite, got {start!r}")
    return start


def _numbers(name: str, given: Any) -> Losses:
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
