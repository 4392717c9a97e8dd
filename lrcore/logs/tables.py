"""Tables in text: cells set apart by commas, semicolons, tabs, bars or blanks."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from .cells import (
    Column,
    Table,
    holds_numbers,
    missing,
    number,
    numeric,
)
from .headers import (
    SAMPLE,
    Row,
    comma_halves,
    is_header,
    names_in_comment,
    refuse_halves,
    width_of,
    without_titles,
)

_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}
_NUMBER_LIKE: Final = re.compile(r"\d[\d:.,/%+-]*[a-z]{0,2}")  # of dates and times
_Key = tuple[str, int]
_RULE: Final = re.compile(r"[\s|+:=_-]*")  # a line drawn under a header


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
        if _fits(list(_split(lines[: 2 * SAMPLE], separator)), separator):
            columns = _assemble(lines, list(_split(lines, separator)), separator)
            return Table(f"a table set apart by {name}", columns) if columns else None
    return None


def read_blanks(text: str) -> Table | None:
    """The table of numbers set apart by blanks, or of one column, that stands in a text.

    Other text may stand above and below it. Raises as `read_table`.
    """
    lines = text.split("\n")
    split = ((k, line.replace("No log", "NA").split()) for k, line in enumerate(lines, 1))
    rows = _block([Row(k, cells) for k, cells in split if not _aside(lines[k - 1])])
    columns = _assemble(lines, _wide_header(lines, rows), " ") if rows else None
    if not columns:
        return None
    return Table("a table set apart by blanks" if len(columns) > 1 else "one column", columns)


def _numbers_by_blanks(lines: Sequence[str]) -> bool:
    """Whether blanks make numbers of all lines but a header; their commas are decimal then."""
    rows = [line.split() for line in lines[:SAMPLE] if not _aside(line)][1:]
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


def _halved(row: Row) -> bool:
    """Whether a comma stands inside of a number at the end of words, as in `loss: 2,31`."""
    return any(
        re.search(r"\D[:=\s][+-]?\d+$", left) and re.match(r"\d+(\D|$)", right)
        for left, right in pairwise(row.cells)
    )


def _fits(rows: Sequence[Row], separator: str) -> bool:
    """Whether a separator makes columns in most rows, one of them of numbers."""
    width = width_of([row for row in rows if len(row.cells) > 1])
    alike = [row for row in rows if len(row.cells) == width]
    if not width or 2 * sum(len(row.cells) > 1 for row in rows) <= len(rows):
        return False
    below = alike[1:] or alike
    if separator == "," and all(map(_halved, below)):
        return False
    return any(holds_numbers([row.cells[k] for row in below]) for k in range(width))


def _block(rows: Sequence[Row]) -> list[Row]:
    """From the row above the first numbers to the last; all between have to be of the table."""
    told = [k for k, row in enumerate(rows) if _of_numbers(row)]
    width = width_of([rows[k] for k in told])
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
    width, first = width_of(rows), rows[0]
    names = re.split(r"\s{2,}|\t", lines[first.line - 1].strip())
    wide = len(first.cells) != width and len(names) == width
    return [Row(first.line, names), *rows[1:]] if wide else rows


def _assemble(lines: Sequence[str], rows: list[Row], separator: str) -> list[Column] | None:
    """Columns by their names, of all parts of a file that have a header; one row is there."""
    width = width_of(rows[:SAMPLE])
    rows = without_titles(rows, width)
    body = rows[1 : SAMPLE + 1]
    if is_header(rows[0], body):
        names = rows[0].cells
        if len(names) == 1 and comma_halves(body):
            rows = [Row(row.line, [",".join(row.cells)]) for row in rows]
        body = rows[1:]
    else:
        names, body = names_in_comment(lines, rows, separator, width), rows
        if separator == "," and width == 2 and not any(names) and comma_halves(rows[:SAMPLE]):
            refuse_halves(rows)
    longer = [row for row in body if len(row.cells) == len(names) + 1 and row.cells[-1]]
    if body and len(longer) == len(body):  # as R writes a table: its row names have no header
        names = ["", *names]
    columns = _columns(names, body)
    _check_first(columns)
    return columns if any(holds_numbers(column.cells) for column in columns) else None


def _check_first(columns: Sequence[Column]) -> None:
    """Rows that do not begin as the others do, such as a mean at the end, are no losses."""
    first = columns[0]
    odd = [k for k, cell in enumerate(first.cells) if not missing(cell) and not numeric(cell)]
    if odd and len(columns) > 1 and 10 * len(odd) < len(first.cells):
        raise ValueError(
            f"line {first.lines[odd[0]]}: the row begins with {first.cells[odd[0]]!r:.80}, "
            "all others with numbers"
        )


def _columns(names: list[str], rows: Sequence[Row]) -> list[Column]:
    """Each part of a file, of a later run it may be, has the columns of the header above it."""
    parts: list[tuple[list[str], list[Row]]] = [(names, [])]
    known = set(filter(None, names))
    for row in rows:
        names, part = parts[-1]
        if row.cells == names or (not names[0] and row.cells == names[1:]):
            continue
        if not known.isdisjoint(row.cells) and not any(map(numeric, row.cells)):
            parts.append((row.cells, []))
            continue
        part.append(_fitted(row, names))
    placed = [(_numbered(names), part) for names, part in parts]
    order = dict.fromkeys(key for keys, _ in placed for key in keys)
    return [_column(key, placed) for key in order]


def _numbered(names: Sequence[str]) -> dict[_Key, int]:
    """The place of each name, by how often it stood before."""
    seen = Counter[str]()
    places = {}
    for place, name in enumerate(names):
        places[name, seen[name]] = place
        seen[name] += 1
    return places


def _column(key: _Key, parts: Sequence[tuple[dict[_Key, int], list[Row]]]) -> Column:
    cells, lines = list[str](), list[int]()
    for places, rows in parts:
        place = places.get(key, len(places))
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
