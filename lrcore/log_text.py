"""Printed text as columns: names beside numbers in each line."""

from __future__ import annotations

import re
from typing import Final

from .log_cells import PRINTED, Column, Table

_ESCAPES: Final = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\-_])")
# Possessive and bounded, so that no line takes long.
_NUMBER: Final = (
    r"[+-]?(?:\d++(?:[.,]\d++|\.)?|\.\d++)(?:[eE][+-]?\d++)?|[+-]?(?:nan|inf(?:inity)?)"
)
_WORD: Final = r"[A-Za-z][\w/.'@%-]{0,60}"
_NAME: Final = rf"{_WORD}(?: {_WORD}){{0,3}}"
_MARK: Final = r"['\"]?\s*[:=]\s*['\"]?"
_WRAPPED: Final = r"[a-z_][\w.]*\(\[*[+-]?[\d.][^)]*\)?"  # as in tensor(0.5)
_PAIR: Final = re.compile(
    rf"(?<![\w.])({_NAME})(?:(?:{_MARK}|\s+)({_NUMBER})(?![\w/%]|[.,:]\d)|{_MARK}({_WRAPPED}))",
    re.IGNORECASE,
)
_WHEN: Final = re.compile(  # as in "Loss after iteration 10: 0.5"
    r" (?:at|after|for|in|on) (?:step|epoch|iteration|iter|batch|update) #?\d+(?=\s*[:=]| is )",
    re.IGNORECASE,
)
_PART: Final = re.compile(
    r"(?<!\w)(train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?|eval(?:uation)?)(?![\w.])",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """Without the codes that colour a terminal, and one line for each state of a progress bar."""
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_pairs(text: str) -> Table:
    """A column for each name that stands before a number: `loss: 0.5`, `loss=0.5`, `loss 0.5`.

    A word such as "val" that stands in the line before the name, as in `val: loss 0.5`, or in a
    heading of its own above the line, becomes part of the name.
    """
    found: dict[str, tuple[list[str], list[int]]] = {}
    heading = ""
    for line, printed in enumerate(text.split("\n"), 1):
        words = _WHEN.sub("", printed)
        pairs = list(_PAIR.finditer(words))
        if not pairs:
            heading = _heading(words) or heading
        part, end = heading, 0
        for pair in pairs:
            part = _part(words[end : pair.start()]) or part
            end = pair.end()
            name = pair[1].strip("'-. ")
            name = f"{part} {name}" if part and not _words_of_part(name) else name
            cells, lines = found.setdefault(name, ([], []))
            cells.append(pair[2] or pair[3])
            lines.append(line)
    columns = [Column(name, cells, lines) for name, (cells, lines) in found.items()]
    return Table(PRINTED, columns)


def _part(text: str) -> str:
    """The last word in a text that says which rows it is about."""
    words = _PART.findall(text)
    return words[-1] if words else ""


def _words_of_part(name: str) -> bool:
    return _PART.search(re.sub(r"[\W_]", " ", name)) is not None


def _heading(line: str) -> str:
    """`Validation:`, `== Training ==` and the like."""
    short = re.fullmatch(r"\W*(\w+)(?: \w+)?\s*(?:[^\w\s]\W*)", line)
    return _part(short[1]) if short else ""
