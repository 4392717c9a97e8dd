"""Breaks the library once for each of many promises, and shows which tests notice.

Every breakage is a change of a few words in a copy of the tree, built and tested there. A promise
whose breakage no test catches is not kept by anything; the exit code says so. Needs cython, ninja
and scikit-build-core beside what the tests need.

    OPENBLAS_NUM_THREADS=1 python tests/tools/breakages.py            all, in about seven minutes
    OPENBLAS_NUM_THREADS=1 python tests/tools/breakages.py R22 R47    some
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PATIENCE = 240  # seconds; a step that hangs is caught too
SHOWN = 3  # names of tests


class Breakage(NamedTuple):
    """`changes` are (file, old, new), and old occurs once; `tests` are arguments of pytest."""

    promise: str
    what: str
    changes: tuple[tuple[str, str, str], ...]
    tests: tuple[str, ...]


BREAKAGES = (
    Breakage(
        "R1",
        "partial sums are added in another order on several threads",
        (
            (
                "src/step/reduce.c",
                "sum += job->partial[chunk];",
                "sum += job->partial[job->threads > 1 ? job->n_chunks - 1 - chunk : chunk];",
            ),
        ),
        ("test_threads.py",),
    ),
    Breakage(
        "R2",
        "a multiplication and an addition are fused",
        (
            ("CMakeLists.txt", "-ffp-contract=off", "-ffp-contract=fast"),
            ("CMakeLists.txt", "-march=x86-64 -mavx2)", "-march=x86-64 -mavx2 -mfma)"),
        ),
        ("test_core.py", "test_hashes.py", "test_package.py"),
    ),
    Breakage(
        "R3",
        "the elements before the first cache line are left out",
        (("src/step/step.c", "        loop(tensor->folded, at, head);\n", ""),),
        ("test_core.py",),
    ),
    Breakage(
        "R5",
        "a gradient is read in the order of its own axes, not in that of its parameter's",
        (
            (
                "src/python/job.pxi",
                "_describe(&leaf.gradient, array, leaf.axes, dtype)",
                "_describe(&leaf.gradient, array, NULL, dtype)",
            ),
        ),
        ("test_core.py",),
    ),
    Breakage(
        "R6",
        "a rounding of one coefficient changes",
        (
            (
                "src/rules/adam.h",
                "c->rate = (real)(h->lr * sqrt(c2) / c1);",
                "c->rate = (real)(h->lr / c1 * sqrt(c2));",
            ),
        ),
        ("test_hashes.py", "test_core.py"),
    ),
    Breakage(
        "R7",
        "loading the library flushes denormal numbers",
        (
            (
                "CMakeLists.txt",
                "set(core_c",
                "add_link_options(-ffast-math)\nset(core_c",
            ),
        ),
        ("test_special_values.py", "test_package.py"),
    ),
    Breakage(
        "R8",
        "denormal state is stored",
        (("src/rules/rounding.h", "#define settle(x) NAME(settled)(x)", "#define settle(x) (x)"),),
        ("test_core.py", "test_special_values.py"),
    ),
    Breakage(
        "R13",
        "the running product of the first beta is kept in float32",
        (
            (
                "src/rules/adam.h",
                "k->product1 *= (double)c->beta1;\n    k->product2 *= (double)c->beta2;\n    const",
                "k->product1 = (double)((float)k->product1 * (float)c->beta1);\n"
                "    k->product2 *= (double)c->beta2;\n    const",
            ),
        ),
        ("test_accuracy.py", "test_optimizers.py"),
    ),
    Breakage(
        "R14",
        "a cosine is one update early",
        (
            (
                "lrcore/schedules/ramps.py",
                "half_cosine(m.max(self.steps - t, 0.0)",
                "half_cosine(m.max(self.steps - t - 1.0, 0.0)",
            ),
        ),
        ("test_ramps.py", "test_schedules.py", "test_accuracy.py"),
    ),
    Breakage(
        "R17",
        "the largest second moment becomes NaN instead of passing it over",
        (
            (
                "src/rules/adam.h",
                "v[i] > v_max[i] ? v[i] : v_max[i];",
                "v[i] <= v_max[i] ? v_max[i] : v[i];",
            ),
        ),
        ("test_special_values.py",),
    ),
    Breakage(
        "R18",
        "an update that is left out counts",
        (
            (
                "src/python/stepper.pxi",
                "        self.skipped += 1\n",
                "        self.skipped += 1\n        self.t += 1\n",
            ),
        ),
        ("test_base.py",),
    ),
    Breakage(
        "R20",
        "decoupled decay is not multiplied by the rate",
        (
            (
                "src/rules/adam.h",
                "sqrt(c2) / c1);\n    c->decay = (real)(h->lr * h->weight_decay)",
                "sqrt(c2) / c1);\n    c->decay = (real)h->weight_decay",
            ),
        ),
        ("test_identities.py", "test_optimizers.py"),
    ),
    Breakage(
        "R21",
        "a parameter that has become read-only is written to",
        (("src/python/job.pxi", "if not cnp.PyArray_ISWRITEABLE(parameter):", "if False:"),),
        ("test_parameters.py", "test_hostile.py"),
    ),
    Breakage(
        "R22",
        "the last element of an array is not compared with the next array",
        (("lrcore/arrays/sharing.py", "if other[1] > span[0]]", "if other[1] > span[0] + 8]"),),
        ("test_overlap.py", "test_parameters.py"),
    ),
    Breakage(
        "R22",
        "gradients that overlap parameters are read while these are written",
        (
            (
                "src/python/job.pxi",
                "return low == self.n_extents or self.extents[low].low >= extent.high",
                "return True",
            ),
        ),
        ("test_overlap.py", "test_core.py"),
    ),
    Breakage(
        "R27",
        "a beta of 1 is accepted",
        (
            (
                "lrcore/checks/arguments.py",
                'Decay = Annotated[float, Range(float, 0, 1, open="high")]',
                "Decay = Annotated[float, Range(float, 0, 1)]",
            ),
        ),
        ("test_arguments.py",),
    ),
    Breakage(
        "R31",
        "the rate is noted before the gradients have been looked at",
        (
            (
                "src/python/stepper.pxi",
                "        self._resolve(lr)\n",
                "        self._resolve(lr)\n        self.last_lr = self._next_lr\n",
            ),
        ),
        ("test_parameters.py", "test_base.py"),
    ),
    Breakage(
        "R35",
        "the lock of an optimizer is forgotten",
        (
            (
                "src/python/serial.pxi",
                "if not PyThread_acquire_lock(self._lock, NOWAIT_LOCK):",
                "if False:",
            ),
            ("src/python/serial.pxi", "        PyThread_release_lock(self._lock)\n", ""),
        ),
        ("test_base.py",),
    ),
    Breakage(
        "R38",
        "a forked child counts on the workers of its parent",
        (
            (
                "src/machine/pool.c",
                "    atomic_store(&pool.workers, 0);\n    atomic_store(&pool.busy, false);\n",
                "",
            ),
        ),
        ("test_threads.py",),
    ),
    Breakage(
        "R41",
        "controllers are left out of the saved state",
        (
            (
                "lrcore/optimizers/saved_controllers.py",
                "settings_of(c), c.state_dict())",
                "settings_of(c), type(c)().state_dict())",
            ),
        ),
        ("test_controllers.py", "test_checkpoint.py"),
    ),
    Breakage(
        "R43",
        "moments of another dtype are cast when they are loaded",
        (
            (
                "lrcore/optimizers/fitting.py",
                "if not isinstance(given, np.ndarray) or given.dtype != array.dtype:",
                "if not isinstance(given, np.ndarray):",
            ),
        ),
        ("test_checkpoint.py",),
    ),
    Breakage(
        "R45",
        "the checksum of a file is not looked at",
        (
            (
                "lrcore/files/npz.py",
                "if _digest(file, size - _DIGITS) != comment[-_DIGITS:]:",
                "if False:",
            ),
        ),
        ("test_files.py",),
    ),
    Breakage(
        "R47",
        "a file is written in the place of the old one at once",
        (
            (
                "lrcore/files/formats.py",
                "text, arrays = encode(tree)\n    with _replacing(place) as file:",
                'with open(place, "w+b") as file:\n        text, arrays = encode(tree)',
            ),
        ),
        ("test_files.py",),
    ),
    Breakage(
        "R54",
        "patience waits for one evaluation more",
        (
            (
                "lrcore/controllers/plateau.py",
                "if state.bad < self.patience:",
                "if state.bad <= self.patience:",
            ),
        ),
        ("test_controllers_plateau.py", "test_controllers_docs.py"),
    ),
    Breakage(
        "R55",
        "a controller lowers the rate below its floor",
        (("src/python/rates.pxi", "return max(lr * scale, min(lr, floor))", "return lr * scale"),),
        ("test_controllers.py", "test_controllers_plateau.py"),
    ),
)


class Copy:
    """A copy of the tree with an environment of its own, which sees the packages of this one."""

    def __init__(self, place: Path) -> None:
        self.tree = place / "tree"
        shutil.copytree(ROOT, self.tree, ignore=shutil.ignore_patterns(".*", "build", "*.so"))
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / "venv"], check=True)
        self.python = place / "venv" / "bin" / "python"
        here = sysconfig.get_path("purelib")
        (packages,) = (place / "venv" / "lib").glob("python*/site-packages")
        # as a line of a .pth file, so that an editable install in there is not followed
        (packages / "packages.pth").write_text(here + "\n")
        self.build()

    def build(self) -> None:
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "-q"]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(
            [*pip, "--no-deps", "--no-build-isolation", "-e", str(self.tree)],
            env=os.environ | {"PATH": path},
            check=True,
        )

    def change(self, changes: tuple[tuple[str, str, str], ...]) -> None:
        for name, old, new in changes:
            file = self.tree / name
            text = file.read_text()
            if text.count(old) != 1:
                raise SystemExit(f"{name} has {text.count(old)} times {old!r}")
            file.write_text(text.replace(old, new))

    def restore(self, changes: tuple[tuple[str, str, str], ...]) -> None:
        for name, _, _ in changes:
            shutil.copyfile(ROOT / name, self.tree / name)

    def place(self, test: str) -> str:
        """The argument of pytest for a file, or `file::test`, in whichever folder it is."""
        file, *names = test.split("::")
        (path,) = (self.tree / "tests").rglob(file)
        return "::".join([str(path), *names])

    def failures(self, tests: tuple[str, ...]) -> tuple[set[str], str]:
        """The names of the tests that failed, and how pytest put it."""
        command = [str(self.python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no"]
        with subprocess.Popen(
            [*command, *map(self.place, tests)],
            cwd=self.tree,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as run:
            try:
                output, _ = run.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(run.pid, signal.SIGKILL)
                return {", ".join(tests)}, f"no end after {PATIENCE} s"
        if run.returncode < 0:
            return {", ".join(tests)}, f"ended by {signal.Signals(-run.returncode).name}"
        lines = output.strip().splitlines()
        found = re.findall(r"^(?:FAILED|ERROR) (?:\S*/)?(\w+\.py::\w+|\w+\.py)", output, re.M)
        return set(found), lines[-1] if lines else "nothing"


def main() -> int:
    wanted = [b for b in BREAKAGES if b.promise in sys.argv[1:] or not sys.argv[1:]]
    missed = 0
    print("| promise | what is broken | caught by | tests that failed |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        copy = Copy(Path(place))
        stale = False
        for breakage in wanted:
            compiled = any(not name.endswith(".py") for name, _, _ in breakage.changes)
            copy.change(breakage.changes)
            if compiled or stale:
                copy.build()
            stale = compiled
            found, summary = copy.failures(breakage.tests)
            copy.restore(breakage.changes)
            missed += not found
            names = ", ".join(f"`{name}`" for name in sorted(found)[:SHOWN]) or "nothing"
            names += f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            counts = re.match(r"(\d+) failed", summary)
            count = counts[1] if counts else summary
            print(f"| {breakage.promise} | {breakage.what} | {names} | {count} |", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
