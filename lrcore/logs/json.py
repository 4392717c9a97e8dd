"""JSON documents and JSON lines as columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from .cells import Cell, Column, Table

Cells = dict[str, list[tuple[int, Cell]]]  # under each name, each with its place

_DOCUMENT: Final = re.compile(r'\s*(\{\s*"|\[\s*[\[{]\s*["\d\[{-]|\[\s*-?[\d.]+(e[+-]?\d+)?\s*,)')


def read_json(text: str) -> Table | None:
    """A document, or a document on each line; None for what is neither.

    Raises
    ------
    ValueError
        For what begins as JSON and breaks, or holds no curve.
    """
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return _table(json.loads(text))
    except json.JSONDecodeError as error:
        broken = error
    except RecursionError:
        raise ValueError("it is JSON, nested too deeply to hold a curve") from None
    lines = [(k, line) for k, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(lines) > 1 and _whole(lines[0][1]):
        return _json_lines(lines)
    if _DOCUMENT.match(text):
        raise ValueError(f"line {broken.lineno}: broken JSON: {broken.msg}")
    return None


def _whole(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict | list)
    except ValueError:
        return False


def _json_lines(lines: list[tuple[int, str]]) -> Table | None:
    """None where other text stands between the objects."""
    if not all(line.lstrip()[0] in "{[" for _, line in lines):
        return None
    records = []
    for number, line in lines:
        try:
            records.append((number, json.loads(line)))
        except json.JSONDecodeError as error:
            raise ValueError(f"line {number}: broken JSON: {error.msg}") from None
    return Table("JSON lines", _columns(_of_records(records)))


def _table(document: Any) -> Table:
    cells, single = dict[str, list[tuple[int, Cell]]](), list[str]()
    for name, node in _lists(document, "", single):
        for inner, found in _of_list(node).items():
            cells[_join(name, inner)] = found
    if not cells:
        names = ", ".join(single[:20]) or "no number"
        raise ValueError(
            f"it is JSON and holds no list, but single values ({names}): no curve; "
            "the losses of all updates or epochs are wanted"
        )
    return Table("JSON", _columns(cells), unit="entry")


def _lists(node: Any, name: str, single: list[str]) -> Iterator[tuple[str, list[Any]]]:
    """Each list in nested objects, under its path; names of single values go to `single`."""
    if isinstance(node, dict) and len(node) > 1 and all(map(str.isdecimal, node)):
        yield name, list(node.values())  # rows under their numbers, as pandas writes them
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _lists(value, _join(name, str(key)), single)
    elif isinstance(node, list):
        yield name, node
    elif isinstance(node, int | float) and not isinstance(node, bool):
        single.append(name)


def _of_list(items: list[Any]) -> Cells:
    """Of plain values one column, of objects or rows one for each name or place."""
    places = list(enumerate(items, 1))
    if any(isinstance(item, dict | list) for item in items):
        found = _of_records(places)
        objects = any(isinstance(item, dict) for item in items)
        return {f"[].{name}": cells for name, cells in found.items()} if objects else found
    return {"": places} if items else {}


def _of_records(records: Iterable[tuple[int, Any]]) -> Cells:
    cells: Cells = {}
    for place, record in records:
        for name, cell in _flat(record, ""):
            cells.setdefault(name, []).append((place, cell))
    return cells


def _flat(node: Any, name: str) -> Iterator[tuple[str, Cell]]:
    """The plain values in one record, and in the records that it holds."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _flat(value, _join(name, str(key)))
    elif isinstance(node, list):
        for place, value in enumerate(node):
            inner = "[]" if isinstance(value, dict) else f"[{place}]"
            yield from _flat(value, name + inner)
    else:
        yield name, node


def _join(name: str, inner: str) -> str:
    return name + inner if inner.startswith("[") or not name else f"{name}.{inner}".rstrip(".")


def _columns(cells: Cells) -> list[Column]:
    """Names of columns at the top of the document begin without brackets."""
    return [
        Column(
            re.sub(r"^\[\d*\]\.?", "", name),
            [cell for _, cell in found],
            [place for place, _ in found],
        )
        for name, found in cells.items()
    ]
