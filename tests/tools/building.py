"""Builds of the compiled part beside the installed one, for tools that change or count it."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

# What must run first in a process that is to find another package than an editable installation.
PASS_OVER = 'sys.meta_path = [f for f in sys.meta_path if "Redirect" not in type(f).__name__]'


def run(command: list[str]) -> None:
    """Runs a command that must succeed, and is heard only if it does not."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")


def build(root: Path, folder: Path, *options: str) -> Path:
    """Builds the compiled part of the project in root, in folder; returns the module."""
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    given = [f"-DPython_EXECUTABLE={sys.executable}", "-DSKBUILD_PROJECT_NAME=lrcore"]
    given += [f"-DSKBUILD_PROJECT_VERSION={version}", *options]
    run(["cmake", "-G", "Ninja", "-S", str(root), "-B", str(folder), *given])
    run(["cmake", "--build", str(folder)])
    (module,) = folder.glob("_core*.so")
    return module
