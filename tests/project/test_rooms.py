"""The house stands: every file is in a room, every arrow points down, none goes in a circle."""

import ast
from graphlib import TopologicalSorter

import pytest
from places import ROOT
from rooms import PUBLIC, ROOMS, imports, modules, room_of

import lrcore

IMPORTS = imports()
FACE = "__init__"


def pairs():
    return {(i.importer, i.imported) for i in IMPORTS if i.importer != i.imported}


def test_every_file_is_in_a_room():
    assert {room_of(name) for name in modules()} | {"_core"} == ROOMS.keys()


def test_a_room_imports_only_rooms_that_the_table_names():
    for i in IMPORTS:
        here, there = room_of(i.importer), room_of(i.imported)
        assert here == there or there in ROOMS[here], i


def test_the_table_names_only_rooms_below_and_none_that_is_not_used():
    used = {(room_of(a), room_of(b)) for a, b in pairs()}
    order = list(ROOMS)
    for here, below in ROOMS.items():
        for there in below:
            assert order.index(there) > order.index(here), (here, there)
            assert (here, there) in used, (here, there)


def test_no_files_import_one_another_in_a_circle():
    graph = {}
    for a, b in pairs():
        graph.setdefault(a, set()).add(b)
    TopologicalSorter(graph).prepare()  # raises a CycleError that names them


def test_no_function_imports_anything_of_ours():
    assert [i for i in IMPORTS if i.late] == []


def test_only_the_face_imports_for_types_alone():
    assert [i for i in IMPORTS if i.typing and i.importer != FACE] == []


def test_no_file_imports_the_face():
    assert [i for i in IMPORTS if i.imported == FACE] == []


@pytest.mark.parametrize("name", [name for name in modules() if name.endswith(".__init__")])
def test_the_file_of_a_room_is_a_docstring_or_hands_names_on(name):
    docstring, *rest = ast.parse(modules()[name].read_text()).body
    assert isinstance(docstring, ast.Expr)
    if name.removesuffix(".__init__") in PUBLIC:
        assert all(isinstance(node, ast.ImportFrom) for node in rest)
    else:
        assert rest == []


def test_the_late_names_of_the_face_are_those_that_type_checkers_see():
    late = {}
    for i in ast.walk(ast.parse(modules()[FACE].read_text())):
        if isinstance(i, ast.If) and "TYPE_CHECKING" in ast.dump(i.test):
            for node in i.body:
                for alias in node.names:
                    late[alias.name] = node.module or alias.name
    assert late == lrcore._LATER
    for name in late:
        assert getattr(lrcore, name) is not None


@pytest.mark.parametrize("folder", ["lrcore", "src", "benchmarks", "tests/tools"])
def test_every_file_fits_the_head(folder):
    code = {".py", ".pyx", ".pxi", ".c", ".h", ".def"}
    for path in (ROOT / folder).rglob("*"):
        if path.suffix in code:
            assert len(path.read_text().splitlines()) <= 400, path
