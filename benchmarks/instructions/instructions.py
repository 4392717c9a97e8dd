"""Instructions of chosen steps, counted by callgrind: a gate that the weather does not move.

Counts what the compiled core executes for each rule and dtype, and for the way to it, and compares
with instructions.json, which has one table for each compiler and instruction set. Needs valgrind
and an installation with symbols (pip install . -Cinstall.strip=false). Exit code 1 if a count has
grown by more than the tolerance; a compiler without a table is reported, not judged.

Usage: python benchmarks/instructions/instructions.py [--update]
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
from pathlib import Path
from typing import Any

import numpy as np

import lrcore as lrc
from lrcore._core import RULES
from lrcore.optimizers.base import Optimizer
from lrcore.reference import variants

BASELINE = Path(__file__).with_name("instructions.json")
CALLGRIND = ("valgrind", "--tool=callgrind", "--quiet")
TOLERANCE = 0.02
STEPS = 20
SIZE = 4096
SUFFIXES = {np.float32: "f32", np.float64: "f64"}

# What a step costs besides the loops, by the shape of the model.
WAYS = {"one array": [16], "100 arrays": [16] * 100}
IMPORT = "import"  # which is no part of a step


def optimizers() -> list[Optimizer]:
    """One over SIZE elements of both dtypes for each rule."""
    made = []
    for cls, options in variants.by_rule().values():
        make: Any = cls
        made.append(make([np.ones(SIZE, dtype) for dtype in SUFFIXES], **options))
    return made


def work(what: str) -> None:
    """Runs in the child process: the steps to be counted."""
    if what == "rules":
        grads = [np.ones(SIZE, dtype) for dtype in SUFFIXES]
        for opt in optimizers():
            for _ in range(STEPS):
                opt.step(grads)
        return
    if what == IMPORT:
        return
    params = [np.ones(n, np.float32) for n in WAYS[what]]
    grads = [np.ones(n, np.float32) for n in WAYS[what]]
    opt = lrc.SGD(params)
    for _ in range(STEPS * 50):
        opt.step(grads)


def counts(what: str) -> dict[str, int]:
    """Instructions executed in each function of the compiled core itself."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        subprocess.run(
            [*CALLGRIND, f"--callgrind-out-file={out}", sys.executable, __file__, "--work", what],
            check=True,
            env={**os.environ, "PYTHONHASHSEED": "0", "LRCORE_ISA": "avx2"},
            stderr=subprocess.DEVNULL,
        )
        return parsed(out.read_text())


def parsed(text: str) -> dict[str, int]:
    """Own cost by function of lrcore's extension, from callgrind's output."""
    names: dict[str, dict[str, str]] = defaultdict(dict)

    def resolve(kind: str, value: str) -> str:
        match = re.match(r"\((\d+)\)(?: (.*))?", value)
        assert match
        if match[2]:
            names[kind][match[1]] = match[2]
        return names[kind][match[1]]

    found: dict[str, int] = defaultdict(int)
    inside, function, skip = False, "", False
    for line in text.splitlines():
        if line.startswith(("ob=", "cob=")):
            name = resolve("ob", line.split("=", 1)[1])
            inside = "lrcore/_core" in name if line.startswith("ob=") else inside
        elif line.startswith(("fn=", "cfn=")):
            name = resolve("fn", line.split("=", 1)[1])
            function = name if line.startswith("fn=") else function
        elif line.startswith("calls="):
            skip = True  # the next line is the callee's cost
        elif re.match(r"[\d+*-]", line):
            _, *cost = line.split()
            if inside and not skip and cost:
                found[function] += int(cost[0])
            skip = False
    return found


def measure() -> dict[str, float]:
    """Instructions an element for each loop, and a step for each way to it."""
    result: dict[str, float] = {}
    found = counts("rules")
    for rule in RULES:
        for suffix in SUFFIXES.values():
            result[f"{rule} {suffix}, an element"] = found[f"{rule}_{suffix}"] / (STEPS * SIZE)
    imported = sum(counts(IMPORT).values())
    for way in WAYS:
        result[f"{way}, a step"] = (sum(counts(way).values()) - imported) / (STEPS * 50)
    return {name: round(value, 3) for name, value in result.items()}


def judge(now: dict[str, float], kept: dict[str, float]) -> list[str]:
    """What has grown, or has no kept count."""
    grown = []
    for name, value in now.items():
        if name not in kept:
            grown.append(f"{name}: {value} instructions, none kept; run with --update")
        elif value > kept[name] * (1 + TOLERANCE):
            grown.append(f"{name}: {kept[name]} -> {value} instructions")
    return grown


def main() -> int:
    """Measure, and keep or judge the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="keep the counts as the new baseline")
    parser.add_argument("--work", choices=["rules", IMPORT, *WAYS], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work)
        return 0
    kept = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    key = (
        f"{lrc.build_info()['compiler']}, Python {sys.version_info.major}.{sys.version_info.minor}"
    )
    now = measure()
    if not all(now.values()):
        print("symbols of the compiled core are missing: install with -Cinstall.strip=false")
        return 2
    for name, value in now.items():
        print(f"{name:45} {value:10.3f}  kept {kept.get(key, {}).get(name, 'none')}")
    if options.update:
        kept[key] = now
        BASELINE.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
        return 0
    if key not in kept:
        print(f"no counts are kept for {key}: nothing is judged")
        return 0
    grown = judge(now, kept[key])
    print("\n".join(grown) or "no step executes more instructions than it did")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
