"""Which row of a table is its header, and what its first lines are if none is."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from .cells import holds_numbers, missing, number, numeric

SAMPLE: Final = 200  # rows that tell the separator and the header


class Row(NamedTuple):
    """The cells of a line."""

    line: int
    cells: list[str]


def width_of(rows: Sequence[Row]) -> int:
    """The number of cells that most rows have."""
    return Counter(len(row.cells) for row in rows).most_common(1)[0][0] if rows else 0


def without_titles(rows: list[Row], width: int) -> list[Row]:
    """Without titles: of the rows of words at the top, the one that names a loss, or the last."""
    top = 0
    while top < len(rows) and all(_label(c) or missing(c) for c in rows[top].cells):
        top += 1
    wide = [k for k in range(top) if len(rows[k].cells) >= width - 1]
    full = [k for k in wide if len(rows[k].cells) >= width] or wide
    best = [k for k in full if any("loss" in cell.lower() for cell in rows[k].cells)] or full
    return rows[best[-1] if best else top :]


def _label(cell: str) -> bool:
    """Whether a cell may stand in a header: a word, and no number with something about it."""
    if numeric(cell) or re.search(r"[^\W\d]|#", cell) is None:
        return False
    return re.search(r"\d[.,]\d", cell) is None or (cell[0].isalpha() and "(" not in cell)


def is_header(first: Row, body: Sequence[Row]) -> bool:
    """Whether the first row names what stands below it."""
    cells = first.cells
    if cells == [str(k) for k in range(len(cells))]:
        return _counted_header(len(cells), body)
    if not all(_label(c) or missing(c) or c.isdecimal() for c in cells):
        return False
    below = [[row.cells[k] for row in body if len(row.cells) > k] for k in range(len(cells))]
    pairs = list(zip(cells, below, strict=True))
    if any(number(c) is None and not missing(c) for c, under in pairs if holds_numbers(under)):
        return True
    if not body:
        return any(number(c) is None and not missing(c) for c in cells)
    whole = all(number(c) is None or c.isdecimal() for c in cells)
    return whole and any(not c and under and all(map(numeric, under)) for c, under in pairs)


def _counted_header(width: int, body: Sequence[Row]) -> bool:
    """Whether 0, 1, ... is how a table library numbers columns: it is above other numbers."""
    under = [row.cells for row in body if len(row.cells) == width]
    if not under or all(cells[-1].isdecimal() for cells in under):
        return False
    return width == 1 or under[0][0] != "1"


def comma_halves(rows: Sequence[Row]) -> bool:
    """Whether all cells might be the halves of numbers with decimal commas."""
    pairs = [row.cells for row in rows if len(row.cells) > 1]
    return bool(pairs) and all(
        len(cells) == 2
        and re.fullmatch(r"[+-]?\d+", cells[0]) is not None
        and re.fullmatch(r"\d+(e[+-]?\d+)?", cells[1], re.IGNORECASE) is not None
        for cells in pairs
    )


def refuse_halves(rows: Sequence[Row]) -> None:
    """Raise unless the first halves count the rows, so that they are a column."""
    firsts = [int(row.cells[0]) for row in rows if len(row.cells) == 2]
    if firsts[0] in (0, 1) and firsts == list(range(firsts[0], firsts[0] + len(firsts))):
        return
    line, cells = rows[0]
    text = ",".join(cells)
    raise ValueError(
        f"line {line}: {text!r} may be one number with a decimal comma or two columns: write "
        "a decimal point, or a header"
    )


def names_in_comment(
    lines: Sequence[str], rows: Sequence[Row], separator: str, width: int
) -> list[str]:
    """Names from the last comment above the first row that has as many; or none."""
    for line in reversed(lines[: rows[0].line - 1]):
        text = line.lstrip(" #%\t")
        if separator == " ":
            choices = [re.split(r"\s{2,}|\t", text), text.split(), text.split(",")]
        else:
            choices = [next(csv.reader([text], delimiter=separator), [])]
        for cells in choices:
            if len(cells) == width and all(_label(cell) for cell in cells):
                return [cell.strip() for cell in cells]
    return [""] * width
