"""Schedules written as text: what `repr` of a schedule writes, and nothing else of Python."""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any, Final

from ..checks.suggestions import suggest
from ..checks.synonyms import closest
from .algebra import OPERATORS
from .catalogue import SCHEDULES, Schedule
from .views import DEEPEST

EXAMPLE: Final = "CosineAnnealing(1e-3, 10000).warmup(500)"
LONGEST: Final = 10_000  # characters

NAMES: Final = tuple(name for name, cls in SCHEDULES.items() if cls._pure)
# The methods of a schedule that give another, by the way in which repr writes an operator.
METHODS: Final = tuple(
    found[1] for cls in OPERATORS.values() if (found := re.match(r"{inner}\.(\w+)\(", cls._form))
)
_TOO_DEEP: Final = f"more than {DEEPEST} levels inside of one another"


def parse(text: str) -> Schedule:
    """The schedule that an expression stands for.

    Schedules are called by name with numbers, words, `True`, `False`, `None` and sequences of
    these, their operators as methods; `*` and `+` work. Nothing is evaluated as Python code.

    Raises
    ------
    ValueError
        In one line: the column (from 1), what is wrong there, and what would be accepted.

    >>> parse("CosineAnnealing(1e-3, 10_000).warmup(500) * 0.5")
    CosineAnnealing(lr=0.001, steps=10000).warmup(500) * 0.5
    >>> parse("Constant(0.1).wramup(3)")
    Traceback (most recent call last):
    ValueError: column 15: there is no operator 'wramup'; did you mean warmup?
    """
    if len(text) > LONGEST:
        raise ValueError(f"an expression has at most {LONGEST} characters, got {len(text)}")
    reader = _Reader(text)
    result = reader.read(reader.tree, 0)
    if not isinstance(result, Schedule):
        raise reader.wrong(reader.tree, f"{result!r} is no schedule; for example: {EXAMPLE}")
    return result


class _Reader:
    def __init__(self, text: str) -> None:
        line = " ".join(text.splitlines())
        self.line = line.lstrip()
        self.indent = len(line) - len(self.line)
        self.tree = self._tree()

    def _tree(self) -> ast.expr:
        if not self.line:
            raise ValueError(f"the expression is empty; for example: {EXAMPLE}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python warns of what is refused here anyway
                return ast.parse(self.line, mode="eval").body
        except SyntaxError as error:
            column = self.indent + (error.offset or 1)
            raise ValueError(f"column {column}: {error.msg}") from None
        except (RecursionError, MemoryError):
            raise ValueError(f"column 1: {_TOO_DEEP}") from None
        except ValueError as error:
            raise ValueError(f"column 1: {error}") from None

    def wrong(self, node: ast.expr, message: object) -> ValueError:
        """The refusal of what stands at a node: of a method call, at the name of the method."""
        before = node.col_offset
        function = getattr(node, "func", node)
        if isinstance(function, ast.Attribute):
            before = (function.end_col_offset or 0) - len(function.attr.encode())
        # Python counts bytes
        column = self.indent + len(self.line.encode()[:before].decode(errors="ignore")) + 1
        return ValueError(f"column {column}: {message}")

    def read(self, node: ast.expr, depth: int) -> Any:
        """A schedule, a number, a word, None or a tuple of such."""
        if depth > DEEPEST:
            raise self.wrong(node, _TOO_DEEP)
        match node:
            case ast.Constant(value=None | bool() | int() | float() | str()):
                return node.value
            case ast.Tuple() | ast.List():
                return tuple(self.read(item, depth + 1) for item in node.elts)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
                number = self.read(node.operand, depth + 1)
                if _is_number(number):
                    return -number if isinstance(node.op, ast.USub) else number
                raise self.wrong(node, "a sign stands before numbers only")
            case ast.BinOp(op=ast.Mult() | ast.Add()):
                return self._combine(node, depth)
            case ast.Call():
                return self._call(node, depth)
            case ast.Name() if node.id in NAMES:
                raise self.wrong(node, f"{node.id} lacks its arguments: {node.id}(...)")
            case ast.Name():
                raise self.wrong(
                    node, f"there is no schedule {node.id!r}; {closest(node.id, NAMES)}"
                )
        raise self.wrong(node, f"this is not understood; an expression is like {EXAMPLE} * 0.5")

    def _combine(self, node: ast.BinOp, depth: int) -> Any:
        left, right = self.read(node.left, depth + 1), self.read(node.right, depth + 1)
        for side, value in ((node.left, left), (node.right, right)):
            if not (isinstance(value, Schedule) or _is_number(value)):
                raise self.wrong(side, f"* and + take schedules and numbers, got {value!r}")
        try:
            return left * right if isinstance(node.op, ast.Mult) else left + right
        except (TypeError, ValueError, OverflowError) as error:
            raise self.wrong(node, error) from None

    def _call(self, node: ast.Call, depth: int) -> Schedule:
        make = self._function(node, depth)
        given = [self.read(argument, depth + 1) for argument in node.args]
        named = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self.wrong(keyword.value, "** is not understood")
            if keyword.arg in named:
                raise self.wrong(keyword.value, f"{keyword.arg} is given twice")
            named[keyword.arg] = self.read(keyword.value, depth + 1)
        try:
            made: Schedule = make(*given, **named)
        except (TypeError, ValueError, OverflowError) as error:
            raise self.wrong(node, str(error).removeprefix("Schedule.")) from None
        return made

    def _function(self, node: ast.Call, depth: int) -> Any:
        match node.func:
            case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="lrc" | "lrcore"), attr=name):
                if name in NAMES:
                    return SCHEDULES[name]
                if name in SCHEDULES:
                    raise self.wrong(node, f"{name} calls a function of yours: make it in code")
                raise self.wrong(node, f"there is no schedule {name!r}; {closest(name, NAMES)}")
            case ast.Attribute(value=inner, attr=name):
                schedule = self.read(inner, depth + 1)
                if isinstance(schedule, Schedule) and name in METHODS:
                    return getattr(schedule, name)
                raise self.wrong(node, f"there is no operator {name!r}; {suggest(name, METHODS)}")
        raise self.wrong(node, f"only schedules and operators are called, as in {EXAMPLE}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
