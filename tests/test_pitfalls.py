"""docs/pitfalls.md names a test for every row, and each of them exists."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROWS = [
    line.split("|")
    for line in (TESTS.parent / "docs" / "pitfalls.md").read_text().splitlines()
    if line.startswith("|") and "---" not in line
][1:]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1].strip())
def test_every_pitfall_has_a_test_that_exists(row):
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", row[3])
    assert named
    for file, test in named:
        assert f"def {test}(" in (TESTS / file).read_text()
