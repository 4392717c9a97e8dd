"""What the arrays that a controller watches were at an earlier moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..arrays.named import Watched
from ..checks.arrays import Array

GRADIENT = "g"  # the letter of kept gradients; any other stands for the parameters


@dataclass(frozen=True)
class Change:
    """What a controller's report changes beside numbers: its memory, and what arrays hold."""

    memory: Memory
    copies: list[tuple[Array, Array]] = field(default_factory=list)  # target, source


class Memory:
    """Arrays of one moment, by name of the parameter and letter, in memory allocated once."""

    def __init__(self, arrays: Mapping[str, Mapping[str, Array]], full: bool) -> None:
        self.arrays = arrays
        self.full = full  # else the arrays are room for a moment to come

    def copy(self) -> Memory:
        """The same in arrays of its own; room is not copied."""
        return Memory(self.contents(), self.full)

    def contents(self) -> dict[str, dict[str, Array]]:
        """Copies of all arrays; nothing before the first moment."""
        if not self.full:
            return {}
        return {
            name: {letter: np.array(array, order="C") for letter, array in kept.items()}
            for name, kept in self.arrays.items()
        }

    def letter(self, letter: str, watched: Watched) -> list[Array]:
        """The arrays of one letter, in the order of the parameters."""
        return [self.arrays[name][letter] for name in watched.names]

    def problems(self, watched: Watched) -> list[str]:
        """Why the arrays are not those of these parameters."""
        known = dict(zip(watched.names, watched.arrays, strict=True))
        strangers = [name for name in self.arrays if name not in known]
        return [f'"{name}" is not among the parameters' for name in strangers] + [
            f'{letter} of "{name}" is {old.dtype} of shape {old.shape}, its parameter '
            f"{array.dtype} of shape {array.shape}"
            for name, array in known.items()
            for letter, old in self.arrays.get(name, {}).items()
            if (old.dtype, old.shape) != (array.dtype, array.shape)
        ]

    def grown(self, watched: Watched, letters: Sequence[str]) -> Memory:
        """With room for all parameters; one that was not there then counts as unchanged since."""
        arrays = {
            name: self.arrays.get(name)
            or {letter: np.array(array, order="C") for letter in letters}
            for name, array in zip(watched.names, watched.arrays, strict=True)
        }
        grew = arrays.keys() != self.arrays.keys()
        return Memory(arrays, self.full and not (grew and GRADIENT in letters))

    def keeping(self, watched: Watched, gradients: Sequence[Array] | None = None) -> Change:
        """What makes the present the moment."""
        copies = []
        for i, (name, array) in enumerate(zip(watched.names, watched.arrays, strict=True)):
            for letter, kept in self.arrays[name].items():
                grads = gradients if letter == GRADIENT else None
                copies.append((kept, grads[i] if grads else array))
        return Change(Memory(self.arrays, full=True), copies)
