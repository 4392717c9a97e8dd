"""Numbers as pure functions of the update index: what it means to call a schedule."""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self, overload

import numpy as np
from numpy.typing import NDArray

from ..checks.arguments import EXACT
from .maths import ARRAYS, FLOATS, Array, Maths, Number
from .value import Value, arguments


class Curve(Value, ABC):
    """A formula in `t`, for one `t` and for arrays alike, and what is known of it."""

    __slots__ = ()
    _pure: ClassVar[bool] = False  # whether `_at` may be asked for any t at any time, for arrays

    def __init_subclass__(cls, pure: bool = False) -> None:
        # each class says it anew, as its formula is another; slots make the class a second time
        if "_pure" not in cls.__dict__:
            cls._pure = pure

    @abstractmethod
    def _at(self, t: Number, m: Maths[Number]) -> Number:
        """The formula, for one `t` or for a one-dimensional array of them."""

    @abstractmethod
    def _length(self) -> int | None: ...

    @classmethod
    @abstractmethod
    def _example(cls, lr: float, steps: int) -> Self: ...

    @property
    def length(self) -> int | None:
        """The first `t` from which the value no longer changes; None if it always may.

        Of a combination it follows from the parts: at times later than the first, never earlier.
        """
        return self._length()

    @property
    def _is_pure(self) -> bool:
        """Whether an optimizer may compute values ahead."""
        if not self._pure:
            return False
        parts = (part for part in arguments(self).values() if isinstance(part, Curve))
        return all(part._is_pure for part in parts)

    @classmethod
    def example(cls, lr: float, steps: int) -> Self:
        """A sensible instance for a run of `steps` updates (at least 1) with peak rate `lr`."""
        return cls._example(lr, steps)

    @overload
    def __call__(self, t: float | np.integer[Any] | np.floating[Any]) -> float: ...
    @overload
    def __call__(self, t: NDArray[Any] | Sequence[Any]) -> Array: ...
    def __call__(self, t: Any) -> float | Array:
        """The rate of update `t`; `t` is at least 0, and exact up to 2**53."""
        if type(t) is int and 0 <= t <= EXACT:
            return self._at(t + 0.0, FLOATS)
        if isinstance(t, np.generic):
            t = t.item()
        if isinstance(t, int | float) and not isinstance(t, bool):
            if not 0 <= t <= sys.float_info.max:
                raise ValueError(f"{type(self).__name__}: t must be finite and >= 0, got {t!r}")
            return self._at(float(t), FLOATS)
        points = np.asarray(t)
        if points.dtype.kind not in "iuf":
            raise TypeError(f"{type(self).__name__}: t must be a number or an array, got {t!r}")
        flat = points.astype(np.float64).ravel()
        if not np.all((flat >= 0) & (flat < math.inf)):
            raise ValueError(f"{type(self).__name__}: every t must be finite and >= 0, got {t!r}")
        with np.errstate(all="ignore"):
            return self._at(flat, ARRAYS).reshape(points.shape)
