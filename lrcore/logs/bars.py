"""Bars that a terminal draws over and over: what is left of each in the end."""

from __future__ import annotations

import re
from typing import Final

_EPOCH: Final = re.compile(r"\s*Epoch:? \[?\d+/\d+\]?:?\s*")
_BAR: Final = re.compile(r"\s*(\d+)/(\d+|Unknown) +(?:\[[=>.]*\]|[━╸╺─]|(?:- +)?\d+s )")


def last_states(text: str) -> str:
    """The text with the last state alone of the bar of each epoch, as Keras draws it.

    The states before it show means over a part of the epoch, which begin anew with each, and a
    later bar in the epoch is of an evaluation. Left out are lines, whose places stay empty. A
    single epoch keeps its states, which are all that there is; so do bars without epochs.
    """
    lines = text.split("\n")
    if sum(_EPOCH.fullmatch(line) is not None for line in lines if "poch" in line[:20]) < 2:
        return text
    last: int | None = None  # the line of the bar that the next state replaces
    at, size, inside, closed = 0, "", False, False
    for k, line in enumerate(lines):
        if _EPOCH.fullmatch(line):
            last, at, size, inside, closed = None, 0, "", True, False
            continue
        bar = _BAR.match(line) if inside else None
        if bar is None:
            continue
        same = int(bar[1]) >= at and size in ("", "Unknown", bar[2])
        closed = closed or not same
        if closed:
            lines[k] = ""
            continue
        if last is not None:
            lines[last] = ""
        last, at, size = k, int(bar[1]), bar[2]
    return "\n".join(lines)
