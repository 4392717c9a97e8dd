"""Valgrind over a part of the tests: memory that was never written, freed, or never asked for.

Errors are told that happen in the compiled part, or in what it calls before Python takes over;
Python and NumPy have some of their own. Memory that is lost counts where the compiled part asked
for it. A build with symbols (-Cinstall.strip=false) tells the lines. Exit code 1 for any error.

Usage: python tests/tools/memcheck.py [PYTEST-ARGUMENT...]    three minutes without arguments
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from lrcore import _core

ROOT = Path(__file__).resolve().parents[2]
# Every rule and dtype, every option that leaves a loop out, observers, and state back and forth.
PART = (
    "core/test_hashes.py",
    "core/test_identities.py",
    "core/test_monitor.py",
    "optimizers/test_checkpoint.py",
)


def run(arguments: list[str], report: Path) -> int:
    """The exit code of pytest under valgrind, which writes XML into `report`."""
    valgrind = ["valgrind", "--xml=yes", f"--xml-file={report}", "--leak-check=full"]
    valgrind += ["--show-leak-kinds=definite"]  # workers live on at the end
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    # Python's own allocator hides what is freed, and valgrind knows no AVX-512
    settings = {"PYTHONMALLOC": "malloc", "OPENBLAS_NUM_THREADS": "1", "LRCORE_NUM_THREADS": "2"}
    return subprocess.run([*valgrind, *pytest], env={**os.environ, **settings}).returncode


def errors(report: Path) -> Iterator[str]:
    """What of the report is about the compiled part."""
    for error in ElementTree.parse(report).iter("error"):
        stack = error.find("stack")
        frames = [] if stack is None else stack.findall("frame")
        ours = []
        for frame in frames:
            name = Path(frame.findtext("obj", "")).name
            if name.startswith(("libpython", "python")):
                break
            ours.append(name == Path(_core.__file__).name)
        if any(ours):
            frame = frames[ours.index(True)]
            what = error.findtext("what") or error.findtext("xwhat/text", "")
            where = [frame.findtext(key, "?") for key in ("fn", "file", "line")]
            yield "{}: {}, {} line {}".format(what, *where)


def main(arguments: list[str]) -> int:
    """Run and report."""
    part = [str(ROOT / "tests" / name) for name in PART]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        code = run(arguments or ["-c", str(ROOT / "pyproject.toml"), *part], report)
        found = Counter(errors(report))
    for text, times in found.items():
        print(f"{times} x {text}")
    print(f"{sum(found.values())} errors in the compiled part")
    return 1 if code or found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
