"""Parameter groups: parameters with options of their own."""

from __future__ import annotations

import copyreg
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..checks import arguments, pickles


class Group:
    """Parameters with options of their own.

    Parameters
    ----------
    params : ndarray, sequence or mapping
        As for an optimizer.
    lr_scale : float, default 1.0
        Factor on the rate of the optimizer for these parameters.
    names : sequence of str, optional
        One name for each array, instead of the group's number and the path.
    frozen : bool or sequence of str, default False
        Whether nothing of these arrays moves until `Optimizer.unfreeze`: all, or those named.
    **overrides
        Any hyperparameter of the optimizer, flags and `lr` included; `average` and
        `clip_norm_each`.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> W, b = np.ones((2, 3)), np.zeros(3)
    >>> opt = lrc.AdamW([lrc.Group({"W": W}), lrc.Group({"b": b}, weight_decay=0.0, lr_scale=2.0)])
    >>> opt.names
    ('0.W', '1.b')
    """

    def __init__(
        self,
        params: Any,
        *,
        lr_scale: float = 1.0,
        names: Sequence[str] | None = None,
        frozen: bool | Sequence[str] = False,
        **overrides: Any,
    ) -> None:
        self.params = params
        self.lr_scale = arguments.checked("Group", "lr_scale", lr_scale, arguments.NonNegative)
        if names is not None:
            if not _are_words(names):
                raise TypeError(f"Group: names must be a list of strings, got {names!r}")
            names = tuple(names)
        self.names = names
        if not isinstance(frozen, bool | np.bool_) and not _are_words(frozen):
            raise TypeError(f"Group: frozen must be a bool or a list of names, got {frozen!r}")
        self.frozen = tuple(frozen) if isinstance(frozen, list | tuple) else bool(frozen)
        self.overrides = overrides

    def freezes(self, name: str, path: str) -> bool:
        """Whether an array is frozen at first, by its name or its path in the group."""
        if isinstance(self.frozen, bool):
            return self.frozen
        return name in self.frozen or (self.names is None and path in self.frozen)

    def __reduce__(self) -> tuple[Any, ...]:
        if type(self) is not Group:  # whose arguments may be others
            return copyreg.__newobj__, (type(self),), vars(self)  # type: ignore[attr-defined]
        options = {"lr_scale": self.lr_scale, "names": self.names, "frozen": self.frozen}
        options |= self.overrides
        return pickles.recipe(type(self), (self.params,), options)

    def __repr__(self) -> str:
        frozen = {"frozen": self.frozen} if self.frozen else {}
        options = {"lr_scale": self.lr_scale, **frozen, **self.overrides}
        return f"Group(..., {', '.join(f'{key}={value!r}' for key, value in options.items())})"


def _are_words(given: Any) -> bool:
    return isinstance(given, list | tuple) and all(isinstance(word, str) for word in given)


class Place(NamedTuple):
    """Where a parameter stands: the number of its group, and its path within it."""

    group: int
    path: str

    @property
    def names(self) -> tuple[str, str]:
        """The names that an optimizer gives of itself, without groups and with them."""
        return self.path, f"{self.group}.{self.path}"


def is_grouped(params: Any) -> bool:
    """Whether these are groups, and nothing but groups."""
    if isinstance(params, Group):
        raise TypeError("a Group must stand in a list: [Group(...)]")
    if not isinstance(params, list | tuple) or not any(isinstance(x, Group) for x in params):
        return False
    for item in params:
        if not isinstance(item, Group):
            raise TypeError(f"a list of groups also holds a {type(item).__name__}")
    return True


def in_group(
    leaves: list[tuple[str, Any]], names: tuple[str, ...] | None, prefix: str
) -> list[tuple[str, Any]]:
    """The arrays of a group with their names: the given ones, or their paths after `prefix`."""
    if names is None:
        return [(prefix + path, array) for path, array in leaves]
    if len(names) != len(leaves):
        raise ValueError(f"Group: {len(names)} names for {len(leaves)} arrays")
    return [(name, array) for name, (_, array) in zip(names, leaves, strict=True)]
