"""What all controllers share: how they are told, how they scale a rate, and how they are saved."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, ClassVar, TypeVar, dataclass_transform, final

import numpy as np

from .. import _core
from ..arrays.named import Watched, watch
from ..checks import arguments, pickles
from ..checks.arrays import Array, either
from ..checks.calls import telling
from ..checks.hints import AbstractHinting, give, visible
from ..checks.losses import loss_of
from ..checks.synonyms import CONTROLLER
from .kept import GRADIENT, Change, Memory

T = TypeVar("T")


class Controller(metaclass=AbstractHinting):
    """A factor on the learning rate that follows what is reported to it."""

    _role: ClassVar = "Controller"
    min_lr: float = 0.0

    @property
    @abstractmethod
    def scale(self) -> float:
        """The factor on the rate: 1 at first."""

    @abstractmethod
    def update(self, value: float, step: int | None = None, *, grads: Any = None) -> bool:
        """Report one evaluation of the metric; True if the controller has acted on it."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs, as plain data; settings are not in it."""

    @abstractmethod
    def load_state_dict(self, d: Mapping[str, Any]) -> None:
        """Take over a saved state, or change nothing and raise a KeyError or ValueError."""

    @final
    def rate(self, lr: float) -> float:
        """`lr * scale`, but not below `min_lr`; an `lr` that is already below it stays as it is."""
        return _core.controlled((self,), lr)

    def __dir__(self) -> list[str]:
        return visible(self, super().__dir__())


give(Controller, CONTROLLER)


@dataclass(eq=False, repr=False)
class State:
    """Everything that changes in a controller, kept arrays apart; checked when it is loaded."""

    step: arguments.Natural | None = None

    def __post_init__(self) -> None:
        arguments.check_fields(self)


@dataclass(frozen=True)
class Kept:
    """All of a controller but its settings. It never changes; another takes its place."""

    state: Any
    memory: Memory
    watched: Watched | None = None
    tallies: tuple[_core.Tally, ...] = ()
    refusals_seen: int = 0

    @property
    def refusals(self) -> int:
        """The updates that gradients which are not finite have prevented, as far as known."""
        return sum(tally.n for tally in self.tallies)


@dataclass_transform(eq_default=False, field_specifiers=(field,))
def with_settings(cls: type[T]) -> type[T]:
    """Make a subclass of `Follower` a dataclass whose constructor says what it takes."""
    made = dataclass(eq=False)(cls)
    type.__setattr__(made, "__init__", telling(vars(made)["__init__"]))
    return made


class Follower(Controller):
    """The abstract base of the controllers here: dataclasses of settings, with a `State`.

    Settings are checked when they are assigned, too. An update that raises has changed nothing.
    """

    _letters: ClassVar[tuple[str, ...]] = ()  # of the arrays it keeps for each parameter
    _State: ClassVar[type[State]] = State

    def __post_init__(self) -> None:
        self._cell = _core.Cell(Kept(self._State(), Memory({}, full=False)))

    @property
    def _kept(self) -> Kept:
        kept: Kept = self._cell.value
        return kept

    @property
    def _state(self) -> Any:
        return self._kept.state

    @property
    def _memory(self) -> Memory:
        return self._kept.memory

    @property
    def _watched(self) -> Watched | None:
        return self._kept.watched

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            arguments.assign(self, name, value)

    @property
    def scale(self) -> float:
        """The factor on the rate: 1 before the first report."""
        scale: float = self._state.scale
        return scale

    @final
    def update(self, value: Any, step: int | None = None, *, grads: Any = None) -> bool:
        """Report one evaluation; True if the controller has acted on it.

        Parameters
        ----------
        value : float
            The metric, a number or an array that holds one. NaN and infinity are bad ones, never
            the best.
        step : int >= 0, optional
            With it, a second report of the same step in a row is ignored, unless the optimizer has
            left out or refused an update since, for gradients that are not finite.
        grads : optional
            The gradients at this point, in the structure of the parameters, for those controllers
            that ask for them; the others do not look at them. These controllers descend: where the
            optimizer has ``maximize=True``, report the negatives of value and gradients.
        """
        me = type(self).__name__
        # -0.0 becomes 0.0, as when a state is loaded
        number = loss_of(value, f"{me}: value must be a real number") + 0.0
        step = arguments.checked(me, "step", step, arguments.Natural | None)
        kept = self._kept
        refusals = kept.refusals
        if step is not None and step == kept.state.step and refusals == kept.refusals_seen:
            return False
        following = copy.copy(kept.state)
        if step is not None:
            following.step = step
        acted, change = self._follow(following, number, grads)
        change = change or Change(kept.memory)
        new = replace(kept, state=following, memory=change.memory, refusals_seen=refusals)
        _core.commit([(self._cell, new)], change.copies)
        return acted

    @property
    @final
    def settings(self) -> dict[str, Any]:
        """What the constructor was given, or was assigned since, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}  # type: ignore[arg-type]

    @final
    def reset(self) -> None:
        """Begin anew: counts, best and scale as in a new controller, settings as they are.

        After an early stop, a loop until `stop` goes on then; the parameters stay as they are.
        """
        memory = Memory(self._memory.arrays, full=False)
        _core.commit([(self._cell, replace(self._kept, state=self._State(), memory=memory))])

    @abstractmethod
    def _follow(self, state: Any, value: float, grads: Any) -> tuple[bool, Change | None]:
        """Change `state`, a copy of the own, as the report demands; True if that is an act.

        Nothing else is changed: what else there is to change is returned.

        `value` may be NaN or infinite; `state.step` is the last step that was reported.
        """

    @final
    def bind(self, params: Any) -> None:
        """Tell which arrays are trained, in a loop without an optimizer, which else tells it.

        Parameters
        ----------
        params : ndarray, sequence or mapping
            As an optimizer takes them. Those of an earlier `bind` must be among them.
        """
        _core.commit([(self._cell, self._bound_to(watch(params)))])

    @final
    def _bound_to(self, watched: Watched) -> Kept:
        """What is kept once these are watched, after all that can fail."""
        if not self._letters:
            return replace(self._kept, watched=watched)
        known = dict(zip(watched.names, watched.arrays, strict=True))
        before = self._watched or Watched((), [])
        if any(known.get(n) is not a for n, a in zip(before.names, before.arrays, strict=True)):
            raise ValueError(f"{type(self).__name__} is bound to other parameters; use a new one")
        self._refuse(self._memory.problems(watched))
        memory = self._memory
        if memory.arrays:
            memory = memory.grown(watched, self._letters)
        if GRADIENT in self._letters and before.tree != watched.tree:
            memory = Memory(memory.arrays, full=False)  # of a frozen one no gradient was kept
        return replace(self._kept, watched=watched, memory=memory)

    @final
    def _demand(self, grads: Any) -> None:
        if grads is None:
            me = type(self).__name__
            raise TypeError(f"{me}: update needs the gradients: update(loss, grads=grads)")

    @final
    def _point(self, grads: Any) -> tuple[Watched, list[Array]]:
        """The parameters and their gradients, in the dtypes of the parameters."""
        self._demand(grads)
        if self._watched is None:
            me = type(self).__name__
            raise RuntimeError(f"{me}: give it to an optimizer, or bind(params) first")
        self._refuse(self._memory.problems(self._watched))
        return self._watched, self._watched.gradients(grads)

    @final
    def _room(self) -> Memory:
        """The memory, with room for all parameters; without any while there are none."""
        if self._watched is None:
            return Memory({}, full=False)
        if len(self._memory.arrays) < len(self._watched.names):
            return self._memory.grown(self._watched, self._letters)
        return self._memory

    def _refuse(self, problems: list[str]) -> None:
        if problems:
            me = type(self).__name__
            raise ValueError(f"{me}: the kept arrays do not fit: {'; '.join(problems)}")

    @final
    def state_dict(self) -> dict[str, Any]:
        """A copy of all that a resumed run needs; settings are not in it.

        Floats, ints, lists and None, and for controllers that keep arrays these, as `"arrays"` by
        name of the parameter and letter.
        """
        values = asdict(self._state)
        saved = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
        return {**saved, "arrays": self._memory.contents()} if self._letters else saved

    @final
    def load_state_dict(self, d: Mapping[str, Any]) -> None:
        """Take over a saved state, or change nothing and raise a KeyError or ValueError."""
        _core.commit([(self._cell, self._loaded(d))])

    @final
    def _loaded(self, d: Mapping[str, Any]) -> Kept:
        """What is kept once a state is loaded, after all that can fail."""
        me, kind = type(self).__name__, self._State
        if not isinstance(d, Mapping):
            raise ValueError(f"{me}: a state is a mapping, not {d!r}")
        known = {f.name for f in fields(kind)} | ({"arrays"} if self._letters else set())
        for key in d.keys() ^ known:
            problem = "is missing" if key in known else "is not known"
            raise KeyError(f"{me}: state {key!r} {problem}")
        try:
            state = kind(**{key: value for key, value in d.items() if key != "arrays"})
        except TypeError as error:
            raise ValueError(str(error)) from None
        memory, kept = self._remember(d.get("arrays", {})), self._kept
        return replace(kept, state=state, memory=memory, refusals_seen=kept.refusals)

    def _remember(self, saved: Any) -> Memory:
        if not isinstance(saved, Mapping):
            raise ValueError(f"{type(self).__name__}: arrays is a {type(saved).__name__}")
        memory = self._memory
        if saved:
            self._refuse(_not_arrays(saved, self._letters))
            memory = Memory(saved, full=True).copy()
            if self._watched is not None:
                missing = set(self._watched.names) - memory.arrays.keys()
                self._refuse([f'"{name}" is missing' for name in sorted(missing)])
                self._refuse(memory.problems(self._watched))
        elif memory.full:
            memory = Memory(memory.arrays, full=False)
        return memory

    def __reduce__(self) -> tuple[Any, ...]:
        # The parameters are the optimizer's, which binds the copy to its own.
        return *pickles.recipe(type(self), (), self.settings), self.state_dict()

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.load_state_dict(state)


def _not_arrays(saved: Mapping[str, Any], letters: tuple[str, ...]) -> list[str]:
    found = []
    for name, kept in saved.items():
        if not isinstance(name, str):
            found.append(f"{name!r} is not the name of a parameter")
        elif not isinstance(kept, Mapping) or set(kept) != set(letters):
            found.append(f'arrays of "{name}" are not {", ".join(letters)}')
        elif not all(isinstance(array, np.ndarray) for array in kept.values()):
            found.append(f'arrays of "{name}" are not arrays')
        elif not all(array.dtype in _core.DTYPES for array in kept.values()):
            found.append(f'arrays of "{name}" are not {either(_core.DTYPES)}')
    return found


Cells = list[tuple[_core.Cell, Kept]]


def binding(controllers: Iterable[Controller], watched: Watched, tally: _core.Tally) -> Cells:
    """What is committed when the controllers are told their optimizer's parameters."""
    told = [(c._cell, c._bound_to(watched)) for c in controllers if isinstance(c, Follower)]
    return [(cell, replace(kept, tallies=(*{*kept.tallies, tally},))) for cell, kept in told]


def loading(
    controllers: Iterable[Controller], states: Iterable[Mapping[str, Any]], watched: Watched
) -> Cells:
    """What is committed when the controllers of an optimizer with these parameters take over saved
    states, as far as they are ours."""
    pairs = zip(controllers, states, strict=True)
    loaded = [(c, c._loaded(state)) for c, state in pairs if isinstance(c, Follower)]
    return [(c._cell, replace(k, watched=k.watched and watched)) for c, k in loaded]
