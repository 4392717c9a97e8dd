"""What the subcommands share: the parser of their words, and checks of what these stand for."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, NoReturn

from ..checks import synonyms


class Parser(argparse.ArgumentParser):
    """Raises a `ValueError` of one line where argparse would print its usage and exit."""

    def __init__(self, prog: str, description: str, epilog: str | None = None) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Called by argparse for what it does not accept."""
        raise ValueError(message)

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """As `parse_args`; an unknown flag gets a suggestion."""
        options, unknown = self.parse_known_args(words)
        if unknown:
            word = unknown[0].partition("=")[0]
            flags = re.findall(r"--[\w-]+", self.format_help())
            hint = synonyms.flag(self.prog.partition(" ")[2], word, flags)
            raise ValueError(f"{self.prog} has no argument {word!r}; {hint}")
        return options


def one_of(kind: str, names: Iterable[str]) -> Callable[[str], str]:
    """A check that takes one of these names, in any case."""
    known = {name.lower(): name for name in names}

    def find(text: str) -> str:
        if text.lower() not in known:
            hint = synonyms.closest(text, known.values())
            raise argparse.ArgumentTypeError(f"there is no {kind} {text!r}; {hint}")
        return known[text.lower()]

    return find


def whole(low: int, high: int = 10**9) -> Callable[[str], int]:
    """A check that takes a whole number from `low` to `high`."""

    def convert(text: str) -> int:
        if not re.fullmatch(r"\d{1,10}", text, re.ASCII) or not low <= int(text) <= high:
            message = f"{text!r} is not a whole number from {low} to {high}"
            raise argparse.ArgumentTypeError(message)
        return int(text)

    return convert


def rate(text: str) -> float:
    """A check that takes a finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number above 0")
    return number


class Command(NamedTuple):
    """A subcommand: what it is for, its flags, and what it does; None stands for exit code 0.

    Beside its own flags it is told `for_good`: whether the process ends with it.
    """

    summary: str
    arguments: Callable[[Parser], None]
    run: Callable[[argparse.Namespace], int | None]
