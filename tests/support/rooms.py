"""The house: which room of lrcore/ may use which, and which does. Read by test_rooms.py."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from places import ROOT, SOURCE

PACKAGE: Final = ROOT / "lrcore"


def drawn(name: str) -> dict[str, set[str]]:
    """What is in a drawing of CONTRIBUTING.md, from top to ground, and what each may use."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (block,) = re.findall(rf"<!-- the {name} -->\n```text\n.*\n((?:  .*\n)+)```", text)
    rows = [re.split(r"  +", line.strip()) for line in block.splitlines()]
    return {row[0].rstrip("/"): set(" ".join(row[2:]).split()) for row in rows}


ROOMS: Final = drawn("rooms")
# Rooms whose address users were told hand names on; the others say what they are, and no more.
PUBLIC: Final = frozenset({"bridges", "bridges.torch", "cli", "demo", "tune", "reference"})


class Import(NamedTuple):
    """One module of ours that another imports: dotted names below the package."""

    importer: str
    imported: str
    late: bool  # in a function
    typing: bool  # under TYPE_CHECKING


def room_of(module: str) -> str:
    """The room that a module is in; those that lie beside the rooms are rooms of their own."""
    return module.partition(".")[0]


def name_of(file: Path) -> str:
    """The dotted name of a file of lrcore/, `__init__` for that of a room."""
    return ".".join(file.relative_to(PACKAGE).with_suffix("").parts)


def modules() -> dict[str, Path]:
    """All Python files of the package."""
    return {name_of(file): file for file in sorted(PACKAGE.rglob("*.py"))}


def imports() -> list[Import]:
    """All imports of ours by files of ours, those of the compiled core included."""
    known = modules().keys() | {"_core"}
    found = [i for name, file in modules().items() for i in _of_python(name, file, known)]
    for file in sorted(SOURCE.rglob("*.p[yx][xi]")):
        found += _of_cython(file, known)
    return found


def _of_python(name: str, file: Path, known: set[str]) -> Iterator[Import]:
    tree = ast.parse(file.read_text())
    late = _below(tree, lambda node: isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    typing = _below(tree, lambda n: isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n.test))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for target in _targets(node, name, known):
                yield Import(name, target, node in late, node in typing)


def _below(tree: ast.AST, is_top: Callable[[ast.AST], bool]) -> set[ast.AST]:
    tops = [node for node in ast.walk(tree) if is_top(node)]
    return {node for top in tops for part in getattr(top, "body", []) for node in ast.walk(part)}


def _targets(node: ast.Import | ast.ImportFrom, name: str, known: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.partition(".")[0] == "lrcore":
                yield _module(alias.name.removeprefix("lrcore").lstrip("."), known)
    elif isinstance(node, ast.ImportFrom):
        parts = (node.module or "").split(".") if node.module else []
        if node.level:
            parts = name.split(".")[: -node.level] + parts
        elif parts[:1] == ["lrcore"]:
            parts = parts[1:]
        else:
            return
        for alias in node.names:
            yield _module(".".join([*parts, alias.name]), known)


def _module(dotted: str, known: set[str]) -> str:
    """The file that an imported name is, or is in."""
    while True:
        for name in (dotted, f"{dotted}.__init__".lstrip(".")):
            if name in known:
                return name
        dotted = dotted.rpartition(".")[0]


def _of_cython(file: Path, known: set[str]) -> Iterator[Import]:
    found = re.finditer(r"^( *)from \.([\w.]*) import (.+?)(?:  #.*)?$", file.read_text(), re.M)
    for indent, module, names in (match.groups() for match in found):
        for name in re.split(r",\s*", names):
            dotted = f"{module}.{name.partition(' ')[0]}".lstrip(".")
            yield Import("_core", _module(dotted, known), bool(indent), False)
