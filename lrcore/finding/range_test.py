"""The learning-rate range test: one update at each of many rates, and everything as it was."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final, Literal, NamedTuple, Self, final

import numpy as np

from ..checks.arguments import Positive, Range, checked
from ..checks.calls import telling
from ..checks.losses import loss_of
from ..optimizers.base import Optimizer
from ..schedules.ramps import Sweep
from .range_curve import Array, Ending, diverged
from .range_result import RangeResult, judge
from .run import Moment, Run, one_update

START: Final = 1e-7
END: Final = 10.0
NUM: Final = 100

Number = Annotated[int, Range(int, 2, 10**5)]


class _Asked(NamedTuple):
    """A rate that the loop was given, and the optimizer before it was used."""

    lr: float
    of_first_group: float
    t: int
    skipped: int


@final
class RangeTest:
    """Try rates from `start` to `end` in any training loop, one update each, and undo it all.

    Update k uses exactly ``start * (end / start) ** (k / (num - 1))``: schedule, `opt.lr_scale` and
    controllers rest, the `lr_scale` of a group still multiplies. The body of the loop makes one
    update (with ``accumulate=k`` all calls of it) and reports one loss. The sweep ends early when
    the loss rises by far more than before, or with a loss or gradient that is not finite.

    Parameters
    ----------
    opt : Optimizer
        It is stepped by the loop, as in training. During the sweep a gradient that is not finite is
        left out and ends the sweep, whatever `nonfinite` says ("allow" lets it through).
    start, end : float > 0
        The first rate and the last, both of them used; ``start < end``.
    num : int from 2 to 100000
        How many rates; 100 over eight decades are a dozen for each. The suggestion falls about like
        ``1 / sqrt(num)``, since more updates are made below each rate; against noise, average
        gradients or use larger batches first.
    spacing : "log" or "linear"
    rng : numpy.random.Generator, optional
        Where the loop draws its batches and its noise from, to be put back with the rest.

    Raises
    ------
    TypeError, ValueError
        For a senseless argument.
    RuntimeError
        While looping, if the body has made no update, or several, or one at another rate, or has
        not reported one loss; by a second loop over the same object; by `result` before the loop.

    Notes
    -----
    However the loop ends (its end, `break`, `return`, an exception, Ctrl-C), parameters, optimizer
    state, `t`, controllers, `opt.lr` and `rng` have then the bits that they had when it began. An
    interrupt while these are put back has it done once more and is raised then (after `break`,
    Python can only report it); a second one may leave it half done. It is the iterator that puts
    back, when it ends or is closed: a `for` statement gives it up as soon as it is left. Who holds
    on to an iterator, ``it = iter(rt)``, closes it or calls `close`, or writes ``with
    RangeTest(...) as rt:``. What else a loop changes (a position in a data set, running means
    outside of the parameters) is its own to put back.

    A loss reported before or after `opt.step` is that of the gradients, so it shows what the rates
    before have done. The suggestions pair a rate with the next loss. A loop that reports the loss
    after the update should know that they come out lower by one factor between neighbouring rates.

    fastai, Lightning and torch-lr-finder stop at a multiple of the best loss, which fails if losses
    are negative or shifted, and smooth with a lag; the last leaves putting back to `reset`.

    References
    ----------
    Smith (2017), "Cyclical Learning Rates for Training Neural Networks", section 3.3.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((256, 10))
    >>> y, w = X @ np.ones(10), np.zeros(10)
    >>> opt = lrc.SGD(w)
    >>> rt = lrc.RangeTest(opt, rng=rng)
    >>> for lr in rt:
    ...     rows = rng.integers(256, size=64)
    ...     error = X[rows] @ w - y[rows]
    ...     _ = opt.step(X[rows].T @ error / 64)
    ...     rt.report(error @ error / 128)
    >>> rt.result.reliable, 0.01 < rt.result.suggestion < 1
    (True, True)
    >>> opt.t, opt.lr, bool(w.any())
    (0, 0.01, False)
    """

    @telling
    def __init__(
        self,
        opt: Optimizer,
        start: float = START,
        end: float = END,
        num: int = NUM,
        *,
        spacing: Literal["log", "linear"] = "log",
        rng: np.random.Generator | None = None,
    ) -> None:
        me = "RangeTest"
        checked(me, "opt", opt, Optimizer).roster.kind.check_rate("a RangeTest")
        start, end = checked(me, "start", start, Positive), checked(me, "end", end, Positive)
        if not start < end:
            raise ValueError(f"{me}: start must be below end, got start={start!r}, end={end!r}")
        num = checked(me, "num", num, Number)
        checked(me, "rng", rng, np.random.Generator | None)
        self._lrs: Array = Sweep(start, end, num, spacing=spacing)(np.arange(num))
        self._run = Run(opt, float, rng)  # to be remembered and gone back to, never stepped
        self._before: Moment | None = None
        self._lr_before: Any = None
        self._asked: _Asked | None = None
        self._loss: float | None = None
        self._losses: list[float] = []
        self._stage: Literal["new", "under way", "over"] = "new"
        self._ended: Ending = "left"
        self._result: RangeResult | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[float]:
        if self._stage != "new":
            raise RuntimeError("RangeTest: one loop for each; make another for another sweep")
        if self._run.opt.pending:
            raise RuntimeError(
                "RangeTest: gradients wait for their update: begin at opt.pending == 0"
            )
        self._lr_before = self._run.opt.hyperparameters["lr"]
        self._before = self._run.moment()
        self._stage = "under way"
        try:  # no loop in here: from its jump back an interrupt goes past `finally`, in Python 3.13
            yield from self._rates()
        finally:  # not by calling close: an interrupt on the way into it would not be caught there
            try:
                self._put_back()
            except BaseException:
                self._put_back()
                raise

    def report(self, loss: float | Array) -> None:
        """Tell the loss of the gradients of this update: a number, or an array of one.

        Lower is better, whatever the optimizer does: with ``maximize=True`` the negative of what
        is maximised.

        Raises
        ------
        RuntimeError
            Outside of the loop, or for a second report at one rate.
        TypeError
            If it is not a number.
        """
        if self._asked is None:
            raise RuntimeError("RangeTest: report(loss) belongs into the body of the loop")
        if self._loss is not None:
            raise RuntimeError(f"RangeTest: two losses were reported at rate {self._asked.lr:g}")
        self._loss = loss_of(loss, "RangeTest: the loss that is reported must be a number")

    def close(self) -> None:
        """Put everything back, if that has not been done."""
        try:
            self._put_back()
        except BaseException:  # an interrupt in the midst of it: once more from the start
            self._put_back()
            raise

    @property
    def result(self) -> RangeResult:
        """What the sweep has found, after the loop.

        Raises
        ------
        RuntimeError
            Before the loop or inside it.
        """
        if self._stage != "over":
            raise RuntimeError("RangeTest: there is no result before the loop has ended")
        if self._result is None:
            losses = np.array(self._losses)
            lrs, num = self._lrs[: losses.size].copy(), self._lrs.size
            if self._ended == "left" and losses.size == num:  # by a break at the last rate
                self._ended = "end"
            self._result = judge(lrs, losses, self._ended, num)
        return self._result

    def _rates(self) -> Iterator[float]:
        for lr in self._lrs.tolist():
            self._ask(lr)
            yield lr
            if self._before is None or self._ends_with_answer():
                return
        self._ended = "end"

    def _ask(self, lr: float) -> None:
        opt = self._run.opt
        opt._impose(lr)
        self._loss = None
        self._asked = _Asked(lr, opt.lr, opt.t, opt.skipped)

    def _ends_with_answer(self) -> bool:
        """Whether what the body has done with a rate ends the sweep."""
        opt, asked, loss = self._run.opt, self._asked, self._loss
        assert asked is not None
        what = f"RangeTest: at rate {asked.lr:g}"
        if loss is None:
            raise RuntimeError(f"{what} no loss was reported; call report(loss) once for each rate")
        skipped = opt.skipped > asked.skipped
        made = opt.t - asked.t
        if (made != 1 or opt.pending) and math.isfinite(loss) and not skipped:
            what += f" {made} updates were made" + f" and {opt.pending} calls" * bool(opt.pending)
            raise RuntimeError(f"{what}; the loop must make one for each")
        if made == 1 and opt.last_lr != asked.of_first_group:
            raise RuntimeError(
                f"{what} the update was made at {opt.last_lr:g}; leave lr= out of opt.step()"
            )
        self._keep_loss()
        if skipped or not math.isfinite(loss):
            self._ended = "nonfinite"
        elif diverged(np.array(self._losses), self._lrs.size):
            self._ended = "diverged"
        return self._ended != "left"

    def _keep_loss(self) -> None:
        loss, self._asked, self._loss = self._loss, None, None
        if loss is not None and math.isfinite(loss):
            self._losses.append(loss)

    def _put_back(self) -> None:
        if self._before is None:
            return
        self._keep_loss()
        opt = self._run.opt
        opt._impose(None)
        self._run.go_to(self._before)
        if opt.hyperparameters["lr"] is not self._lr_before:
            opt._between(lambda: opt._follow_rate(self._lr_before))
        self._before = None
        self._stage = "over"


def range_test(
    opt: Optimizer,
    step: Callable[[], float],
    start: float = START,
    end: float = END,
    num: int = NUM,
    *,
    spacing: Literal["log", "linear"] = "log",
    rng: np.random.Generator | None = None,
) -> RangeResult:
    """A `RangeTest` whose loop is `step`, and its result.

    Parameters
    ----------
    opt, start, end, num, spacing, rng
        Those of `RangeTest`.
    step : callable
        ``step() -> loss`` draws a batch, makes one update (``opt.step(grads)``) and returns the
        loss that the gradients belong to; with ``accumulate=k`` it may make one call of the k, and
        the loss is the mean of k. A `FloatingPointError` in it ends the sweep.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As `RangeTest`, and whatever else `step` raises. Everything has been put back then.

    Examples
    --------
    >>> import lrcore as lrc, lrcore.demo
    >>> run = lrcore.demo.digits(1e-3)
    >>> r = lrc.range_test(run.opt, run.step, rng=run.rng)
    >>> r.reliable, 1e-4 < r.suggestion < 1e-2
    (True, True)
    """
    if not callable(step):
        raise TypeError(f"range_test: step must be callable, got {step!r:.80}")
    test = RangeTest(opt, start, end, num, spacing=spacing, rng=rng)
    try:
        for _ in test:
            test.report(one_update(opt, step))
    except FloatingPointError:
        test._ended = "nonfinite"
    return test.result
