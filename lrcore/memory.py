"""The arrays that a controller watches, and what they were at an earlier moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import parameters, trees
from .parameters import Array
from .sharing import check_distinct
from .trees import Tree

GRADIENT = "g"  # the letter of kept gradients; any other stands for the parameters


class Watched:
    """The parameters of an optimizer: their structure, and names and arrays in one order."""

    def __init__(self, tree: Tree, named: Sequence[tuple[str, Array]]) -> None:
        self.tree = tree
        self.names = tuple(name for name, _ in named)
        self.arrays = tuple(array for _, array in named)

    def gradients(self, grads: Any) -> list[Array]:
        """The gradients in the order, shapes and dtypes of the parameters; others are refused."""
        found = trees.in_order(self.tree, grads, self.names)
        with np.errstate(over="ignore"):  # what overflows is infinite
            return [
                parameters.as_gradient(g, p, name, keep=False).astype(p.dtype, copy=False)
                for g, p, name in zip(found, self.arrays, self.names, strict=True)
            ]


def watch(params: Any) -> Watched:
    """Parameters as an optimizer takes them, groups apart."""
    tree, leaves = trees.flatten(params)
    parameters.check_parameters(leaves, params)
    trees.check_names([name for name, _ in leaves])
    check_distinct(leaves)
    return Watched(tree, leaves)


@dataclass(frozen=True)
class Change:
    """What a controller's report changes beside numbers: its memory, and what arrays hold."""

    memory: Memory
    targets: list[Array] = field(default_factory=list)
    sources: list[Array] = field(default_factory=list)


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
        targets, sources = [], []
        for i, (name, array) in enumerate(zip(watched.names, watched.arrays, strict=True)):
            for letter, kept in self.arrays[name].items():
                targets.append(kept)
                sources.append(gradients[i] if gradients and letter == GRADIENT else array)
        return Change(Memory(self.arrays, full=True), targets, sources)
