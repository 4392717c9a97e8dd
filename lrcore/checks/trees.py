"""Nested structures of parameters and gradients: walked, named and held against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn

import numpy as np

# None for an array, a tuple for a sequence, a dict for a mapping; where no gradients are wanted the
# number of arrays there
Tree = Any
NOT_WANTED: Final = object()


def flatten(params: Any) -> tuple[Tree, list[tuple[str, Any]]]:
    """The structure of `params` and its arrays with their names, in a fixed order."""
    leaves: list[tuple[str, Any]] = []
    tree = _walk(params, "", leaves)
    return tree, leaves


def entries(node: Any) -> list[tuple[Any, Any]] | None:
    """What a mapping or sequence holds, by key or index; None for what is neither."""
    if isinstance(node, Mapping):
        return list(node.items())
    if isinstance(node, Sequence) and not isinstance(node, str | bytes):
        return list(enumerate(node))
    return None


def _walk(node: Any, path: str, leaves: list[tuple[str, Any]]) -> Tree:
    below = entries(node)
    if below is None:
        leaves.append((path or "0", node))
        return None
    prefix = f"{path}." if path else ""
    trees = {key: _walk(child, f"{prefix}{key}", leaves) for key, child in below}
    return trees if isinstance(node, Mapping) else tuple(trees.values())


def filled(tree: Tree, leaves: Iterator[Any]) -> Any:
    """Dicts and lists in the structure of a tree, with the leaves in turn."""
    if tree is None:
        return next(leaves)
    if type(tree) is dict:
        return {key: filled(child, leaves) for key, child in tree.items()}
    return [filled(child, leaves) for child in tree]


def check_names(names: Sequence[str]) -> None:
    """Refuses a name that occurs twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f'two parameters are called "{name}"; name them with Group(names=...)')
        seen.add(name)


def spared(tree: Tree, frozen: Iterator[bool]) -> Tree:
    """The tree with numbers in the places where all arrays are frozen, which are told in turn."""
    if tree is None:
        return 1 if next(frozen) else None
    parts = [spared(part, frozen) for part in (tree.values() if type(tree) is dict else tree)]
    if any(isinstance(part, int) for part in parts) and not any(map(_wants, parts)):
        return sum(part for part in parts if isinstance(part, int))
    return dict(zip(tree, parts, strict=True)) if type(tree) is dict else tuple(parts)


def _wants(tree: Tree) -> bool:
    """Whether there is an array in it that wants a gradient."""
    if tree is None or isinstance(tree, int):
        return tree is None
    return any(map(_wants, tree.values() if type(tree) is dict else tree))


def same_sequence(tree: tuple[Tree, ...], grads: Any, name: str) -> tuple[Any, ...]:
    """`grads` as a tuple as long as `tree`; `name` is the first parameter below it."""
    if isinstance(grads, str | bytes | np.ndarray) or not isinstance(grads, Sequence):
        raise TypeError(
            f'gradients from "{name}" on: expected a sequence of {len(tree)} like the parameters, '
            f"not {_kind(grads)}"
        )
    entries = tuple(grads)
    if len(entries) != len(tree):
        raise ValueError(
            f'gradients from "{name}" on: expected {len(tree)} entries like the parameters, '
            f"not {len(entries)}"
        )
    return entries


def same_mapping(tree: dict[Any, Tree], grads: Any, name: str) -> None:
    """Refuses gradients without the keys of `tree`; `name` is the first parameter below it."""
    if not isinstance(grads, Mapping):
        raise TypeError(
            f'gradients from "{name}" on: expected a mapping with the keys {list(tree)} like the '
            f"parameters, not {_kind(grads)}"
        )
    missing = [key for key, part in tree.items() if key not in grads and type(part) is not int]
    unexpected = [key for key in grads if key not in tree]
    if missing or unexpected:
        raise ValueError(
            f'gradients from "{name}" on: missing keys {missing}, unexpected keys {unexpected}'
        )


def in_order(tree: Tree, grads: Any, names: Sequence[str]) -> list[Any]:
    """The gradients in the order of the parameters, whatever the order of keys, or NOT_WANTED;
    others of another structure than `tree`, whose leaves have these names, are refused."""
    found: list[Any] = []

    def collect(tree: Tree, grads: Any) -> None:
        name = names[min(len(found), len(names) - 1)]
        if tree is None:
            found.append(grads)
        elif type(tree) is int:
            found.extend([NOT_WANTED] * tree)
        elif isinstance(tree, dict):
            same_mapping(tree, grads, name)
            for key, child in tree.items():
                collect(child, None if type(child) is int else grads[key])
        else:
            for child, below in zip(tree, same_sequence(tree, grads, name), strict=True):
                collect(child, below)

    collect(tree, grads)
    return found


def loosely(tree: Tree, grads: Any) -> list[Any]:
    """For each array of `tree` what gradients of any structure have in its place, else None."""
    if tree is None:
        return [grads]
    if type(tree) is dict:
        known = grads if isinstance(grads, Mapping) else {}
        below = [(part, known.get(key)) for key, part in tree.items()]
    else:
        found = () if isinstance(grads, str) or not isinstance(grads, Sequence) else tuple(grads)
        below = list(zip(tree, (*found, *[None] * len(tree)), strict=False))
    return [gradient for part, given in below for gradient in loosely(part, given)]


def raise_replaced(name: str, key: Any, is_array: bool) -> NoReturn:
    """Says that the entry `key`, with the parameter `name` in it, is no longer what it was."""
    what = f'parameter "{name}" was' if is_array else f'parameters from "{name}" on were'
    raise ValueError(
        f"{what} replaced: another object is now in the place [{key!r}], and the optimizer goes on "
        f"with the arrays that it was given. Change these in place, params[{key!r}][...] = value, "
        "or make a new optimizer"
    )


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return f"a {type(value).__name__}"
