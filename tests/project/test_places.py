"""Where things are: links of the pages lead somewhere, named files exist, names are unique."""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from pathlib import Path

import pytest
from places import DOCS, ROOT, TESTS

PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(TESTS / "data").rglob("*.md")])
# Whatever tells a reader, or a program, to go to a file; not all of it is in an sdist.
TELLING = sorted(
    path
    for pattern in ("*.md", "Makefile", "*.toml", "CMakeLists.txt", ".ci/run", "src/**/*.*")
    for path in ROOT.glob(pattern)
)
TELLING += sorted(
    path
    for folder in ("lrcore", "tests", "benchmarks", "docs", "findings")
    for path in (ROOT / folder).rglob("*.*")
    if path.suffix in (".py", ".pyi", ".md", ".sh", ".txt", ".c")
)
NAMED = re.compile(
    r"(?:(?<=\$tree/)|(?<![\w/.{}-]))"
    r"(?:(?:tests|benchmarks|docs|findings)/[\w./-]*\w|(?:lrcore|src)/[\w/-]+\.(?:pyi?|p[yx][xi]|[ch]|def)\b)"
)


def told(path: Path) -> str:
    return str(path.relative_to(ROOT))


def links(page: Path) -> list[str]:
    """The targets of a page's links and pictures within the repository."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    return [target for target in targets if not re.match(r"\w+:", target)]


def anchors(page: Path) -> set[str]:
    """The names by which the headings of a page are linked."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=told)
def test_every_link_and_picture_of_a_page_leads_somewhere(page: Path) -> None:
    for link in links(page):
        target, _, anchor = link.partition("#")
        place = page.parent / target if target else page
        assert place.exists(), link
        assert not anchor or anchor in anchors(place), link


@pytest.mark.parametrize("path", TELLING, ids=told)
def test_every_file_and_folder_that_is_named_exists(path: Path) -> None:
    missing = [name for name in NAMED.findall(path.read_text()) if not (ROOT / name).exists()]
    assert missing == []


def test_the_index_has_one_line_for_every_page() -> None:
    lines = [line for line in (DOCS / "index.md").read_text().splitlines() if line[:1] == "-"]
    listed = [target for line in lines for target in re.findall(r"\]\((\S+\.md)\)", line)]
    assert len(listed) == len(lines)
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} - {"index.md"}
    assert Counter(listed) == Counter(pages)


def test_every_picture_is_shown_by_a_page() -> None:
    shown = {os.path.normpath(page.parent / link) for page in PAGES for link in links(page)}
    assert {str(path) for path in DOCS.rglob("*.png")} <= shown


def test_the_names_of_files_of_the_tests_are_unique() -> None:
    names = Counter(path.name for path in TESTS.rglob("*.py"))
    assert [name for name, times in names.items() if times > 1] == []


def test_the_tests_import_nothing_from_the_benchmarks() -> None:
    theirs = {path.stem for path in (ROOT / "benchmarks").rglob("*.py")} | {"benchmarks"}
    for path in TESTS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {node.module or ""}
            else:
                continue
            assert not {name.partition(".")[0] for name in names} & theirs, told(path)
