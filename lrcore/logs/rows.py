"""Rows of a table that hold the one loss or the other, and rows that stand newest first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from . import vocabulary
from .cells import Column, Table, holds_numbers, missing, number


def without_gaps(table: Table) -> Table:
    """Losses that are NaN just where others are numbers have no value there.

    A table library writes so what one row of training and one of validation leave open. The losses
    of a run that broke are NaN together instead, and stay so.
    """
    told = [c for c in table.columns if _of_error(c.name) and holds_numbers(c.cells)]
    parts = {id(column): _lines(column) for column in told}
    gaps = set()
    for column in told:
        numbers, nans = parts[id(column)]
        others = (found for found, _ in parts.values() if found and found <= nans)
        if numbers and nans and set[int]().union(*others) == nans:
            gaps.add(id(column))
    if not gaps:
        return table
    return table._replace(columns=[_opened(c) if id(c) in gaps else c for c in table.columns])


def _of_error(name: str) -> bool:
    return vocabulary.is_error(name) or vocabulary.says_part_alone(name)


def _lines(column: Column) -> tuple[set[int], set[int]]:
    """Of the numbers, and of the cells that are NaN."""
    numbers, nans = set[int](), set[int]()
    for line, cell in zip(column.lines, column.cells, strict=True):
        if missing(cell):
            continue
        value = number(cell)
        (nans if value is not None and math.isnan(value) else numbers).add(line)
    return numbers, nans


def _opened(column: Column) -> Column:
    values = ((cell, number(cell)) for cell in column.cells)
    cells = [None if value is not None and math.isnan(value) else cell for cell, value in values]
    return column._replace(cells=cells)


def newest_first(table: Table, losses: Column) -> bool:
    """Whether all steps and epochs beside these losses fall from row to row.

    One of them has to fall at every row, in whole numbers; epochs may stand beside several steps.
    """
    said = {line for line, c in zip(losses.lines, losses.cells, strict=True) if not missing(c)}
    if len(said) < 3:
        return False
    counts = [_beside(column, said) for column in table.columns if _counts(column, losses)]
    counts = [values for values in counts if values]
    falls = [all(a > b and a.is_integer() for a, b in pairwise(values)) for values in counts]
    return any(falls) and all(all(a >= b for a, b in pairwise(values)) for values in counts)


def _counts(column: Column, losses: Column) -> bool:
    """Whether a column counts steps or epochs of these losses; printed names tell of which part."""
    if column is losses or not vocabulary.is_counter(column.name):
        return False
    return not vocabulary.of_validation(column.name) or vocabulary.of_validation(losses.name)


def _beside(column: Column, lines: set[int]) -> Sequence[float]:
    """The numbers of a column on these lines, or none if it lacks some."""
    cells = zip(column.lines, column.cells, strict=True)
    values = [value for k, c in cells if k in lines and (value := number(c)) is not None]
    return values if len(values) == len(lines) else ()
