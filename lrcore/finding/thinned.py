"""A curve of any length in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
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

    def scaled(self, evidence: Mapping[str, float]) -> dict[str, float]:
        """What `judge` says of `losses()`: its places and counts at the end as among all losses.

        >>> curve = Thinned(4)
        >>> for loss in range(10):
        ...     curve.append(loss)
        >>> curve.scaled({"points": 4, "settled": 2, "first_nonfinite": 2})
        {'points': 4, 'settled': 2.0, 'first_nonfinite': 8.0, 'reported': 10.0}
        """
        scaled, kept = dict(evidence), len(self.losses())
        if kept == self._seen:
            return scaled
        for name in ("burst", "settled"):  # of the first of these on
            if name in scaled:
                scaled[name] = self._seen - self._place(kept - scaled[name])
        if "first_nonfinite" in scaled:
            scaled["first_nonfinite"] = self._place(scaled["first_nonfinite"])
        if "finite_after" in scaled:
            last = self._place(kept - 1 - scaled["finite_after"])
            scaled["finite_after"] = self._seen - 1 - last
        scaled["reported"] = float(self._seen)
        return scaled

    def _place(self, index: float) -> float:
        """Where one of `losses()` was among all."""
        return float(min(index * self._stride, self._seen - 1))

    def losses(self) -> list[float]:
        """What is kept, oldest first."""
        late = self._seen > 0 and (self._seen - 1) % self._stride
        return [*self._kept, self._last] if late else list(self._kept)
