"""What the tests execute: lines, branches and functions of C, per instruction set; lines of Cython;
lines and branches of Python.

Builds with LRCORE_COVERAGE=ON in a directory of its own, runs the tests on the widest instruction
set and those of the loops on each other one, and prints a row for each file. With --compiled these
are the tests of the folders that are about the compiled part, and its lines alone are counted, in
a third of the time. LRCORE_EXAMPLES is 20 unless it is given: more examples reach no new lines.

C and Cython are counted by gcov; Cython's lines through its #line directives (of its branches most
are reference counting, so they are not counted), Python by coverage.py. Each dtype's copy of a loop
is a function of its own. Exit code 1 if a test fails or a share is below its floor.

Needs gcc, gcov, cmake, ninja, cython, coverage and the packages of the tests.

Usage: python tests/tools/coverage_report.py [--missing] [--compiled]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from building import PASS_OVER, build

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
PACKAGE = ROOT / "lrcore"
LOOPS = tuple(
    f"{folder}/test_{name}.py"
    for folder, names in {
        "core": "core faded cuts gathering gradients monitor averages trust trust_bits trust_lamb",
        "optimizers": "ftrl schedule_free",
    }.items()
    for name in names.split()
)
# Folders and files that execute no line which the others do not: they look at pages and at the
# installed package, only start or kill processes, or trace by themselves, which ends the count.
NOT_RUN = (
    "project",
    "core/test_guard_pages.py",
    "processes/test_crashes.py",
    "processes/test_interrupts.py",
    "processes/test_leaks.py",
    "processes/test_signals.py",
    "files/test_fuzz_files.py",
)
# Folders whose tests execute every line of the compiled part.
COMPILED = ("core", "optimizers", "controllers", "processes")
# Words in the names of tests that look at an ordinary build, train for long, or judge thousands.
LEFT_OUT = (
    "an_object_shows",
    "reach_97_percent",
    "exactly_if_they_share_a_byte",
    "of_noise_alone",
    "noise_alone_is",
    "few_points_of_noise",
    "in_some_order",
)

# In percent: lines, branches, functions.
FLOORS = {
    "C": (100.0, 100.0, 100.0),
    "Cython": (98.0, None, None),
    "Python": (98.0, 96.0, None),
}
# What cannot be counted: a file, what a line holds (or the first line of a function), and why.
UNCOUNTED = (
    ("isas.c", r"__builtin_cpu_supports", "a machine has an instruction set or has it not"),
    ("pool.c", r"void after_fork_in_child", "the counts of a forked child are lost"),
    ("pool.c", r"CPU_EQUAL|CPU_CLR", "another changes it within a microsecond; a core beyond 1024"),
    ("serial.pxi", r"_generation|_survivor|_outlive_fork|fresh|critical_section", "likewise"),
    ("serial.pxi", r"no lock could be had", "that wants a machine without memory"),
    ("lanes.h", r"k = written|i \+ j < n|rest\[k\]\[j\];", "sums of squares change no array"),
    # tests/tools/grow.py adds one that has
    (
        "stage.c",
        r"size_t place|own->shape|\(char \*\)tensor|place\(own|\|\| parameter",
        "no rule of ours has state of another shape yet",
    ),
    ("measure.c", r"void measure_rows?\(|measure_rows\(|own->columns\)", "likewise"),
    ("step.c", r"void update_rows|has_rows|update_rows\(|own->columns;|return;", "likewise"),
    ("stage.h", r"own->columns|lrc_has_rows", "likewise"),
    ("names.c", r"shapes\[rule\]", "likewise"),
    ("lanes.h", r"\bone\b", "likewise"),
    # a build of its own has one, in test_two_passes.py
    ("measure.c", r"shared\[rule\]|own->kept", "no rule sums over all arrays yet"),
    ("measure.c", r"[>.!]own\)|return;|continue;", "nor does a class have some with sums"),
    (".pyx", r'^ *"""', "not executed"),
    (".pxi", r'^ *"""', "not executed"),
)
# Not counted where the library is missing that they are for.
BORROWED = {"bridges/torch": "torch", "tune/with_optuna.py": "optuna"}

# Runs in every Python process: an editable installation would come first.
SITE = f"""
import sys
{PASS_OVER}
import coverage
coverage.process_startup()
"""
# A plugin of pytest: a worker that is killed because it takes long to end takes its counts along.
PATIENT = """
from xdist.workermanage import NodeManager
NodeManager.EXIT_TIMEOUT = 600
"""


@dataclass
class Row:
    """How often the lines, branches and functions of a file were executed."""

    lines: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    branches: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    functions: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def shares(self) -> list[tuple[int, int]]:
        """Executed and all: lines, branches, functions."""
        return [
            (sum(n > 0 for n in part.values()), len(part))
            for part in (self.lines, self.branches, self.functions)
        ]

    def missing(self) -> Iterator[str]:
        """What was not executed."""
        yield from (f"line {line}" for line, n in sorted(self.lines.items()) if not n)
        for (line, k), n in sorted(self.branches.items()):
            if not n:
                yield f"branch {k} of line {line}"
        yield from (f"function {name}" for name, n in self.functions.items() if not n)


Table = dict[tuple[str, str, str], Row]  # language, file, instruction set


def counted_build(folder: Path) -> Path:
    """Builds with counters; returns the directory to import lrcore from."""
    module = build(ROOT, folder / "build", "-DCMAKE_BUILD_TYPE=", "-DLRCORE_COVERAGE=ON")
    package = folder / "package" / "lrcore"
    package.mkdir(parents=True)
    parts = [path.parent for path in PACKAGE.glob("*/__init__.py")]
    for file in [*PACKAGE.glob("*.py*"), PACKAGE / "py.typed", *parts, module]:
        (package / file.name).symlink_to(file)
    (package.parent / "sitecustomize.py").write_text(SITE)
    (package.parent / "patient.py").write_text(PATIENT)
    return package.parent


def settings(folder: Path) -> str:
    """What coverage.py is told."""
    path = folder / "coveragerc"
    path.write_text(
        f"[run]\nbranch = true\nparallel = true\nsource = {PACKAGE}\ndata_file = {folder}/data\n"
    )
    return str(path)


def run_tests(folder: Path, package: Path, folders: Sequence[str], python: bool) -> bool:
    """Whether the tests pass on the widest instruction set, those of the loops on the others."""
    environment = {"LRCORE_EXAMPLES": "20", **os.environ, "PYTHONPATH": str(package)}
    environment["OPENBLAS_NUM_THREADS"] = "1"
    code = "import lrcore; print(*lrcore.build_info()['isas'])"
    *narrow, widest = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    loops = [str(ROOT / "tests" / name) for name in LOOPS]
    no_python: dict[str, str] = {}
    counting = {"COVERAGE_PROCESS_START": settings(folder)} if python else no_python
    tests = [str(ROOT / "tests" / name) for name in folders]
    tests += [f"--ignore={ROOT / 'tests' / name}" for name in NOT_RUN]
    work = [(widest, ["-n", "2", *tests], counting)]
    work += [(isa, loops, no_python) for isa in narrow]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-r", "f"]
    command += ["-p", "patient"]
    command += ["-c", str(ROOT / "pyproject.toml"), "-k", f"not ({' or '.join(LEFT_OUT)})"]
    running = [
        subprocess.Popen(
            [*command, *files], cwd=folder, env={**environment, **more, "LRCORE_ISA": isa}
        )
        for isa, files, more in work
    ]
    codes = [process.wait() for process in running]
    return not any(codes)


def counted(file: Path) -> set[int]:
    """The lines that can be counted."""
    wanted = [text for name, text, _ in UNCOUNTED if file.name.endswith(name)]
    lines = file.read_text().splitlines()
    return {i for i, line in enumerate(lines, 1) if not any(re.search(w, line) for w in wanted)}


def compiled(folder: Path) -> Table:
    """Rows of C and Cython, from gcov's counts."""
    table: Table = defaultdict(Row)
    for data in (folder / "build").rglob("*.gcda"):
        command = ["gcov", "--json-format", "--stdout", "--branch-probabilities", str(data)]
        text = subprocess.run(command, cwd=folder / "build", check=True, capture_output=True).stdout
        isa = re.search(r"kernels_(\w+)\.dir", str(data))
        for file in json.loads(text)["files"]:
            path = (folder / "build" / file["file"]).resolve()
            if not path.is_file():
                path = ROOT / file["file"]
            if path.is_relative_to(SOURCE):
                cython = path.suffix in (".pyx", ".pxi")
                place = str(path.relative_to(SOURCE))
                key = ("Cython" if cython else "C", place, isa[1] if isa else "")
                add(table[key], file, counted(path), cython)
    return table


def add(row: Row, file: Any, wanted: set[int], cython: bool) -> None:
    """The counts of one object, added to those of others that hold the same file."""
    for function in [] if cython else file["functions"]:
        if function["start_line"] not in wanted:
            wanted = wanted - {*range(function["start_line"], function["end_line"] + 1)}
    for line in file["lines"]:
        number = line["line_number"]
        if number not in wanted:
            continue
        row.lines[number] += line["count"]
        for k, branch in enumerate([] if cython else line["branches"]):
            row.branches[number, k] += branch["count"]
    for function in [] if cython else file["functions"]:
        if function["start_line"] in wanted:
            row.functions[function["name"]] += function["execution_count"]


def interpreted(folder: Path) -> Table:
    """Rows of Python, from coverage.py's counts."""
    rc = f"--rcfile={settings(folder)}"
    out = folder / "python.json"
    for words in (["combine", "-q", rc], ["json", "-q", rc, "-o", str(out)]):
        subprocess.run([sys.executable, "-m", "coverage", *words], check=True, cwd=folder)
    table: Table = {}
    for name, found in json.loads(out.read_text())["files"].items():
        file = os.path.relpath(name, PACKAGE)
        library = next((lib for place, lib in BORROWED.items() if file.startswith(place)), "")
        if library and find_spec(library) is None:
            print(f"{file} is not counted: {library} is not installed")
            continue
        row = Row()
        row.lines |= dict.fromkeys(found["executed_lines"], 1)
        row.lines |= dict.fromkeys(found["missing_lines"], 0)
        row.branches |= {tuple(branch): 1 for branch in found["executed_branches"]}
        row.branches |= {tuple(branch): 0 for branch in found["missing_branches"]}
        table["Python", file, ""] = row
    return table


def percent(part: tuple[int, int]) -> str:
    """A share for the table."""
    return f"{100 * part[0] / part[1]:.1f} ({part[1]})" if part[1] else ""


def report(table: Table, missing: bool) -> list[str]:
    """Prints the table; returns what is below its floor."""
    print(f"\n{'% (of)':34}{'lines':>15}{'branches':>15}{'functions':>15}")
    low = []
    for language, floors in FLOORS.items():
        if not any(key[0] == language for key in table):
            continue  # not counted
        total = [(0, 0)] * 3
        for key in sorted(key for key in table if key[0] == language):
            shares = table[key].shares()
            total = [(a + b, c + d) for (a, c), (b, d) in zip(total, shares, strict=True)]
            if language != "Python" or shares[0][0] < shares[0][1] or shares[1][0] < shares[1][1]:
                print(f"{' '.join(key[1:]):34}" + "".join(f"{percent(s):>15}" for s in shares))
            if missing:
                print(*(f"    {entry}\n" for entry in table[key].missing()), sep="", end="")
        print(f"{'all ' + language:34}" + "".join(f"{percent(s):>15}" for s in total) + "\n")
        for what, part, floor in zip(
            ("lines", "branches", "functions"), total, floors, strict=True
        ):
            if floor is not None and part[0] * 100 < floor * part[1]:
                low.append(f"{what} of {language}: {percent(part)} is below {floor}")
    return low


def main() -> int:
    """Build, run, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--missing", action="store_true", help="list what is not executed")
    parser.add_argument("--compiled", action="store_true", help="count C and Cython alone")
    options = parser.parse_args()
    folders = COMPILED if options.compiled else ("",)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        passed = run_tests(folder, counted_build(folder), folders, not options.compiled)
        table = compiled(folder)
        if not options.compiled:
            table |= interpreted(folder)
        low = report(table, options.missing)
    print(*low, sep="\n", end="\n" if low else "")
    return 0 if passed and not low else 1


if __name__ == "__main__":
    sys.exit(main())
