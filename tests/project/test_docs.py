"""The pages that have no test file of their own: examples run, and what they name exists."""

import doctest
import re

import pytest
from places import DOCS, ROOT, TESTS

import lrcore as lrc
from lrcore.optimizers.base import Optimizer


def rows(page, section=""):
    """The cells of the lines of a page's table, or of a section's, without its header."""
    text = (DOCS / page).read_text()
    if section:
        text = text.split(f"\n## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


PITFALLS, COVERAGE, BUGS = (
    rows("guide/pitfalls.md"),
    rows("promises/coverage.md"),
    rows("promises/bugs.md"),
)
PROMISES = rows("promises/reliability.md", "The promises")
BROKEN = rows("promises/reliability.md", "What happens when the library is broken")


def shown_by(cell):
    """How many tests, lessons and commands a cell names, all of which must exist."""
    tests = re.findall(r"`(test_\w+\.py)::(test_\w+)`", cell)
    places = [DOCS / lesson for lesson in re.findall(r"\]\(\.\./(lessons/\w+\.py)\)", cell)]
    places += [
        ROOT / file for file in re.findall(r"`(?:\w+=\S+ )?(?:python )?([\w.]+/\w[\w./]*)", cell)
    ]
    for file, test in tests:
        assert f"def {test}(" in next(TESTS.rglob(file)).read_text(), test
    for place in places:
        assert place.exists(), place
    return len(tests) + len(places)


@pytest.mark.parametrize("row", PITFALLS + COVERAGE, ids=lambda row: row[0])
def test_every_row_is_shown_by_a_test_or_a_lesson_that_exists(row):
    assert shown_by(row[-1]) == len(row[-1].split(","))


@pytest.mark.parametrize("row", BUGS, ids=lambda row: row[0])
def test_every_bug_has_a_test_or_a_reason(row):
    if row[-1].startswith("cannot happen: "):
        assert shown_by(row[-1]) == 0
    else:
        assert shown_by(row[-1]) == len(row[-1].split(","))


def test_the_bugs_are_eighty_and_in_order():
    assert [row[0] for row in BUGS] == [str(n) for n in range(1, 81)]


@pytest.mark.parametrize("row", PROMISES, ids=lambda row: row[0])
def test_every_promise_is_listed_with_its_state_and_its_tests(row):
    _, _, state, figure, tests = row
    assert state in ("met", "partly", "not met", "not applicable")
    assert figure or state == "met"  # what is not met says how far it is
    assert shown_by(tests) == len(tests.split(","))


def test_the_promises_are_whole_and_in_order():
    assert [row[0] for row in PROMISES] == [f"R{n}" for n in range(1, 65)]


@pytest.mark.parametrize("row", BROKEN, ids=lambda row: f"{row[0]} {row[1]}")
def test_what_broke_a_promise_was_caught_by_a_test_that_exists(row):
    assert shown_by(row[2]) > 0


def test_the_breakages_of_the_page_are_those_of_the_script():
    script = (TESTS / "tools" / "breakages.py").read_text()
    listed = re.findall(r'Breakage\(\s+"(R\d+)",\s+"(.+?)",\n', script)
    assert [(row[0], row[1]) for row in BROKEN] == listed
    assert {row[0] for row in BROKEN} <= {row[0] for row in PROMISES if row[2] != "not met"}


@pytest.mark.parametrize("row", COVERAGE, ids=lambda row: row[0])
def test_what_answers_a_statement_is_in_the_library(row):
    owners = {"opt": Optimizer, "schedule": lrc.Schedule, "controller": lrc.Controller}
    owners |= {"tune": lrc.tune}
    named = re.findall(r"`(?:(opt|schedule|controller|tune)\.)?(\w+)", row[2])
    assert named
    for owner, name in named:
        assert hasattr(owners.get(owner, lrc), name)


def test_statements_are_in_order():
    numbers = [int(row[0].removeprefix("S")) for row in COVERAGE]
    assert numbers == list(range(1, 51))


@pytest.mark.parametrize("page", ["guide/schedules.md", "guide/state.md", "guide/stopping.md"])
def test_the_examples_of_a_page_run(page):
    flags = doctest.NORMALIZE_WHITESPACE
    failed, tried = doctest.testfile(str(DOCS / page), module_relative=False, optionflags=flags)
    assert (failed, tried > 3) == (0, True)
