"""Figures: the files that are written, and the refusals before any work is done."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lrcore import demo, plots
from lrcore.schedules import CosineAnnealing

STARTS = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml", ".pdf": b"%PDF-"}


def history(updates: int) -> demo.History:
    epoch = max(updates // 4, 1)
    run = demo.History("Adam", CosineAnnealing(1e-3, updates), {}, updates, epoch)
    run.loss = list(3 * np.exp(-np.arange(updates) / 50))
    run.rate = list(run.schedule(np.arange(updates)))
    run.accuracy = list(np.linspace(0.5, 0.98, updates // epoch))
    return run


def test_there_is_a_check_for_every_kind_of_file() -> None:
    assert tuple(STARTS) == plots.SUFFIXES


@pytest.mark.parametrize("suffix", plots.SUFFIXES)
def test_a_figure_is_of_the_kind_that_its_name_says(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"run{suffix}"
    plots.check(path)
    plots.training(history(200), path)
    assert path.read_bytes().startswith(STARTS[suffix])


def test_a_picture_has_many_colours(tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")
    plots.training(history(200), tmp_path / "run.png")
    pixels = image.imread(tmp_path / "run.png")
    assert pixels.shape == (900, 1200, 4)
    assert len(np.unique(pixels.reshape(-1, 4), axis=0)) > 50


@pytest.mark.parametrize("updates", [1, 2, 30])
def test_short_runs_can_be_drawn(updates: int, tmp_path: Path) -> None:
    plots.training(history(updates), tmp_path / "run.png")
    assert (tmp_path / "run.png").stat().st_size > 1000


def test_a_loss_of_zero_can_be_drawn(tmp_path: Path) -> None:
    run = history(200)
    run.loss[100:] = [0.0] * 100
    plots.training(run, tmp_path / "run.png")
    assert (tmp_path / "run.png").exists()


@pytest.mark.parametrize("name", ["run.gif", "run", "run.png.txt"])
def test_a_name_of_another_kind_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.png, \.svg, \.pdf"):
        plots.check(tmp_path / name)


def test_a_place_that_cannot_be_written_to_is_refused_and_nothing_created(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(FileNotFoundError, match="no directory"):
        plots.check(tmp_path / "missing" / "run.png")
    with pytest.raises(PermissionError, match="cannot be written"):
        plots.check(tmp_path / "folder.png")
    plots.check(tmp_path / "run.png")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]
