"""Small changes to C source, one at a time: the mistakes that the tests have to notice.

Knows tokens, brackets and a few rules; refuses to know C. What does not compile is no mutant, and
what compiles to the same object is equivalent; both are for mutants.py to find out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<define>^[ \t]*\#[ \t]*define[ \t]+\w+(?:\([^)]*\))?)
  | (?P<newline>\n)
  | (?P<space>/\*.*?\*/ | "(?:\\.|[^"\\])*" | \\\n | [ \t]+ | ^[ \t]*\#(?:\\\n|[^\n])* | \#\#?)
  | (?P<number>0[xX][0-9a-fA-F.]+(?:[pP][+-]?\d+)?\w* | \d[\w.]*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<op><<=?|>>=?|->|\+\+|--|&&|\|\||[-+*/%&|^<>=!]=|[-+*/%&|^<>=!~?:;,.(){}\[\]])
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)

_OPERATORS = {
    "+": ("-",),
    "-": ("+",),
    "*": ("/",),
    "/": ("*",),
    "%": ("/",),
    "<": ("<=", ">"),
    "<=": ("<", ">"),
    ">": (">=", "<"),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
    "&&": ("||",),
    "||": ("&&",),
    "&": ("|",),
    "|": ("&",),
    "+=": ("-=", "="),
    "-=": ("+=", "="),
    "*=": ("/=", "="),
    "|=": ("&=", "="),
    "++": ("--",),
    "--": ("++",),
}
_BINARY_OR_NOT = {"+", "-", "*", "&"}
_NAMES = {
    "settle": ("", "halt"),
    "halt": ("", "settle", "halt_root"),
    "halt_root": ("", "halt"),
    "sqrt": ("",),
    "true": ("false",),
    "false": ("true",),
}
_CONSTANTS = {"TINY", "ROOT", "FLT_MIN", "DBL_MIN"}
_HEADS = {"if", "for", "while", "switch"}
_WORDS = {*_HEADS, "return", "else", "case", "default", "sizeof", "do", "goto"}
_TYPES = {"const", "restrict", "static", "extern", "struct", "union", "enum", "typedef", "inline"}
_TYPES |= {"void", "char", "int", "float", "double", "bool", "real", "bits", "size_t", "ptrdiff_t"}
_TYPES |= {"uintptr_t"}


@dataclass(frozen=True)
class Mutant:
    """The text between start and end of a file replaced by another."""

    file: str
    start: int
    end: int
    text: str
    line: int
    label: str  # the line, with the change marked

    def applied(self, source: str) -> str:
        """The whole file, changed."""
        return source[: self.start] + self.text + source[self.end :]


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    depth: int  # of braces, or 1 in a macro

    @property
    def end(self) -> int:
        return self.start + len(self.text)


_Change = tuple[int, int, str]


def mutants(file: str, source: str) -> list[Mutant]:
    """All mutants of a file, in the order of its text, each once."""
    tokens = _tokens(source)
    found: dict[_Change, Mutant] = {}
    for start, end, text in sorted({*_changes(tokens, source)}):
        begin = source.rfind("\n", 0, start) + 1
        stop = source.find("\n", end)
        old = " ".join(source[start:end].split())
        label = f"{source[begin:start]}«{old} → {text}»{source[end:stop]}"
        line = source.count("\n", 0, start) + 1
        found[start, end, text] = Mutant(file, start, end, text, line, " ".join(label.split()))
    return list(found.values())


def _tokens(source: str) -> list[_Token]:
    tokens, depth, macro = [], 0, False
    for match in _TOKEN.finditer(source):
        kind, text = str(match.lastgroup), match.group()
        if kind in ("define", "newline"):
            macro = kind == "define"
        elif kind != "space":
            depth += (text == "{") - (text == "}")
            tokens.append(_Token(kind, text, match.start(), depth or int(macro)))
    return tokens


def _partners(tokens: list[_Token]) -> dict[int, int]:
    """The place of the closing bracket for each opening one, and the other way round."""
    partners, stack = {}, []
    for i, token in enumerate(tokens):
        if token.text in ("(", "[", "{"):
            stack.append(i)
        elif token.text in (")", "]", "}") and stack:
            partners[i] = stack.pop()
            partners[partners[i]] = i
    return partners


def _changes(tokens: list[_Token], source: str) -> Iterator[_Change]:
    partners = _partners(tokens)
    for i, token in enumerate(tokens):
        before = tokens[i - 1] if i else None
        yield from _numbers(token)
        if token.depth == 0 or before is None:
            continue
        yield from _symbols(token, before)
        if token.text == "(" and i in partners:
            yield from _parentheses(tokens, i, partners, source)
        if token.text == "?":
            yield from _branches(tokens, i, partners, source)
        if _begins_statement(tokens, i, partners):
            yield from _statement(tokens, i, partners)


def _numbers(token: _Token) -> Iterator[_Change]:
    if token.kind != "number":
        return
    power = re.fullmatch(r"(0x1p)([+-]?\d+)(F?)", token.text)
    plain = re.fullmatch(r"(\d+)", token.text)
    if power:
        for step in (-1, 1):
            changed = f"{power[1]}{int(power[2]) + step}{power[3]}"
            yield token.start, token.end, changed
    elif plain:
        for value in {int(plain[1]) + 1, abs(int(plain[1]) - 1)}:
            yield token.start, token.end, str(value)


def _is_operand(token: _Token) -> bool:
    if token.kind == "name":
        return token.text not in _WORDS | _TYPES
    return token.kind == "number" or token.text in (")", "]")


def _symbols(token: _Token, before: _Token) -> Iterator[_Change]:
    for text in _NAMES.get(token.text, ()):
        yield token.start, token.end, text
    if token.text in _CONSTANTS:
        for text in (f"({token.text} * 2)", f"({token.text} / 2)"):
            yield token.start, token.end, text
    if token.kind != "op":
        return
    if token.text not in _BINARY_OR_NOT or _is_operand(before):
        for text in _OPERATORS.get(token.text, ()):
            yield token.start, token.end, text
    elif token.text == "-":
        yield token.start, token.end, ""
    if token.text == "!":
        yield token.start, token.end, ""


def _parentheses(
    tokens: list[_Token], i: int, partners: dict[int, int], source: str
) -> Iterator[_Change]:
    """Conditions turned round, arguments swapped, groups opened."""
    before, last = tokens[i - 1], partners[i]
    inside = source[tokens[i].end : tokens[last].start]
    if before.text in _HEADS - {"for", "switch"}:
        yield tokens[i].end, tokens[last].start, f"!({inside})"
    elif _is_operand(before):
        yield from _swaps(tokens, i, partners, source)
    elif last + 1 < len(tokens) and not (
        tokens[last + 1].kind in ("name", "number") or tokens[last + 1].text in ("(", "{", "*", "&")
    ):
        yield tokens[i].start, tokens[last].end, f" {inside}"


def _swaps(
    tokens: list[_Token], i: int, partners: dict[int, int], source: str
) -> Iterator[_Change]:
    """Neighbouring arguments of a call in each other's place."""
    cuts, k = [i], i + 1
    while k < partners[i]:
        if tokens[k].text == ",":
            cuts.append(k)
        k = partners.get(k, k) + 1
    cuts.append(partners[i])
    for a, b, c in zip(cuts, cuts[1:], cuts[2:], strict=False):
        first = source[tokens[a].end : tokens[b].start].strip()
        second = source[tokens[b].end : tokens[c].start].strip()
        yield tokens[a].end, tokens[c].start, f"{second}, {first}"


def _branches(
    tokens: list[_Token], i: int, partners: dict[int, int], source: str
) -> Iterator[_Change]:
    """`? a : b` with a and b in each other's place."""
    colon, open_ones, k = 0, 0, i + 1
    while k < len(tokens) and tokens[k].text not in (";", ",", ")", "]", "}"):
        open_ones += tokens[k].text == "?"
        if tokens[k].text == ":" and not colon:
            if open_ones == 0:
                colon = k
            open_ones -= 1
        k = partners.get(k, k) + 1
    if colon:
        first = source[tokens[i].end : tokens[colon].start].strip()
        second = source[tokens[colon].end : tokens[k - 1].end].strip()
        yield tokens[i].end, tokens[k - 1].end, f" {second} : {first}"


def _begins_statement(tokens: list[_Token], i: int, partners: dict[int, int]) -> bool:
    token, before = tokens[i], tokens[i - 1]
    if token.kind != "name" and token.text not in ("*", "("):
        return False
    if token.text in _TYPES | _WORDS or i + 1 == len(tokens):
        return False
    if token.kind == "name" and (tokens[i + 1].kind == "name" or tokens[i + 1].text == "*"):
        return False
    if before.text == ")" and i - 1 in partners:
        return tokens[partners[i - 1] - 1].text in _HEADS
    return before.text in (";", "{", "}", "else", "SIMD")


def _statement(tokens: list[_Token], i: int, partners: dict[int, int]) -> Iterator[_Change]:
    """Left out."""
    k = i
    while k < len(tokens) and tokens[k].text not in (";", "}", ")", "{"):
        k = partners.get(k, k) + 1
    if k < len(tokens) and tokens[k].text == ";":
        yield tokens[i].start, tokens[k].end, ";"
