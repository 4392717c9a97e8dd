"""State that an optimizer has besides that of its rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .._core import Rule
from ..checks.arrays import Array
from .averages import LETTER, Average, with_average

GATHERED: Final = "gathered"  # sums of gradients over calls, once an update is made their mean
BESIDES: Final = (LETTER, GATHERED)  # as the core is handed them


def with_state(rule: Rule, average: Average | None, accumulate: int) -> Rule:
    """The rule with what an average, and gradients of several calls, want besides."""
    if average is not None:
        rule = with_average(rule)
    if accumulate > 1:
        rule = rule._replace(state=(*rule.state, GATHERED), shapes=(*rule.shapes, "LIKE"))
    return rule


def to_save(state: Mapping[str, Array], pending: int) -> dict[str, Array]:
    """What of the state of a parameter matters: sums do while gradients wait for their update."""
    return {letter: array for letter, array in state.items() if pending or letter != GATHERED}
