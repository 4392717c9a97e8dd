"""The ways in which the library is broken on purpose still find their places."""

import pytest
from breakages import BREAKAGES
from places import ROOT

CHANGES = [change for breakage in BREAKAGES for change in breakage.changes]


@pytest.mark.parametrize(("file", "old", "new"), CHANGES)
def test_what_is_to_be_broken_is_there_once(file: str, old: str, new: str) -> None:
    assert (ROOT / file).read_text().count(old) == 1
    assert old != new
