"""Adds what CONTRIBUTING.md says how to add to a copy of the project, and runs the tests there.

    python tests/tools/grow.py

Each file of tests/tools/growth is one addition: the rows of the table "to add | touch" that it
proves, the names that tests must have among their cases, and the text for each place. The places
must be those that the rows name, no more and no fewer; nothing else may have changed in the copy;
and the tests that take their cases from the library's lists must pass, with the new names in every
file whose cases bear such names. The counts of instructions are left out, which only valgrind can
tell. Needs cmake, ninja, cython and a C compiler beside what the tests need.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from building import PASS_OVER, build

ROOT: Final = Path(__file__).resolve().parents[2]
GROWTH: Final = Path(__file__).with_name("growth")
# Walk the library's own lists, and say so in the names of their cases.
RULES: Final = (
    "tests/core/test_accuracy.py",
    "tests/core/test_core.py",
    "tests/core/test_cuts.py",
    "tests/core/test_effective.py",
    "tests/core/test_hashes.py",
    "tests/core/test_identities.py",
    "tests/core/test_scalars.py",
    "tests/core/test_special_values.py",
    "tests/checks/test_arguments.py",
    "tests/checks/test_hints.py",
    "tests/optimizers/test_ages.py",
    "tests/optimizers/test_checkpoint.py",
    "tests/optimizers/test_freezing.py",
    "tests/optimizers/test_plain.py",
)
SCHEDULES: Final = (
    "tests/checks/test_hints.py",
    "tests/programs/test_resume.py",
    "tests/schedules/test_algebra.py",
    "tests/schedules/test_expressions.py",
    "tests/schedules/test_records.py",
    "tests/schedules/test_schedules.py",
)
# Walk them within a test, or hold the places against one another.
OTHERS: Final = (
    "tests/core/test_kernels.py",
    "tests/project/test_catalogues.py",
    "tests/project/test_readme.py",
    "tests/project/test_rooms.py",
    "tests/project/test_src_rooms.py",
    "tests/schedules",
)
FORMATS: Final = ("tests/core/test_formats.py",)
WALKED: Final = {
    "an optimizer": RULES,
    "a schedule": SCHEDULES,
    "a format that arrays may be stored in": FORMATS,
}
MARK: Final = "=== "


class Insert(NamedTuple):
    """Text for a place: at its end, or beside the one line that starts with `anchor`."""

    place: str
    where: str  # after, before; by: what the script `anchor` writes; empty: at the end
    anchor: str
    text: str


@dataclass(frozen=True)
class Growth:
    """An addition as a file of tests/tools/growth describes it."""

    name: str
    rows: tuple[str, ...]
    parts: Mapping[str, str]  # of a place that stand for one of many files: <family>
    cases: tuple[str, ...]
    inserts: tuple[Insert, ...]

    @classmethod
    def read(cls, path: Path) -> Growth:
        """The file: a sentence, lines `key: value`, and for each insert its mark and its text."""
        head, *sections = re.split(rf"^{MARK}", path.read_text(), flags=re.MULTILINE)
        given = dict(line.split(": ", 1) for line in head.strip().splitlines()[1:])
        rows, cases = (tuple(given.pop(key).split(", ")) for key in ("rows", "cases"))
        return cls(path.stem, rows, given, cases, tuple(map(_insert, sections)))

    @property
    def places(self) -> set[str]:
        """What it touches, as the table would say it."""
        return {insert.place for insert in self.inserts}

    def file(self, place: str) -> str:
        """The file that a place is in this addition."""
        return re.sub(r"<(\w+)>", lambda found: self.parts[found[1]], place)


def _insert(section: str) -> Insert:
    mark, _, text = section.partition("\n")
    place, *beside = re.split(r" (after|before|by) ", mark, maxsplit=1)
    where, anchor = beside or ("", "")
    return Insert(place, where, anchor, text)


def growths() -> list[Growth]:
    """All additions, in the order of their names."""
    return [Growth.read(path) for path in sorted(GROWTH.glob("*.txt"))]


def can_be_built(growth: Growth) -> bool:
    """Whether the compiler knows the type that an addition needs, if it needs one."""
    kind = growth.parts.get("needs", "int")
    command = [os.environ.get("CC", "cc"), "-xc", "-fsyntax-only", "-"]
    known = subprocess.run(command, input=f"{kind} x;", text=True, capture_output=True)
    if known.returncode:
        print(f"{growth.name}: left out, since this compiler knows no {kind}")
    return not known.returncode


def table(page: str) -> dict[str, set[str]]:
    """The files that each row of the table "to add | touch" names."""
    rows = page.split("| to add | touch |\n|---|---|\n")[1].split("\n\n")[0]
    named = {}
    for row in rows.splitlines():
        kind, touch = row.strip("| ").split(" | ", 1)
        quoted = re.findall(r"`([^`]+)`", touch)
        named[kind] = {name for name in quoted if re.fullmatch(r"[\w<>/]+\.\w+", name)}
    return named


def misplaced(named: Mapping[str, set[str]], rows: Sequence[str], touched: set[str]) -> list[str]:
    """What is touched though no row names it, and what is named and not touched."""
    wanted = set[str]().union(*(named[row] for row in rows))
    found = [f"{place} is touched, and no row names it" for place in sorted(touched - wanted)]
    return found + [f"{place} is named and not touched" for place in sorted(wanted - touched)]


def inserted(text: str, insert: Insert) -> str:
    """The text of a file with an insert in its place."""
    if not insert.where:
        return text + "\n" * 2 * bool(text) + insert.text
    lines = text.splitlines(keepends=True)
    at = [i for i, line in enumerate(lines) if line.startswith(insert.anchor)]
    if len(at) != 1:
        raise ValueError(f"{insert.place}: {len(at)} lines start with {insert.anchor!r}, not one")
    i = at[0] + (insert.where == "after")
    return "".join([*lines[:i], insert.text, *lines[i:]])


def grown(added: Sequence[Growth], root: Path) -> dict[str, str]:
    """The new text of each file of root that additions, one after the other, write in."""
    found: dict[str, str] = {}
    for growth in added:
        for insert in growth.inserts:
            if insert.where == "by":
                continue
            file = growth.file(insert.place)
            path = root / file
            text = found.get(file, path.read_text() if path.exists() else "")
            found[file] = inserted(text, insert)
    return found


class Copy:
    """A copy of the project, with a compiled part of its own."""

    def __init__(self, place: Path) -> None:
        self.tree, self.made = place / "tree", place / "build"
        listed = ["git", "-C", str(ROOT), "ls-files", "-coz", "--exclude-standard"]
        done = subprocess.run(listed, check=True, capture_output=True, text=True)
        self.files = {name for name in done.stdout.split("\0") if (ROOT / name).is_file()}
        for name in self.files:
            (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.tree / name)
        (place / "sitecustomize.py").write_text(f"import sys\n{PASS_OVER}\n")
        path = [self.tree, place, self.tree / "tests" / "support"]
        self.environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def add(self, added: Sequence[Growth]) -> None:
        """Writes in their places and makes the compiled part; a warning ends it."""
        for file, text in grown(added, self.tree).items():
            (self.tree / file).write_text(text)
        options = ("-DCMAKE_BUILD_TYPE=", "-DCMAKE_C_FLAGS=-O1", "-DLRCORE_WERROR=ON")
        shutil.copy(build(self.tree, self.made, *options), self.tree / "lrcore")

    def run(self, *command: str) -> tuple[int, str]:
        """Python with a command, in the copy."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.tree,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout

    def record(self, added: Sequence[Growth]) -> Iterator[str]:
        """Has scripts write files anew; what they say of a failure, and lines that are lost."""
        written = {(x.anchor, x.place) for each in added for x in each.inserts if x.where == "by"}
        for script, file in sorted(written):
            status, output = self.run(script)
            if status:
                yield output
            old, new = (_entries(root / file) for root in (ROOT, self.tree))
            yield from (f"{file} has lost {line}" for line in sorted(old - new))

    def changed(self) -> set[str]:
        """The files that differ from those of the project."""
        ignored = {"__pycache__", ".hypothesis", ".pytest_cache"}
        now = {
            str(path.relative_to(self.tree))
            for path in self.tree.rglob("*")
            if path.is_file() and path.suffix != ".so" and not ignored & {*path.parts}
        }
        both = now & self.files
        same = {x for x in both if filecmp.cmp(self.tree / x, ROOT / x, shallow=False)}
        return (now | self.files) - same


def _entries(path: Path) -> set[str]:
    return {line.rstrip(",") for line in path.read_text().splitlines()}


def cases_of(growth: Growth, passed: Sequence[str]) -> list[str]:
    """The tests among those that passed that name what an addition has brought."""
    return [test for test in passed if set(growth.cases) & set(re.findall(r"\w+", test))]


def absent(growth: Growth, passed: Sequence[str]) -> list[str]:
    """The files of tests that walk a list that the addition is on, and that have no case of it."""
    walked = [file for row in growth.rows for file in WALKED.get(row, ())]
    found = {test.split("::")[0] for test in cases_of(growth, passed)}
    return [f"{growth.name}: no case of it in {file}" for file in walked if file not in found]


def tested(copy: Copy, added: Sequence[Growth]) -> list[str]:
    """Runs the tests in the copy; what is wrong with the additions."""
    passed: list[str] = []
    new = " or ".join(case for growth in added for case in growth.cases)
    walking = dict.fromkeys([*RULES, *SCHEDULES, *FORMATS])
    for tests in (["-k", new, *walking], OTHERS):
        status, output = copy.run("-m", "pytest", "-q", "-n", "2", "-rpfE", "--tb=short", *tests)
        print(output.splitlines()[-1])
        if status:
            return [re.sub(r"^(PASSED .*|[.s]+ +\[.*)\n", "", output, flags=re.MULTILINE)]
        passed += re.findall(r"^PASSED (.*)$", output, re.MULTILINE)
    for growth in added:
        cases = cases_of(growth, passed)
        print(f"{growth.name}: {len(cases)} cases of {len({c.split('[')[0] for c in cases})} tests")
    return [problem for growth in added for problem in absent(growth, passed)]


def main() -> int:
    """Adds everything, builds, records and tests it."""
    added = [*filter(can_be_built, growths())]
    named = table((ROOT / "CONTRIBUTING.md").read_text())
    problems = [
        f"{each.name}: {problem}"
        for each in added
        for problem in misplaced(named, each.rows, each.places)
    ]
    with tempfile.TemporaryDirectory() as place:
        copy = Copy(Path(place))
        copy.add(added)
        problems += copy.record(added)
        problems += tested(copy, added)
        touched = {each.file(place) for each in added for place in each.places}
        problems += [
            f"{file}: changed and no place, or a place and the same"
            for file in copy.changed() ^ touched
        ]
    print("\n".join(problems) or "the table of CONTRIBUTING.md is true")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
