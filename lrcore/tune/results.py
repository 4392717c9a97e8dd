"""What a search has found."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final, get_args, overload

from ..pictures import search

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Status: TypeAlias = Literal["finished", "stopped", "diverged"]

_ALIKE: Final = 1e-3  # of a score: no difference that a user should read anything into


@final
@dataclass(frozen=True, slots=True)
class Trial:
    """One rate that was tried.

    Parameters
    ----------
    lr : float
        The rate.
    score : float
        Lower is better; infinity if it diverged.
    status : str
        "finished"; "stopped" (by halving or a pruner, because others were better after as many
        updates); or "diverged".
    updates : int, optional
        The updates that were made; None if the function does not tell. A trial of a halving that
        diverged has the updates until which it was to go on.
    seconds : float
        The time that it took.
    bracket : int, optional
        The bracket of a halving, in the order in which they were run.
    """

    lr: float
    score: float
    status: Status
    updates: int | None
    seconds: float
    bracket: int | None = None


@final
@dataclass(frozen=True)
class Result(Sequence[Trial]):
    """The trials of a search: a sequence, in an order that does not depend on `n_jobs`.

    Parameters
    ----------
    trials : tuple of Trial
        In the order in which they were decided on.
    study : optuna.Study, optional
        What `optuna` made them with.

    Examples
    --------
    >>> import lrcore as lrc
    >>> result = lrc.tune.grid(lambda lr: (lr - 0.03) ** 2, [0.1, 0.01, 0.001])
    >>> len(result), result.best.lr
    (3, 0.01)
    """

    trials: tuple[Trial, ...]
    study: Any = field(default=None, repr=False, compare=False)

    @overload
    def __getitem__(self, index: int) -> Trial: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Trial, ...]: ...
    def __getitem__(self, index: int | slice) -> Trial | tuple[Trial, ...]:
        return self.trials[index]

    def __len__(self) -> int:
        return len(self.trials)

    def __iter__(self) -> Iterator[Trial]:
        return iter(self.trials)

    @property
    def best(self) -> Trial:
        """The lowest score, of those that finished if there are any; the first of equal ones.

        Raises
        ------
        ValueError
            If every trial diverged, or there is none.
        """
        good = [trial for trial in self.trials if math.isfinite(trial.score)]
        if not good:
            lowest = min((trial.lr for trial in self.trials), default=math.nan)
            raise ValueError(f"all {len(self)} trials diverged; try rates below {lowest:.3g}")
        finished = [trial for trial in good if trial.status == "finished"]
        return min(finished or good, key=lambda trial: trial.score)

    @property
    def as_good(self) -> tuple[Trial, ...]:
        """Others of the best's status, whose scores are within 0.1 % of its, by rate.

        Which of these is the best, another seed or some more updates may decide otherwise. From a
        best score of 0 it is 0.1 % of the median of the finite ones.

        >>> import lrcore as lrc
        >>> result = lrc.tune.grid(lambda lr: 2 + 1e-3 * lr, [3.0, 1.0, 0.5, 0.1])
        >>> result.best.lr, [trial.lr for trial in result.as_good]
        (0.1, [0.5, 1.0])
        """
        scores = [trial.score for trial in self.trials if math.isfinite(trial.score)]
        if not scores:
            return ()
        best = self.best
        limit = best.score + _ALIKE * abs(best.score or median(scores))
        near = (t for t in self.trials if t.score <= limit and t.status == best.status)
        others = (t for t in near if t.lr != best.lr)
        return tuple(sorted(others, key=lambda trial: trial.lr))

    def __str__(self) -> str:
        """A table by rate, the best and what is as good marked, a word if it lies at an end."""
        good = any(math.isfinite(trial.score) for trial in self.trials)
        best = self.best if good else None
        as_good = self.as_good
        of = "median" if best and best.score == 0 else "best"
        rows = sorted(self.trials, key=lambda trial: trial.lr)
        lines = ["       rate       score    updates   seconds"]
        for trial in rows:
            mark = "*" if trial is best else " "
            updates = "-" if trial.updates is None else trial.updates
            status = "" if trial.status == "finished" else f"  {trial.status}"
            status += f"  within 0.1 % of the {of}" if trial in as_good else ""
            numbers = f"{trial.lr:10.4g}  {trial.score:10.4g} {updates:>10} {trial.seconds:9.2f}"
            lines.append(f"{mark}{numbers}{status}")
        # where another is as good, all of these lie on the side away from the end
        if best and not as_good and len(rows) > 2 and best.lr in (rows[0].lr, rows[-1].lr):
            way = "lower" if best.lr == rows[0].lr else "higher"
            lines.append(f"The best rate is the last one on its side: try {way} ones.")
        return "\n".join(lines)

    def to_csv(self, path: str | Path) -> None:
        """Write a row for each trial, numbers to the last digit, what is unknown empty."""
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow([f.name for f in fields(Trial)])
            rows.writerows(astuple(trial) for trial in self.trials)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the scores over the rates; what diverged lies along the upper edge.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        points: dict[str, list[tuple[float, float]]] = {status: [] for status in get_args(Status)}
        for trial in sorted(self, key=lambda trial: trial.lr):
            points[trial.status].append((trial.lr, trial.score))
        best = None
        if points["finished"] or points["stopped"]:
            best = self.best.lr, self.best.score
        return search.draw(**points, best=best, ax=ax)
