"""What is added to a copy of the project goes by the table of CONTRIBUTING.md, or is refused."""

from pathlib import Path

import grow
import pytest
from grow import Copy, Growth, Insert, absent, grown, growths, inserted, misplaced, table
from places import ROOT

NAMED = table((ROOT / "CONTRIBUTING.md").read_text())
ADDED = growths()
each_growth = pytest.mark.parametrize("growth", ADDED, ids=lambda growth: growth.name)


@each_growth
def test_an_addition_touches_the_places_of_its_rows_and_no_other(growth: Growth) -> None:
    assert misplaced(NAMED, growth.rows, growth.places) == []


@each_growth
def test_a_place_that_the_rows_do_not_name_is_told(growth: Growth) -> None:
    found = misplaced(NAMED, growth.rows, growth.places | {"lrcore/build.py"})
    assert found == ["lrcore/build.py is touched, and no row names it"]


@each_growth
def test_a_place_of_the_rows_that_is_left_out_is_told(growth: Growth) -> None:
    for place in growth.places:
        found = misplaced(NAMED, growth.rows, growth.places - {place})
        assert found == [f"{place} is named and not touched"]


def test_a_row_names_the_files_in_quotes_and_neither_words_nor_commands() -> None:
    page = "\n| to add | touch |\n|---|---|\n| a | `x/<y>.py`, `RULE`, `x/z`; `python w.py` |\n\n"
    assert table(page) == {"a": {"x/<y>.py"}}


def test_every_addition_finds_its_places_in_the_files_of_today() -> None:
    found = grown(ADDED, ROOT)
    assert found.keys() == {g.file(i.place) for g in ADDED for i in g.inserts if i.where != "by"}


def test_text_goes_after_before_or_behind_what_is_there() -> None:
    made = [inserted("a\nb\n", Insert("file", where, "b", "c\n")) for where in ("after", "before")]
    assert made == ["a\nb\nc\n", "a\nc\nb\n"]
    assert inserted("a\n", Insert("file", "", "", "c\n")) == "a\n\n\nc\n"


@pytest.mark.parametrize(("anchor", "times"), [("x", 0), ("b", 2)])
def test_a_place_that_is_not_there_once_is_refused(anchor: str, times: int) -> None:
    with pytest.raises(ValueError, match=f"file: {times} lines start with '{anchor}', not one"):
        inserted("a\nb\nb\n", Insert("file", "after", anchor, "c\n"))


def test_files_of_tests_without_a_case_of_an_addition_are_told() -> None:
    growth = Growth("new", ("a schedule",), {}, ("Toy",), ())
    first, *others = grow.SCHEDULES
    passed = [f"{first}::test_it[Toy-1]", *(f"{file}::test_it[ToyToy]" for file in others)]
    assert absent(growth, passed) == [f"new: no case of it in {file}" for file in others]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="wants to know what the project holds")
def test_whatever_changes_in_a_copy_is_told(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    assert copy.changed() == set()
    (copy.tree / "README.md").write_text("other")
    (copy.tree / "new.txt").write_text("")
    (copy.tree / "Makefile").unlink()
    assert copy.changed() == {"README.md", "new.txt", "Makefile"}
