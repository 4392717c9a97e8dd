"""Printed text as columns: names beside numbers in each line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from .cells import PRINTED, Column, Table
from .vocabulary import counted_part, is_counter, of_training, of_validation

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
_PARTS: Final = r"train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?|eval(?:uation)?"
_PART: Final = re.compile(rf"(?<!\w)({_PARTS})(?![\w.])", re.IGNORECASE)
_SAID: Final = re.compile(  # as in "split=val", of the whole line
    r"(?<![\w.])(?:split|mode|phase|stage|subset)['\"]?\s*[:=]\s*"
    rf"['\"]?({_PARTS})(?![\w.])['\"]?",
    re.IGNORECASE,
)
_BEHIND: Final = re.compile(rf"\s*\(({_PARTS})\)", re.IGNORECASE)
_LAST: Final = re.compile(  # as in "loss 0.5 (val)" or "loss 0.5 on val"
    rf"[\W_]*(?:on |for |in )?({_PARTS})(?: set| split| data)?[\W_]*"
    rf"|.*[(\[<|]\s*({_PARTS})\s*(?:[)\]>|].*|$)",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """Without the codes that colour a terminal, and one line for each state of a progress bar."""
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    if "\b" in text:  # Keras goes back so before it draws a bar again
        text = re.sub(r"\x08+\r?", "\n", text)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_pairs(text: str) -> Table:
    """A column for each name that stands before a number: `loss: 0.5`, `loss=0.5`, `loss 0.5`.

    A word such as "val" that stands in the line outside of the name, as in `val: loss 0.5`,
    `val epoch 3 loss 0.5` and `loss 0.5 (val)`, or in a heading of its own above the line, becomes
    part of the name.
    """
    columns, headings = _columns(text, counted=True)
    if headings and not (any(map(of_training, headings)) and any(map(of_validation, headings))):
        columns, _ = _columns(text, counted=False)  # nothing says where their part ends
    return Table(PRINTED, columns)


def _columns(text: str, counted: bool) -> tuple[list[Column], set[str]]:
    """The columns, and the words of headings with a count, such as `Validation epoch 3`."""
    found: dict[str, tuple[list[str], list[int]]] = {}
    heading, headings = "", set[str]()
    for line, printed in enumerate(text.split("\n"), 1):
        words = _WHEN.sub("", printed)
        whole = _SAID.search(words)
        words = _SAID.sub(" ", words) if whole else words
        pairs = list(_PAIR.finditer(words))
        parts = [whole[1]] * len(pairs) if whole else _parts(words, pairs, heading)
        for pair, part in zip(pairs, parts, strict=True):
            name = pair[1].strip("'-. ")
            apart = part and not _words_of_part(name) and not counted_part(name)
            cells, lines = found.setdefault(f"{part} {name}" if apart else name, ([], []))
            cells.append(pair[2] or pair[3])
            lines.append(line)
        if not pairs:
            heading = _heading(words) or heading
        elif counted and len(pairs) == 1 and (part := counted_part(pairs[0][1])):
            heading = part
            headings.add(part)
    return [Column(name, cells, lines) for name, (cells, lines) in found.items()], headings


def _parts(line: str, pairs: Sequence[re.Match[str]], part: str) -> list[str]:
    """The word for each pair: the last before it, one in brackets behind it, or of the line."""
    found, said, end = list[str](), list[str](), 0
    for k, pair in enumerate(pairs):
        behind = _BEHIND.match(line, end)
        if behind and k and not is_counter(pairs[k - 1][1]):
            found[-1], end = behind[1], behind.end()
            said.append(behind[1])
        before = _part(line[end : pair.start()]) or counted_part(pair[1])
        part, end = before or part, pair.end()
        said += [before] if before else []
        found.append(part)
    last = _LAST.fullmatch(line[end:]) if pairs else None
    word = (last[1] or last[2]) if last else ""
    if word and all(other.lower() == word.lower() for other in said):
        return [word] * len(pairs)
    behind = _BEHIND.match(line, end) if pairs else None
    return [*found[:-1], behind[1]] if behind else found


def _part(text: str) -> str:
    """The last word in a text that says which rows it is about."""
    words = _PART.findall(text)
    return words[-1] if words else ""


@lru_cache(1000)
def _words_of_part(name: str) -> bool:
    return _PART.search(re.sub(r"[\W_]", " ", name)) is not None


def _heading(line: str) -> str:
    """`Validation:`, `== Training ==` and the like."""
    short = re.fullmatch(r"\W*(\w+)(?: \w+)?\s*(?:[^\w\s]\W*)", line)
    return _part(short[1]) if short else ""
