"""The parameters that are watched: their structure, and names and arrays in one order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._core import DTYPES
from ..checks import arrays as parameters
from ..checks import trees
from ..checks.arrays import Array
from ..checks.trees import Tree
from .sharing import check_distinct


class Watched:
    """The parameters of an optimizer: their structure, and names and arrays in one order."""

    def __init__(
        self, tree: Tree, named: Sequence[tuple[str, Array]], some_frozen: bool = False
    ) -> None:
        self.tree = tree
        self.names = tuple(name for name, _ in named)
        self.arrays = tuple(array for _, array in named)
        self.some_frozen = some_frozen

    def moving(self, grads: Any) -> Any:
        """Gradients without those of frozen parameters; as they are where none is frozen."""
        if not self.some_frozen:
            return grads
        found = trees.in_order(self.tree, grads, self.names)
        return [g for g in found if g is not trees.NOT_WANTED]

    def gradients(self, grads: Any) -> list[Array]:
        """The gradients in the order, shapes and dtypes of the parameters, zeros for frozen ones;
        others are refused."""
        found = trees.in_order(self.tree, grads, self.names)
        with np.errstate(over="ignore"):  # what overflows is infinite
            return [
                np.zeros_like(p)
                if g is trees.NOT_WANTED
                else parameters.as_gradient(g, p, name, DTYPES, keep=False).astype(
                    p.dtype, copy=False
                )
                for g, p, name in zip(found, self.arrays, self.names, strict=True)
            ]


def watch(params: Any) -> Watched:
    """Parameters as an optimizer takes them, groups apart."""
    tree, leaves = trees.flatten(params)
    parameters.check_parameters(leaves, params, DTYPES)
    trees.check_names([name for name, _ in leaves])
    check_distinct(leaves)
    return Watched(tree, leaves)
