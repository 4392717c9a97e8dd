"""Every schedule on one sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..checks.arguments import Count, checked
from ..pictures import rates
from .catalogue import SCHEDULES, Constant, CosineAnnealing, Cyclical, Schedule, StepDecay
from .in_words import sample

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def gallery(steps: int = 1000) -> Figure:
    """Every schedule and some combinations on one sheet, each over `steps` updates.

    >>> import lrcore as lrc
    >>> lrc.plots.gallery().savefig("schedules.png")  # doctest: +SKIP
    """
    steps = checked("gallery", "steps", steps, Count)
    shown = ((title, s, sample(s, steps)) for title, s in examples(steps).items())
    return rates.sheet({title: (t, s(t)) for title, s, t in shown})


def examples(steps: int) -> dict[str, Schedule]:
    """What the gallery shows, by title: an example of every class, and some combinations."""
    part = max(steps // 10, 1)
    cosine, stairs = CosineAnnealing(1.0, 9 * part), StepDecay(1.0, every=3, factor=0.5)
    combinations: dict[str, Schedule] = {
        "cosine.warmup(n)": cosine.warmup(part),
        'cosine.warmup(n, shape="cosine")': cosine.warmup(3 * part, shape="cosine"),
        "constant.warmup(n).then(cosine)": Constant(1.0)
        .warmup(part)
        .then(CosineAnnealing(1.0, 4 * part), at=6 * part),
        "stairs.per_epoch(n)": stairs.per_epoch(part),
        "cosine.repeat(n, decay=0.7)": CosineAnnealing(1.0, 2 * part).repeat(2 * part, decay=0.7),
        "cosine * cyclical": cosine * Cyclical(0.2, 1.0, part),
        "cosine.clip(lo, hi)": cosine.clip(0.2, 0.8),
        "cosine.minimum(stairs)": cosine.minimum(stairs.stretch(part)),
    }
    return {name: cls.example(1.0, steps) for name, cls in SCHEDULES.items()} | combinations
