"""The form of the scripts in findings/, which are run by hand: they need packages and a network."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from places import DOCS, ROOT

HERE = ROOT / "findings"
SCRIPTS = sorted(HERE.glob("*.sh"))
INSTALL = re.compile(r"^\"\$place/venv/bin/pip\" install (.+)$", re.MULTILINE)


def each_script() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)


def program(script: Path) -> str:
    """The Python of a script."""
    return script.read_text().split("<<'PROGRAM'\n")[1].removesuffix("PROGRAM\n")


def listed() -> list[tuple[str, str]]:
    """Name and libraries of each row of the page."""
    text = (DOCS / "promises" / "findings.md").read_text()
    return re.findall(
        r"^\| \[(\w+\.sh)\]\(\.\./\.\./findings/\1\) \| ([^|]+) \| [^|]+ \|$", text, re.MULTILINE
    )


def test_the_page_lists_every_script_and_no_other() -> None:
    assert [name for name, _ in listed()] == [script.name for script in SCRIPTS]
    assert SCRIPTS


@each_script()
def test_the_versions_of_the_page_are_those_installed(script: Path) -> None:
    versions = re.findall(r" ([\d.]+)(?:,|$)", dict(listed())[script.name])
    installed = re.findall(r"==(\S+)", " ".join(INSTALL.findall(script.read_text())))
    assert versions
    assert set(versions) <= set(installed)


@each_script()
def test_a_script_can_be_executed_and_is_valid_bash(script: Path) -> None:
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/usr/bin/env bash\n# What surprises: ")
    subprocess.run(["bash", "-n", str(script)], check=True)


@each_script()
def test_a_script_says_why_it_matters_and_what_one_expects(script: Path) -> None:
    comment = script.read_text().split("\nset -euo pipefail\n")[0]
    assert "\n# Why it matters: " in comment
    assert "\n# What one expects: " in comment


@each_script()
def test_every_package_is_pinned_and_taken_by_name_alone(script: Path) -> None:
    options = {"-q", "--disable-pip-version-check", "--no-deps"}
    commands = INSTALL.findall(script.read_text())
    words = [word for command in commands for word in command.split() if word not in options]
    assert words
    for word in words:
        assert re.fullmatch(r"[A-Za-z0-9_.\[\]-]+==[\w.]+", word), word
    assert len(re.findall(r'pip"? install', script.read_text())) == len(commands)


@each_script()
def test_all_happens_in_a_temporary_folder_that_is_removed(script: Path) -> None:
    lines = script.read_text().splitlines()
    begin = lines.index("place=$(mktemp -d)")
    assert lines[begin - 1] == "set -euo pipefail"
    assert lines[begin + 1] == "trap 'rm -rf \"$place\"' EXIT"
    assert 'cd "$place"' in lines


@each_script()
def test_a_script_runs_without_this_library_and_checks_what_it_sees(script: Path) -> None:
    text = program(script)
    compile(text, script.name, "exec")
    assert "lrcore" not in script.read_text()
    assert "has changed" in text
    assert "print(" in text
