"""The pages that have no test file of their own: examples run, and the tests they name exist."""

import doctest
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs"
ROWS = [
    line.split("|")
    for line in (DOCS / "pitfalls.md").read_text().splitlines()
    if line.startswith("|") and "---" not in line
][1:]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1].strip())
def test_every_pitfall_has_a_test_that_exists(row):
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", row[3])
    assert named
    for file, test in named:
        assert f"def {test}(" in (TESTS / file).read_text()


def test_the_examples_of_schedules_run():
    failed, tried = doctest.testfile(str(DOCS / "schedules.md"), module_relative=False)
    assert (failed, tried > 3) == (0, True)
