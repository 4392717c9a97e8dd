"""What the updates of a running optimizer do: how far they go, and whether they agree."""

from __future__ import annotations

import math
import weakref
from collections import deque
from types import TracebackType
from typing import Annotated, Any, NamedTuple, NoReturn

from numpy.typing import NDArray

from .._core import OBSERVED
from ..checks import arguments
from ..checks.calls import telling
from ..checks.losses import loss_of
from ..optimizers.base import Optimizer
from .diagnosis import Diagnosis, judge
from .thinned import Thinned
from .verdicts import verdict

EVERY, KEEP = 200, 1024

AtLeastTwo = Annotated[int, arguments.Range(int, 2, arguments.EXACT)]

_Rows = tuple[NDArray[Any], NDArray[Any], tuple[str, ...]]


class Observation(NamedTuple):
    """One update, of one array or of all together.

    Parameters
    ----------
    t : int
        The index of the update, as a schedule sees it.
    update_ratio : float
        ``|u| / |p|``: Euclidean norms of the update and of the parameters before it. For healthy
        training of networks often about 1e-3 (Karpathy 2015), a rule of thumb at best.
    cosine : float
        ``u.w / (|u| |w|)`` with the update `w` before: near 1 for steps that agree, near 0 for
        noise, below 0 for steps that undo each other; NaN where the update before was not observed.
    descent : float
        ``-u.g / (|u| |g|)`` (with ``maximize=True`` its negative): 1 straight downhill, below 0
        uphill, as when momentum carries past a minimum.
    dead : float
        The share of the elements with a gradient (not 0) whose update was rounded to nothing.
    gradient_norm : float
        ``|g|``, before clipping.
    nonfinite : int
        Elements of the gradients that are NaN or infinite (with ``nonfinite="allow"``).
    """

    t: int
    update_ratio: float
    cosine: float
    descent: float
    dead: float
    gradient_norm: float
    nonfinite: int


class Monitor:
    """Watches an optimizer's updates from inside its step. Only watches: nothing is changed.

    The first 16 updates are observed, later the first two of every `every`: two in a row, since
    `Observation.cosine` compares neighbours. An update that is observed takes 1.5 to 5 times as
    long as one that is not; with the default that adds a few percent. It costs memory for one copy
    of the parameters.

    Parameters
    ----------
    opt : Optimizer
        Only one monitor at a time may watch it.
    every : int >= 2
        With 2 every update is observed.
    keep : int >= 2
        As many observations, and as many reported losses, are kept: the last ones. For `diagnose`
        up to as many losses again stand for the whole run, from the very first on: all of them,
        then every second, then every fourth, and so on.

    Raises
    ------
    TypeError, ValueError
        For a senseless argument, or an optimizer that is being watched.

    Notes
    -----
    Sums run over the elements in the order of memory, in float64: their last digits depend on the
    layout of the arrays, not on threads or machine. Squares of float64 numbers beyond 1e154
    overflow here, unlike in `global_norm`.

    Examples
    --------
    A rate of 1 on ``|w - 19|`` bounces for ever:

    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([19.5])
    >>> opt = lrc.SGD(w, lr=1.0)
    >>> with lrc.Monitor(opt) as monitor:
    ...     for _ in range(4):
    ...         _ = opt.step(np.sign(w - 19.0))
    >>> [seen.cosine for seen in monitor.history]
    [nan, -1.0, -1.0, -1.0]
    """

    @telling
    def __init__(self, opt: Optimizer, *, every: int = EVERY, keep: int = KEEP) -> None:
        if not isinstance(opt, Optimizer):
            raise TypeError(f"Monitor: opt must be an optimizer, got {opt!r:.80}")
        every, keep = (
            arguments.checked("Monitor", name, value, AtLeastTwo)
            for name, value in (("every", every), ("keep", keep))
        )
        self._opt, self._every, self._skipped = opt, every, opt.skipped
        self._sign = 1.0 if opt.hyperparameters["maximize"] else -1.0
        self._losses: deque[float] = deque(maxlen=keep)
        self._thinned = Thinned(keep)
        self._start: float | None = None
        self._last: _Rows | None = None
        opt._alone(lambda: self._begin(keep))

    def _begin(self, keep: int) -> None:
        other = self._opt._watcher and self._opt._watcher()
        if other is not None and other._last is None:
            raise ValueError("Monitor: another monitor watches this optimizer; close it first")
        self._opt._observe(self._every, keep, weakref.ref(self))

    def close(self) -> None:
        """Stop watching; what has been seen stays."""
        if self._last is None:
            self._opt._alone(self._end)

    def _end(self) -> None:
        if self._last is None:  # another thread may have been first
            self._last = self._opt._observed()
            self._opt._observe(None, 0)

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Monitor belongs to its optimizer; copy or pickle its history instead")

    def _rows(self) -> _Rows:
        rows = self._last or self._opt._alone(lambda: self._last or self._opt._observed())
        assert rows is not None
        return rows

    @property
    def history(self) -> list[Observation]:
        """The observations of all arrays together, oldest first."""
        return [_observation(row, self._sign) for row in self._rows()[0]]

    @property
    def latest(self) -> Observation | None:
        """The last of them; None before the first."""
        history = self._rows()[0]
        return _observation(history[-1], self._sign) if len(history) else None

    @property
    def arrays(self) -> dict[str, Observation]:
        """The last observation of each array, by its name; nothing before the first."""
        _, table, names = self._rows()
        rows = zip(names, table, strict=True)  # those of arrays that are new have no numbers
        sign = self._sign
        return {name: _observation(row, sign) for name, row in rows if not math.isnan(row[0])}

    def report(self, loss: Any) -> None:
        """Tell the loss of an update, for `diagnose`; NaN and infinity are losses too."""
        number = loss_of(loss, "Monitor: loss must be a real number")
        if not self._losses and self._opt.t == 0 and math.isfinite(number):
            self._start = number
        self._losses.append(number)
        self._thinned.append(number)

    def diagnose(self) -> Diagnosis:
        """The verdict of `lrcore.diagnose` on what was reported and seen. A heuristic.

        The losses that were reported, from the first on (of a long run some of them, evenly
        spread), the cosines, ratios, dead shares and gradient norms of the
        observed updates, and the number of updates whose gradients were not finite (left out, or
        let through). It can tell what the loss alone does not: steps that undo each other while the
        loss falls, and updates that round to nothing.

        Examples
        --------
        >>> import numpy as np, lrcore as lrc
        >>> w = np.array([19.5])
        >>> opt = lrc.SGD(w, lr=1.0)
        >>> monitor = lrc.Monitor(opt)
        >>> for _ in range(4):
        ...     monitor.report(abs(w[0] - 19.0))
        ...     _ = opt.step(np.sign(w - 19.0))
        >>> monitor.diagnose().label
        'oscillating'
        """
        history = self.history
        skipped = self._opt.skipped - self._skipped
        found = judge(
            self._thinned.losses(),
            start=self._start,
            cosine=[seen.cosine for seen in history if not math.isnan(seen.cosine)],
            update_ratio=[seen.update_ratio for seen in history if seen.update_ratio >= 0],
            descent=[seen.descent for seen in history if not math.isnan(seen.descent)],
            dead=[seen.dead for seen in history],
            gradient_norm=[seen.gradient_norm for seen in history],
            nonfinite=skipped + sum(seen.nonfinite > 0 for seen in history),
        )
        evidence = self._thinned.scaled(found.evidence)
        label, advice = verdict(evidence, watched=True)
        return Diagnosis(label, evidence, advice)

    @property
    def losses(self) -> list[float]:
        """The last losses that were reported, oldest first."""
        return list(self._losses)


def _observation(row: NDArray[Any], sign: float) -> Observation:
    x = dict(zip(OBSERVED, row.tolist(), strict=True))
    return Observation(
        t=int(x["t"]),
        update_ratio=_ratio(math.sqrt(x["u"]), math.sqrt(x["p"])),
        cosine=_cosine(x["product"], x["u"], x["last"]),
        descent=sign * _cosine(x["along"], x["u"], x["g"]),
        dead=_ratio(x["dead"], x["wanted"]),
        gradient_norm=math.sqrt(x["g"]),
        nonfinite=int(x["nonfinite"]),
    )


def _cosine(product: float, square: float, other: float) -> float:
    lengths = math.sqrt(square) * math.sqrt(other)
    return product / lengths if lengths > 0 else math.nan


def _ratio(part: float, whole: float) -> float:
    """Nothing of nothing is nothing."""
    if whole == 0:
        return 0.0 if part == 0 else math.inf
    return part / whole
