"""What a schedule tells of itself: in words, as data, as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..checks.arguments import Count, checked
from ..checks.hints import AbstractHinting, give, visible
from ..checks.pickles import is_ours
from ..checks.synonyms import SCHEDULE
from ..pictures import rates
from . import in_words
from .curve import Curve
from .value import arguments

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEEPEST: Final = 100  # schedules inside of schedules
NAME: Final = "schedule"  # the key of the class
OWN_CODE: Final = "calls a function of yours, which is no data: make it in code again"


class Viewable(Curve, metaclass=AbstractHinting):
    """A formula that can be shown."""

    __slots__ = ()

    def describe(self, steps: int | None = None) -> str:
        """What happens when, in a paragraph: first rate, rises, falls, drops, the end, the bounds.

        Parameters
        ----------
        steps : int >= 1, optional
            The run to describe, in updates. By default it lasts until nothing changes any more, or
            if that is never, until the schedule has shown what it does: 100 updates, or 1000, ...

        Notes
        -----
        It is read off the values: all of them up to 131072 updates, else a sample that is dense
        where the rate turns; the paragraph then says so.

        >>> import lrcore as lrc
        >>> s = lrc.Constant(0.1).warmup(5).then(lrc.Constant(0.01), at=30)
        >>> print(s.describe())  # doctest: +NORMALIZE_WHITESPACE
        Starts at 0.02, rises to 0.1 at update 4, drops to 0.01 at update 30 and stays there.
        Highest 0.1 at update 4, lowest 0.01 at update 30.
        >>> print(lrc.StepDecay(0.1, every=30).describe())  # doctest: +NORMALIZE_WHITESPACE
        Starts at 0.1, drops to 0.01 at update 30, to 0.001 at update 60, to 0.0001 at update 90.
        Highest 0.1 at update 0, lowest 0.0001 at update 90.
        This tells of updates 0 to 99; it has no end.
        """
        return in_words.describe(self, steps)

    def to_dict(self) -> dict[str, Any]:
        """The schedule as data for JSON, from which `schedule_from_dict` makes its equal.

        Raises
        ------
        TypeError
            If the schedule calls a function of yours.

        >>> import lrcore as lrc
        >>> (lrc.Constant(0.1) * 2).to_dict()
        {'schedule': 'Scaled', 'inner': {'schedule': 'Constant', 'lr': 0.1}, 'factor': 2.0}
        """
        return _record(self, 0)

    def plot(self, steps: int | None = None, ax: Axes | None = None) -> Axes:
        """Draw the rates of the first `steps` updates; by default, of those of `describe`.

        Parameters
        ----------
        steps : int >= 1, optional
        ax : matplotlib axes, optional
            By default those of a new figure of pyplot's.

        Returns
        -------
        matplotlib axes
            Save them with `ax.figure.savefig(path)`.
        """
        steps = checked("plot", "steps", steps, Count | None)
        t = in_words.sample(self, in_words.shown_run(self) if steps is None else steps)
        return rates.draw(t, self(t), repr(self), ax)

    def __dir__(self) -> list[str]:
        return visible(self, super().__dir__())


give(Viewable, SCHEDULE)


def _record(schedule: Curve, depth: int) -> dict[str, Any]:
    name = type(schedule).__name__
    if not is_ours(type(schedule)):
        raise TypeError(f"to_dict: {name} is not a schedule of lrcore's")
    if not schedule._pure:
        raise TypeError(f"to_dict: {name} {OWN_CODE}")
    if depth > DEEPEST:
        raise ValueError(f"to_dict: more than {DEEPEST} schedules inside of one another")
    record: dict[str, Any] = {NAME: name}
    for key, argument in arguments(schedule).items():
        if isinstance(argument, Curve):
            argument = _record(argument, depth + 1)
        record[key] = list(argument) if isinstance(argument, tuple) else argument
    return record
