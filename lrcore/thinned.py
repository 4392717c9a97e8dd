"""A curve of any length in bounded memory."""

from __future__ import annotations

import math
from typing import final


@final
class Thinned:
    """The first loss, the last, and evenly spread ones between: `keep` + 1 at the most.

    Single losses, not means of several: those would hide an explosion at the end and a leap at
    the beginning.

    Examples
    --------
    >>> curve = Thinned(4)
    >>> for loss in range(10):
    ...     curve.append(loss)
    >>> curve.losses()
    [0, 4, 8, 9]
    """

    def __init__(self, keep: int) -> None:
        self._keep, self._stride, self._seen = keep, 1, 0
        self._kept: list[float] = []
        self._last = math.nan

    def append(self, loss: float) -> None:
        """Take another loss."""
        if self._seen % self._stride == 0:
            if len(self._kept) == self._keep:
                del self._kept[1::2]
                self._stride *= 2
            if self._seen % self._stride == 0:
                self._kept.append(loss)
        self._seen += 1
        self._last = loss

    def losses(self) -> list[float]:
        """What is kept, oldest first."""
        late = self._seen > 0 and (self._seen - 1) % self._stride
        return [*self._kept, self._last] if late else list(self._kept)
