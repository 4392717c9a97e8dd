"""Whether the tests notice small mistakes in the C core: a share of mutants that they kill.

Every mutant (see mutations.py) is compiled alone, -O1 for speed since the bits do not depend on it,
for one instruction set, and given to the tests, those of its file first. It is killed if a test
fails, the process crashes or runs for ever. Mutants that do not compile, or
that compile to the same code, are not counted; nor are those of equivalents.txt, each with the
reason why no test could notice it. Exit code 1 if the share is below the floor.

Needs cmake, ninja, cython and the packages of the tests; builds into a directory of its own.

Usage: nice python tests/tools/mutants.py [--files step/step.c] [--sample 100] [--isa avx512]
"""

from __future__ import annotations

import argparse
import inspect
import itertools
import json
import multiprocessing
import os
import random
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # a fork keeps no threads
import numpy as np
import pytest
from building import build, run
from mutations import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
EQUIVALENTS = Path(__file__).with_name("equivalents.txt")
FLOOR = 0.95
WALL = 300  # seconds: only what waits for ever takes as long
CPU = 3  # seconds of processor time for one test: only what loops for ever takes as long

# The tests that look at a file most closely; the others come after them.
FIRST = {
    "rules/descent.h": ["core", "cuts"],
    "rules/adagrad.h": ["core", "cuts"],
    "rules/adam.h": ["core", "cuts"],
    "rules/spread.h": ["core", "cuts"],
    "rules/sign.h": ["core", "cuts"],
    "rules/leader.h": ["core", "cuts"],
    "rules/rounding.h": ["cuts", "core"],
    "kernels/blocks.h": ["gradients", "core"],
    "kernels/observe.h": ["monitor"],
    "kernels/kernels.c": ["cuts", "core", "gradients"],
    "step/reduce.c": ["gradients", "clip_each", "cuts", "core"],
    "step/gather.c": ["gathering"],
    "step/step.c": ["core", "cuts", "monitor"],
    "step/job.h": ["cuts", "core"],
    "tensors/view.c": ["cuts", "core"],
    "tensors/view.h": ["core"],
}
TESTS = ("core", "gradients", "monitor", "hostile", "cuts", "identities", "effective")


@dataclass(frozen=True)
class Unit:
    """An object file of the build and what it is made of."""

    isa: str  # empty if it serves all
    command: tuple[str, ...]
    object: Path
    needs: frozenset[str]


@dataclass(frozen=True)
class Build:
    """A build without mutants, to take the other objects from."""

    folder: Path
    units: tuple[Unit, ...]

    @classmethod
    def make(cls, folder: Path) -> Build:
        """Builds src/ in folder."""
        options = ("-DCMAKE_BUILD_TYPE=", "-DCMAKE_C_FLAGS=-O1 -w")
        build(ROOT, folder, *options, "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
        units = []
        for entry in json.loads((folder / "compile_commands.json").read_text()):
            command = shlex.split(entry["command"])
            listed = [*command[: command.index("-o")], "-MM", "-MF", "-", entry["file"]]
            rule = subprocess.run(listed, cwd=folder, check=True, capture_output=True, text=True)
            needs = {os.path.relpath(w, SOURCE) for w in rule.stdout.split() if str(SOURCE) in w}
            output = folder / command[command.index("-o") + 1]
            isa = re.search(r"kernels_(\w+)\.dir", str(output))
            units.append(Unit(isa[1] if isa else "", tuple(command), output, frozenset(needs)))
        return cls(folder, tuple(units))


class Bench:
    """A copy of src/, and a package whose compiled part is made from it."""

    def __init__(self, build: Build, isa: str) -> None:
        self.build, self.isa = build, isa
        self.folder = Path(tempfile.mkdtemp(dir=build.folder))
        self.source = self.folder / "src"
        self.package = self.folder / "package"
        shutil.copytree(SOURCE, self.source)
        (self.package / "lrcore").mkdir(parents=True)
        for module in (ROOT / "lrcore").glob("*.py"):
            (self.package / "lrcore" / module.name).symlink_to(module)
        self.link({})

    def link(self, replaced: dict[Path, Path]) -> None:
        """Makes the compiled part, with some objects in the place of others."""
        objects = [str(replaced.get(unit.object, unit.object)) for unit in self.build.units]
        library = self.package / "lrcore" / "_core.so"
        library.unlink(missing_ok=True)
        run(["cc", "-shared", "-pthread", "-o", str(library), *objects, "-lm"])

    def compile(self, unit: Unit, name: str) -> Path | None:
        """The object of a unit, made from the copy; None if it does not compile."""
        made = self.folder / f"{name}.o"
        command = [word.replace(f"{SOURCE}/", f"{self.source}/") for word in unit.command]
        command[command.index("-o") + 1] = str(made)
        done = subprocess.run(command, cwd=self.build.folder, capture_output=True, check=False)
        return None if done.returncode else made

    def judge(self, mutant: Mutant) -> str:
        """What becomes of a mutant: stillborn, same, killed or survived."""
        path = self.source / mutant.file
        original = path.read_text()
        path.write_text(mutant.applied(original))
        try:
            units = [
                u for u in self.build.units if mutant.file in u.needs and self.isa.startswith(u.isa)
            ]
            replaced: dict[Path, Path] = {}
            for i, unit in enumerate(units):
                made = self.compile(unit, str(i))
                if made is None:
                    return "stillborn"
                if made.read_bytes() != unit.object.read_bytes():
                    replaced[unit.object] = made
        finally:
            path.write_text(original)
        if not replaced:
            return "same"
        self.link(replaced)
        return "survived" if self.passes(mutant.file) else "killed"

    def passes(self, file: str) -> bool:
        """Whether all tests pass, those of a file first."""
        tests = list(dict.fromkeys([*FIRST[file], *TESTS]))
        process = multiprocessing.get_context("fork").Process(
            target=run_tests, args=(self.package, self.isa, tests)
        )
        process.start()
        process.join(WALL)
        if process.is_alive():
            os.killpg(int(process.pid or 0), signal.SIGKILL)
            process.join()
        return process.exitcode == 0


def run_tests(package: Path, isa: str, tests: Iterable[str]) -> None:
    """In a child process: the tests against the package of a bench. Without pytest around them,
    which would take longer to collect them than most mutants live."""
    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    # an editable installation would come first
    sys.meta_path = [finder for finder in sys.meta_path if "Redirect" not in type(finder).__name__]
    folders = [ROOT / "tests" / room for room in ("support", "core", "optimizers")]
    sys.path[:0] = map(str, [package, *folders])
    os.environ.update(LRCORE_ISA=isa, PYTHONPATH=str(package))
    warnings.simplefilter("error")
    try:
        for name in tests:
            for value in vars(import_module(f"test_{name}")).values():
                if inspect.isfunction(value) and value.__name__.startswith("test_"):
                    run_cases(value)
    except BaseException:
        os._exit(1)
    os._exit(0)


def run_cases(test: Callable[..., object]) -> None:
    """A test with each combination of its parameters; one that wants a fixture is left out."""
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    names = [re.findall(r"\w+", " ".join(np.atleast_1d(mark.args[0]))) for mark in marks]
    known = [name for group in names for name in group]
    if set(inspect.signature(test).parameters) - set(known):
        return
    for values in itertools.product(*(mark.args[1] for mark in marks)):
        given: dict[str, object] = {}
        for group, value in zip(names, values, strict=True):
            given |= zip(group, value if len(group) > 1 else [value], strict=True)
        signal.setitimer(signal.ITIMER_VIRTUAL, CPU)
        with suppress(pytest.skip.Exception):
            test(**given)


bench: Bench


def open_bench(build: Build, isa: str) -> None:
    """Once in each worker process."""
    global bench
    bench = Bench(build, isa)


def judge(mutant: Mutant) -> str:
    """What becomes of a mutant on the bench of this process."""
    return bench.judge(mutant)


def unchanged_passes(file: str) -> bool:
    """Whether the tests pass without a mutant."""
    return bench.passes(file)


def equivalents() -> set[str]:
    """The mutants that no test can notice: lines `file: label` below a comment with the reason."""
    lines = EQUIVALENTS.read_text().splitlines() if EQUIVALENTS.exists() else []
    return {line for line in lines if line and not line.startswith("#")}


def chosen(options: argparse.Namespace) -> list[Mutant]:
    """The mutants of the files asked for, without the equivalent ones; or a sample of them."""
    known = equivalents()
    found = [m for file in options.files for m in mutants(file, (SOURCE / file).read_text())]
    labels = {f"{m.file}: {m.label}" for m in found}
    for line in sorted(known - labels):
        if line.split(":")[0] in options.files:
            print(f"no such mutant any more: {line}")
    found = [m for m in found if f"{m.file}: {m.label}" not in known]
    if options.sample and options.sample < len(found):
        found = random.Random(options.seed).sample(found, options.sample)
    return found


def report(verdicts: Counter[tuple[str, str]], files: list[str]) -> float:
    """Prints a row for each file; returns the share of all that was killed."""
    print(f"\n{'':20}{'killed':>8}{'survived':>10}{'share':>8}{'same code':>11}{'no C':>6}")
    total: Counter[str] = Counter()
    for name in [*files, "all"]:
        found = {v: n for (file, v), n in verdicts.items() if file == name} if name != "all" else {}
        row = Counter(found) if name != "all" else total
        total.update(found)
        tried = row["killed"] + row["survived"]
        share = f"{row['killed'] / tried:.1%}" if tried else "-"
        print(
            f"{name:20}{row['killed']:8}{row['survived']:10}{share:>8}"
            f"{row['same']:11}{row['stillborn']:6}"
        )
    return total["killed"] / max(total["killed"] + total["survived"], 1)


def main() -> int:
    """Judge the mutants; print the survivors and the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", nargs="+", default=list(FIRST), choices=list(FIRST))
    parser.add_argument("--sample", type=int, default=0, help="this many, chosen at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--isa", default="baseline", help="the instruction set to be tested")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    found = chosen(options)
    verdicts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        build = Build.make(Path(folder))
        with ProcessPoolExecutor(
            options.jobs, multiprocessing.get_context("fork"), open_bench, (build, options.isa)
        ) as workers:
            if not workers.submit(unchanged_passes, "step/step.c").result():
                sys.exit("the tests fail without a mutant")
            for mutant, verdict in zip(found, workers.map(judge, found), strict=True):
                verdicts[mutant.file, verdict] += 1
                print(f"{verdicts.total()} of {len(found)}", end="\r", file=sys.stderr)
                if verdict == "survived":
                    print(f"{mutant.file}:{mutant.line}: {mutant.label}", flush=True)
    share = report(verdicts, options.files)
    return 0 if share >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
