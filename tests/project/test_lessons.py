"""The lessons: each runs, checks its claims, draws its picture and is on the page of them all."""

from __future__ import annotations

import ast
import os
import runpy
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from places import DOCS

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

HERE = DOCS / "lessons"
COMMON = runpy.run_path(str(HERE / "lesson.py"))
LESSONS: tuple[str, ...] = COMMON["LESSONS"]


@cache
def figure(name: str) -> Any:
    """Runs a lesson, and draws."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HERE)
        lesson = runpy.run_path(str(HERE / f"{name}.py"))
    return COMMON["figure"](lesson["draw"])


def test_every_lesson_is_listed() -> None:
    files = {path.stem for path in HERE.glob("*.py")} - {"lesson"}
    assert set(LESSONS) == files
    assert len(LESSONS) == len(files)


@pytest.mark.parametrize("name", LESSONS)
def test_the_claims_of_a_lesson_hold(name: str) -> None:
    # what stands in the module itself, and not in a function, is reached when it runs to its end
    claims = [n for n in ast.parse((HERE / f"{name}.py").read_text()).body if type(n) is ast.Assert]
    assert len(claims) >= 2
    assert figure(name).axes


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_a_text_of_one_screen(name: str) -> None:
    docstring = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text()))
    assert docstring
    assert docstring.startswith("# ")
    assert 15 <= len(docstring.splitlines()) <= 40


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_draws_its_picture(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.png"
    COMMON["save"](figure(name), path)
    assert 5_000 < path.stat().st_size < 60_000


@pytest.mark.parametrize("name", LESSONS)
def test_every_axis_says_what_it_shows(name: str) -> None:
    for axes in figure(name).axes:
        assert axes.get_xlabel()
        assert axes.get_ylabel()


@pytest.mark.parametrize("name", LESSONS)
def test_no_legend_hides_a_point(name: str) -> None:
    for axes in figure(name).axes:
        if axes.get_legend():
            box = axes.get_legend().get_window_extent()
            for line in axes.get_lines():
                points = line.get_transform().transform(line.get_xydata())
                assert not box.count_contains(points), (axes.get_ylabel(), line.get_label())


@pytest.mark.parametrize("name", LESSONS)
def test_a_picture_is_kept_small_beside_its_lesson(name: str) -> None:
    picture = (HERE / f"{name}.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 60_000


def test_the_page_shows_what_the_lessons_say() -> None:
    assert (HERE / "README.md").read_text() == COMMON["page"]()


def test_a_lesson_is_run_as_its_page_says(tmp_path: Path) -> None:
    picture = tmp_path / "kink.png"
    command = [sys.executable, str(HERE / "the_kink.py"), str(picture)]
    # a user's environment: with this variable no script finds what lies beside it
    env = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    assert "InverseTimeDecay" in done.stdout
    assert picture.exists()
