"""The numbers of a diagnosis in words: what a user reads beneath the label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from .verdicts import LOST, in_sight

Numbers: TypeAlias = Mapping[str, float]
_MOST: Final = 10.0  # times the fall: what is printed of more is a bound


def words(evidence: Numbers) -> list[str]:
    """A line for each part: the losses, their last half, validation losses, updates."""
    parts = {
        "losses": _levels(evidence),
        "not finite": _gaps(evidence),
        "last half": _half(evidence),
        "validation": _validation(evidence),
        "updates": _updates(evidence),
    }
    rows = ((name, "; ".join(said)) for name, said in parts.items())
    return [f"{name:<11} {said}" for name, said in rows if said]


def _levels(e: Numbers) -> Iterator[str]:
    seen = _count(e.get("reported", e["points"]), "loss", "losses")
    if "reported" in e:
        seen += f", {e['points']:.0f} of them judged"
    if "first" not in e:
        yield seen
        return
    begin = "the loss before the first update was" if "start" in e else "the first is"
    yield f"{seen}: {begin} {e['first']:.4g}"
    burst = e.get("burst", 0)
    if burst:
        many = f"{burst:.0f} lie above all before, around"
        lie = "one lies above all before, at" if burst == 1 else many
        yield f"the last {lie} {e['last']:.4g}"
        return
    yield f"the lowest part lies at {e['lowest']:.4g}, the end at {e['last']:.4g} (medians)"


def _count(number: float, one: str, many: str) -> str:
    return f"{number:.0f} {one if number == 1 else many}"


def _gaps(e: Numbers) -> Iterator[str]:
    if "first_nonfinite" in e:
        losses = _count(e["nonfinite"] - e.get("skipped", 0), "loss", "losses")
        judged = " judged" if "reported" in e else ""
        first = f"the first is number {e['first_nonfinite'] + 1:.0f}"
        yield f"{losses} of {e['points']:.0f}{judged}, {first}"
        yield f"{_count(e['finite_after'], 'finite loss follows', 'finite losses follow')} the last"
    if "skipped" in e:
        yield f"the gradients of {_count(e['skipped'], 'update', 'updates')}"


def _half(e: Numbers) -> Iterator[str]:
    if "late" not in e or e.get("burst", 0):
        return
    if e["lost"] > 1:
        yield "it ends above where it started"
    elif e["lost"] > LOST:
        yield f"at least {_percent(e['lost'])} of the fall to the lowest loss is lost at the end"
    elif not in_sight(e):
        yield "no fall of the whole curve stands out from the scatter"
    else:
        stopped = f", and ended {_count(e.get('settled', 0), 'loss', 'losses')} before the end"
        yield f"made {_percent(e['late'])} of the fall{stopped if 'settled' in e else ''}"
        yield f"single losses scatter by {_percent(e['scatter'])} of the fall"


def _percent(share: float) -> str:
    """Of a whole: bounded, and not finer than it is known."""
    if share > _MOST:
        return f"over {_MOST:.0%}".replace("%", " %")
    digits = 1 if 0 < share < 0.0995 else 0
    return f"{share * 100:.{digits}f} %" if share == 0 or share >= 5e-4 else "less than 0.1 %"


def _validation(e: Numbers) -> Iterator[str]:
    if "evaluations" not in e:
        return
    turn = f"evaluation {e['validation_turn'] + 1:.0f} of {e['evaluations']:.0f}"
    yield f"lowest at {turn}: {e['validation_lowest']:.4g}, at the end {e['validation_last']:.4g}"
    if "training_then" in e:
        then, now = e["training_then"], e["training_last"]
        yield f"the training loss went from {then:.4g} to {now:.4g} meanwhile"


def _updates(e: Numbers) -> Iterator[str]:
    if "update_ratio" in e:
        yield f"each changes the parameters by {_percent(e['update_ratio'])} of their norm"
    if "cosine" in e:
        yield f"cosine with the one before {e['cosine']:.2f} (1 goes on, -1 turns back)"
    if e.get("dead", 0) > 0:
        yield f"{_percent(e['dead'])} of the elements round to nothing"
    if e.get("uphill", 0) > 0:
        yield f"uphill by {_percent(e['uphill'])}"
