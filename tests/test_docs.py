"""The pages that have no test file of their own: examples run, and what they name exists."""

import doctest
import re
from pathlib import Path

import pytest

import lrcore as lrc
from lrcore.base import Optimizer

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs"


def rows(page):
    """The cells of the lines of a page's tables, without their headers."""
    lines = [line for line in (DOCS / page).read_text().splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


PITFALLS, COVERAGE = rows("pitfalls.md"), rows("coverage.md")


@pytest.mark.parametrize("row", PITFALLS + COVERAGE, ids=lambda row: row[0])
def test_every_row_is_shown_by_a_test_or_a_lesson_that_exists(row):
    tests = re.findall(r"`(test_\w+\.py)::(test_\w+)`", row[-1])
    lessons = re.findall(r"\]\((lessons/\w+\.py)\)", row[-1])
    assert tests or lessons
    assert len(tests) + len(lessons) == len(row[-1].split(","))
    for file, test in tests:
        assert f"def {test}(" in (TESTS / file).read_text()
    for lesson in lessons:
        assert (DOCS / lesson).exists()


@pytest.mark.parametrize("row", COVERAGE, ids=lambda row: row[0])
def test_what_answers_a_statement_is_in_the_library(row):
    owners = {"opt": Optimizer, "schedule": lrc.Schedule, "controller": lrc.Controller}
    named = re.findall(r"`(?:(opt|schedule|controller)\.)?(\w+)", row[2])
    assert named
    for owner, name in named:
        assert hasattr(owners.get(owner, lrc), name)


def test_all_statements_are_there_in_order():
    assert [row[0] for row in COVERAGE] == [f"S{n}" for n in range(1, 51)]


def test_the_examples_of_schedules_run():
    failed, tried = doctest.testfile(str(DOCS / "schedules.md"), module_relative=False)
    assert (failed, tried > 3) == (0, True)
