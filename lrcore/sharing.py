"""Arrays that share memory with each other."""

from __future__ import annotations

from collections.abc import Sequence

from ._core import extent
from .parameters import Array, shares_memory


def check_distinct(named: Sequence[tuple[str, Array]], kind: str = "parameters") -> None:
    """Refuses arrays that share memory: each would be changed more than once."""
    spans = sorted((*extent(array), i) for i, (_, array) in enumerate(named) if array.size)
    reaching: list[tuple[int, int, int]] = []
    for span in spans:
        reaching = [other for other in reaching if other[1] > span[0]]
        for other in reaching:
            (first, a), (second, b) = (named[i] for i in sorted((other[2], span[2])))
            if shares_memory(a, b):
                raise ValueError(
                    f'{kind} "{first}" and "{second}" share memory; '
                    "give a tied parameter once and sum its gradients"
                )
        reaching.append(span)
