"""Columns of a log, and the numbers in their cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

Cell = str | float | bool | None

_MISSING: Final = frozenset(("", "na", "n/a", "<na>", "#n/a", "null", "none", "no log", "-", "--"))
_LONGEST: Final = max(map(len, _MISSING))
_COMMA: Final = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
_THOUSANDS: Final = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
PRINTED: Final = "printed text"  # the kind of a table that was none
SAMPLE: Final = 1000  # cells that tell what is in a column


class Column(NamedTuple):
    """Cells under one name, "" for none; `lines` says where each stands in the file."""

    name: str
    cells: Sequence[Cell]
    lines: Sequence[int]


class Table(NamedTuple):
    """What a file holds; `kind` says in words what it is, `unit` what `lines` count."""

    kind: str
    columns: list[Column]
    unit: str = "line"


def missing(cell: Cell) -> bool:
    """Whether a cell says that there is no value. NaN is one."""
    return cell is None or (
        isinstance(cell, str) and len(cell) <= _LONGEST and cell.lower() in _MISSING
    )


def number(cell: Cell) -> float | None:
    """The number with a decimal point that a cell holds, if it does."""
    if isinstance(cell, bool) or cell is None or (isinstance(cell, str) and "_" in cell):
        return None
    try:
        return float(cell)
    except ValueError:
        return None
    except OverflowError:  # a whole number of more than 308 digits
        return float("inf") if str(cell)[0] != "-" else float("-inf")


def numeric(cell: Cell) -> bool:
    """Whether a cell holds a number, with a decimal point or a decimal comma."""
    return number(cell) is not None or (
        isinstance(cell, str) and _COMMA.fullmatch(cell.strip()) is not None
    )


def holds_numbers(cells: Sequence[Cell]) -> bool:
    """Whether half of the cells that hold something, or more, hold numbers."""
    said = [cell for cell in cells[:SAMPLE] if not missing(cell)]
    said = said or [cell for cell in cells if not missing(cell)][:SAMPLE]
    return bool(said) and 2 * sum(map(numeric, said)) >= len(said)


def numbers(column: Column, unit: str = "line") -> list[float]:
    """All numbers of a column in order, without its missing cells.

    Raises
    ------
    ValueError
        For a cell that is no number, or where a comma may set thousands apart; names the line.
    """
    said = [cell for cell in column.cells if not missing(cell)]
    values = _plain(said)
    return _read(column, unit) if values is None else values


def _plain(cells: list[Cell]) -> list[float] | None:
    """Many numbers at once, if nothing else is among them."""
    kinds = set(map(type, cells))
    if kinds == {str} and "_" in "".join(map(str, cells)):
        return None
    if kinds != {str} and not kinds <= {int, float}:
        return None
    try:
        return [float(cell) for cell in cells if cell is not None]
    except (ValueError, OverflowError):
        return None


def _read(column: Column, unit: str) -> list[float]:
    """One number after the other."""
    values, commas = [], _decimal_commas(column, unit)
    for line, cell in zip(column.lines, column.cells, strict=True):
        text = cell.replace(",", ".") if commas and isinstance(cell, str) else cell
        value = number(text)
        if value is not None:
            values.append(value)
        elif not missing(cell):
            place = _place(column, unit, line)
            raise ValueError(f"{place}: {cell!r:.80} is not a loss{_cure(cell)}")
    return values


def _decimal_commas(column: Column, unit: str) -> bool:
    """Whether commas stand for decimal points here."""
    said = [
        (line, cell)
        for line, cell in zip(column.lines, column.cells, strict=True)
        if isinstance(cell, str) and "," in cell and numeric(cell)
    ]
    if not said:
        return False
    if all(_THOUSANDS.fullmatch(cell.strip()) for _, cell in said):
        line, cell = said[0]
        raise ValueError(
            f"{_place(column, unit, line)}: {cell!r} may be {cell.strip().replace(',', '.')} or "
            f"{cell.strip().replace(',', '')}: write losses with a decimal point"
        )
    points = (isinstance(cell, str) and "." in cell and numeric(cell) for cell in column.cells)
    if any(points):
        line, cell = said[0]
        raise ValueError(
            f"{_place(column, unit, line)}: {cell!r} has a comma where other losses have a decimal "
            "point: write all of them with a point, and nothing between thousands"
        )
    return True


def _place(column: Column, unit: str, line: int) -> str:
    return f"{unit} {line}" if unit == "line" else f"{unit} {line} of {column.name}"


def _cure(cell: Cell) -> str:
    text = str(cell)
    if re.match(r"[\w.]*\(", text):
        return ": write the number alone, as float(loss) or loss.item() give it"
    if re.fullmatch(r"[+-]?\d{1,3}([,. '_\u00a0\u202f]\d{3})+([.,]\d+)?", text):
        return ": write it without a mark between thousands"
    return ""
