"""Tables in text: cells set apart by commas, semicolons, tabs, bars or blanks."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from .log_cells import Column, Table, holds_numbers, missing, number, numeric

_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}
_SAMPLE: Final = 200  # rows that tell the separator and the header
_NUMBER_LIKE: Final = re.compile(r"\d[\d:.,/%+-]*[a-z]{0,2}")  # of dates and times
_RULE: Final = re.compile(r"[\s|+:=_-]*")  # a line drawn under a header


class Row(NamedTuple):
    """The cells of a line."""

    line: int
    cells: list[str]


def read_table(text: str) -> Table | None:
    """The table that a text is, if its lines agree on a separator other than blanks.

    `csv.Sniffer` is of no help: it takes letters and digits for separators, and wants more than
    one column.

    Raises
    ------
    ValueError
        For a line that does not fit the others.
    """
    lines = text.split("\n")
    given = re.fullmatch(r"sep=(.)", lines[0])  # of spreadsheets
    if given:
        lines[0] = ""
    if _numbers_by_blanks(lines):
        return None
    for separator, name in ({given[1]: "a mark"} if given else _SEPARATORS).items():
        if _fits(list(_split(lines[: 2 * _SAMPLE], separator))):
            columns = _assemble(lines, list(_split(lines, separator)), separator)
            return Table(f"a table set apart by {name}", columns) if columns else None
    return None


def read_blanks(text: str) -> Table | None:
    """The table of numbers set apart by blanks, or of one column, that stands in a text.

    Other text may stand above and below it. Raises as `read_table`.
    """
    lines = text.split("\n")
    rows = _block([Row(k, line.split()) for k, line in enumerate(lines, 1) if not _aside(line)])
    columns = _assemble(lines, _wide_header(lines, rows), " ") if rows else None
    if not columns:
        return None
    return Table("a table set apart by blanks" if len(columns) > 1 else "one column", columns)


def _numbers_by_blanks(lines: Sequence[str]) -> bool:
    """Whether blanks make numbers of all lines but a header; their commas are decimal then."""
    rows = [line.split() for line in lines[:_SAMPLE] if not _aside(line)][1:]
    return bool(rows) and all(len(row) > 1 and all(map(numeric, row)) for row in rows)


def _aside(line: str) -> bool:
    """Whether a line is empty, a comment, or drawn."""
    if line[:1].isalnum():
        return False
    return line.lstrip()[:1] in ("", "#", "%") or (len(line) > 2 and _ruled(line))


def _ruled(line: str) -> bool:
    return _RULE.fullmatch(line) is not None and ("--" in line or "==" in line)


def _split(lines: Sequence[str], separator: str) -> Iterator[Row]:
    """Rows of cells without blanks around them; comments and empty lines are left out."""
    bars = separator == "|"
    kept = ("" if _aside(line) else line for line in lines)
    reader = csv.reader(kept, delimiter=separator, skipinitialspace=True)
    last = 0
    for row in reader:
        line, last = last + 1, reader.line_num
        cells = list(map(str.strip, row))
        if bars and len(cells) > 1:
            cells = cells[not cells[0] :]
            cells = cells[: len(cells) - (not cells[-1])]
        if any(cells):
            yield Row(line, cells)


def _width(rows: Sequence[Row]) -> int:
    """The number of cells that most rows have."""
    return Counter(len(row.cells) for row in rows).most_common(1)[0][0] if rows else 0


def _fits(rows: Sequence[Row]) -> bool:
    """Whether a separator makes columns in most rows, one of them of numbers."""
    width = _width([row for row in rows if len(row.cells) > 1])
    alike = [row for row in rows if len(row.cells) == width]
    if not width or 2 * sum(len(row.cells) > 1 for row in rows) <= len(rows):
        return False
    below = alike[1:] or alike
    return any(holds_numbers([row.cells[k] for row in below]) for k in range(width))


def _block(rows: Sequence[Row]) -> list[Row]:
    """From the row above the first numbers to the last; all between have to be of the table."""
    told = [k for k, row in enumerate(rows) if _of_numbers(row)]
    width = _width([rows[k] for k in told])
    told = [k for k in told if len(rows[k].cells) == width]
    if not told or 2 * len(told) <= told[-1] - told[0]:
        return []
    start, stop = told[0], told[-1] + 1
    while start and width == 1 and len(rows[start - 1].cells) == 1:
        start -= 1
    while stop < len(rows) and len(rows[stop].cells) == width == 1:
        stop += 1
    if start == told[0]:
        start = max(start - 1, 0)
    return list(rows[start:stop])


def _of_numbers(row: Row) -> bool:
    """Whether most cells are numbers, dates, times or the like."""
    if all(number(cell) is not None for cell in row.cells):
        return True
    like = sum(numeric(cell) or _NUMBER_LIKE.fullmatch(cell) is not None for cell in row.cells)
    return 2 * like > len(row.cells) and any(map(numeric, row.cells))


def _wide_header(lines: Sequence[str], rows: list[Row]) -> list[Row]:
    """Names with blanks in them are set apart by two."""
    width, first = _width(rows), rows[0]
    names = re.split(r"\s{2,}|\t", lines[first.line - 1].strip())
    wide = len(first.cells) != width and len(names) == width
    return [Row(first.line, names), *rows[1:]] if wide else rows


def _assemble(lines: Sequence[str], rows: list[Row], separator: str) -> list[Column] | None:
    """Columns by their names, of all parts of a file that have a header."""
    width = _width(rows[:_SAMPLE])
    rows = _from_the_header(rows, width)
    if not rows:
        return None
    body = rows[1 : _SAMPLE + 1]
    if _is_header(rows[0], body):
        names = rows[0].cells
        if len(names) == 1 and _comma_halves(body):
            rows = [Row(row.line, [",".join(row.cells)]) for row in rows]
        body = rows[1:]
    else:
        names, body = _comment_header(lines, rows, separator, width), rows
        if separator == "," and width == 2 and not any(names) and _comma_halves(rows[:_SAMPLE]):
            _refuse_halves(rows)
    longer = [row for row in body if len(row.cells) == len(names) + 1 and row.cells[-1]]
    if body and len(longer) == len(body):  # as R writes a table: its row names have no header
        names = ["", *names]
    columns = _columns(names, body)
    return columns if any(holds_numbers(column.cells) for column in columns) else None


def _from_the_header(rows: list[Row], width: int) -> list[Row]:
    """Without titles: of the rows of words at the top, the one that names a loss, or the last."""
    top = 0
    while top < len(rows) and all(_label(c) or missing(c) for c in rows[top].cells):
        top += 1
    wide = [k for k in range(top) if len(rows[k].cells) >= width - 1]
    full = [k for k in wide if len(rows[k].cells) >= width] or wide
    best = [k for k in full if any("loss" in cell.lower() for cell in rows[k].cells)] or full
    return [*(rows[k] for k in best[-1:]), *rows[top:]]


def _label(cell: str) -> bool:
    """Whether a cell may stand in a header: a word, and no number with something about it."""
    if numeric(cell) or re.search(r"[^\W\d]|#", cell) is None:
        return False
    return re.search(r"\d[.,]\d", cell) is None or (cell[0].isalpha() and "(" not in cell)


def _is_header(first: Row, body: Sequence[Row]) -> bool:
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


def _comma_halves(rows: Sequence[Row]) -> bool:
    """Whether all cells might be the halves of numbers with decimal commas."""
    pairs = [row.cells for row in rows if len(row.cells) > 1]
    return bool(pairs) and all(
        len(cells) == 2
        and re.fullmatch(r"[+-]?\d+", cells[0]) is not None
        and re.fullmatch(r"\d+(e[+-]?\d+)?", cells[1], re.IGNORECASE) is not None
        for cells in pairs
    )


def _refuse_halves(rows: Sequence[Row]) -> None:
    firsts = [int(row.cells[0]) for row in rows if len(row.cells) == 2]
    if firsts[0] in (0, 1) and firsts == list(range(firsts[0], firsts[0] + len(firsts))):
        return  # they count the rows
    line, cells = rows[0]
    text = ",".join(cells)
    raise ValueError(
        f"line {line}: {text!r} may be one number with a decimal comma or two columns: write "
        "a decimal point, or a header"
    )


def _comment_header(
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


def _columns(names: list[str], rows: Sequence[Row]) -> list[Column]:
    """Each part of a file, of a later run it may be, has the columns of the header above it."""
    parts: list[tuple[list[str], list[Row]]] = [(names, [])]
    known = set(filter(None, names))
    for row in rows:
        names, part = parts[-1]
        if row.cells in (names, names[1:]):
            continue
        if not known.isdisjoint(row.cells) and not any(map(numeric, row.cells)):
            parts.append((row.cells, []))
            continue
        part.append(_fitted(row, names))
    order = list(dict.fromkeys(name for names, _ in parts for name in _numbered(names)))
    return [_column(key, parts) for key in order]


def _numbered(names: Sequence[str]) -> list[tuple[str, int]]:
    """Each name and how often it stood before."""
    seen = Counter[str]()
    keys = []
    for name in names:
        keys.append((name, seen[name]))
        seen[name] += 1
    return keys


def _column(key: tuple[str, int], parts: Sequence[tuple[list[str], list[Row]]]) -> Column:
    cells, lines = list[str](), list[int]()
    for names, rows in parts:
        keys = _numbered(names)
        place = keys.index(key) if key in keys else len(names)
        cells += [row.cells[place] if place < len(row.cells) else "" for row in rows]
        lines += [row.line for row in rows]
    return Column(key[0], cells, lines)


def _fitted(row: Row, names: Sequence[str]) -> Row:
    """A row without empty cells beyond the header."""
    cells = row.cells
    if len(cells) == len(names):
        return row
    while len(cells) > len(names) and not cells[-1]:
        cells = cells[:-1]
    if len(cells) > len(names):
        raise ValueError(
            f"line {row.line}: there are {len(cells)} cells where {len(names)} are wanted: "
            f"{', '.join(cells)!r:.80}"
        )
    if len(cells) < len(names) and not any(map(numeric, cells)):
        raise ValueError(f"line {row.line}: {' '.join(cells)!r:.80} is no row of the table")
    return Row(row.line, cells)
