"""Tables whose rows are of training and of validation by turns, as a column of words says."""

from __future__ import annotations

from typing import Final

from . import vocabulary
from .cells import (
    SAMPLE,
    Cell,
    Column,
    Table,
    holds_numbers,
    missing,
)

_MOST: Final = 50  # different words; more are no parts of a run


def by_parts(table: Table) -> Table:
    """A column for each part, such as "train loss" and "val loss", where rows are of several.

    The parts are words in a column of their own: "train" and "val", or names of metrics, one of
    which is a loss. Steps, times and the like stay whole.
    """
    key = next((column for column in table.columns if _tells_parts(column)), None)
    if key is None:
        return table
    part_of = dict(zip(key.lines, key.cells, strict=True))
    columns = []
    for column in table.columns:
        whole = vocabulary.is_other(column.name) or not holds_numbers(column.cells)
        columns += [column] if whole else _split(column, part_of)
    return table._replace(columns=columns)


def _tells_parts(column: Column) -> bool:
    if len(set(column.cells[:SAMPLE])) > _MOST + 1:
        return False
    words = {cell for cell in set(column.cells) if not missing(cell)}
    if not 1 < len(words) <= _MOST or not all(isinstance(word, str) for word in words):
        return False
    names = [str(word) for word in words]
    parts = [vocabulary.of_training(name) or vocabulary.of_validation(name) for name in names]
    return all(parts) or any(map(vocabulary.is_loss, names))


def _split(column: Column, part_of: dict[int, Cell]) -> list[Column]:
    found: dict[str, tuple[list[Cell], list[int]]] = {}
    for line, cell in zip(column.lines, column.cells, strict=True):
        part = part_of.get(line)
        name = column.name if missing(part) else f"{part} {column.name}".strip()
        cells, lines = found.setdefault(name, ([], []))
        cells.append(cell)
        lines.append(line)
    return [Column(name, cells, lines) for name, (cells, lines) in found.items()]
