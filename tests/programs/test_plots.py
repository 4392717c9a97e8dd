"""Figures: the files that are written, and the refusals before any work is done."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import PYTHON

import lrcore as lrc
from lrcore.demo import training
from lrcore.pictures import figure as figures
from lrcore.pictures import training as picture
from lrcore.schedules.catalogue import SCHEDULES, CosineAnnealing
from lrcore.schedules.gallery import examples, gallery

STARTS = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml", ".pdf": b"%PDF-"}


def history(updates: int) -> training.History:
    epoch = max(updates // 4, 1)
    run = training.History("Adam", CosineAnnealing(1e-3, updates), {}, updates, epoch)
    run.loss = list(3 * np.exp(-np.arange(updates) / 50))
    run.rate = list(run.schedule(np.arange(updates)))
    run.accuracy = list(np.linspace(0.5, 0.98, updates // epoch))
    return run


def draw(run: training.History, path: Path) -> None:
    title, epoch = run.optimizer, run.epoch_updates
    numbers = {"losses": run.loss, "rates": run.rate, "accuracies": run.accuracy}
    picture.save(path, title, **numbers, epoch=epoch)


def test_there_is_a_check_for_every_kind_of_file() -> None:
    assert tuple(STARTS) == figures.SUFFIXES


@pytest.mark.parametrize("suffix", figures.SUFFIXES)
def test_a_figure_is_of_the_kind_that_its_name_says(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"run{suffix}"
    figures.check(path)
    draw(history(200), path)
    assert path.read_bytes().startswith(STARTS[suffix])


def test_a_picture_has_many_colours(tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")
    draw(history(200), tmp_path / "run.png")
    pixels = image.imread(tmp_path / "run.png")
    assert pixels.shape == (900, 1200, 4)
    assert len(np.unique(pixels.reshape(-1, 4), axis=0)) > 50


@pytest.mark.parametrize("updates", [1, 2, 30])
def test_short_runs_can_be_drawn(updates: int, tmp_path: Path) -> None:
    draw(history(updates), tmp_path / "run.png")
    assert (tmp_path / "run.png").stat().st_size > 1000


def test_a_loss_of_zero_can_be_drawn(tmp_path: Path) -> None:
    run = history(200)
    run.loss[100:] = [0.0] * 100
    draw(run, tmp_path / "run.png")
    assert (tmp_path / "run.png").exists()


@pytest.mark.parametrize("name", ["run.gif", "run", "run.png.txt"])
def test_a_name_of_another_kind_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.png, \.svg, \.pdf"):
        figures.check(tmp_path / name)


def test_a_place_that_cannot_be_written_to_is_refused_and_nothing_created(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(FileNotFoundError, match="no directory"):
        figures.check(tmp_path / "missing" / "run.png")
    with pytest.raises(PermissionError, match="cannot be written"):
        figures.check(tmp_path / "folder.png")
    figures.check(tmp_path / "run.png")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


@pytest.fixture
def axes() -> Any:
    figure = pytest.importorskip("matplotlib.figure")
    return figure.Figure().subplots()


def line(axes: Any) -> Any:
    (drawn,) = axes.get_lines()
    return drawn


def test_a_schedule_is_drawn_with_its_own_values(axes: Any) -> None:
    s = CosineAnnealing(0.1, 100).warmup(10)
    assert s.plot(50, axes) is axes
    np.testing.assert_array_equal(line(axes).get_xdata(), np.arange(50))
    np.testing.assert_array_equal(line(axes).get_ydata(), s(range(50)))


def test_unless_told_a_schedule_is_drawn_until_after_its_end(axes: Any) -> None:
    CosineAnnealing(0.1, 100).plot(ax=axes)
    assert line(axes).get_xdata()[-1] == 110


def test_the_turns_of_a_long_schedule_are_drawn(axes: Any) -> None:
    CosineAnnealing(0.1, 10**9).warmup(12_345).plot(ax=axes)
    assert 12_344 in line(axes).get_xdata()
    assert len(line(axes).get_xdata()) < 10**5


def test_rates_over_many_decades_are_drawn_on_a_logarithmic_axis(axes: Any) -> None:
    lrc.ExponentialDecay(1e-7, rate=-0.1, end=10.0).plot(ax=axes)
    assert axes.get_yscale() == "log"


@pytest.mark.parametrize("rate", [0.0, 1e-300, 1e300])
def test_any_constant_can_be_drawn(rate: float, axes: Any) -> None:
    lrc.Constant(rate).plot(ax=axes)
    axes.figure.draw_without_rendering()


def test_without_axes_there_is_a_new_figure() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    s = CosineAnnealing(0.1, 100)
    first, second = s.plot(), s.plot()
    assert first.figure is not second.figure
    assert first.get_title() == repr(s)


def test_the_gallery_shows_every_schedule_with_a_title_of_its_own() -> None:
    axes = gallery(steps=100).axes
    titles = [a.get_title() for a in axes]
    assert titles[: len(SCHEDULES)] == list(SCHEDULES)
    assert len(set(titles)) == len(titles) > len(SCHEDULES) + 5


def test_no_two_texts_of_the_gallery_overlap() -> None:
    agg = pytest.importorskip("matplotlib.backends.backend_agg")
    figure = gallery()
    renderer = agg.FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    titles = [a.title.get_window_extent(renderer) for a in figure.axes]
    frames = [a.get_window_extent(renderer) for a in figure.axes]
    for i, title in enumerate(titles):
        assert not any(title.overlaps(other) for other in titles[i + 1 :] + frames)


@pytest.mark.parametrize("steps", [1, 2, 10])
def test_a_gallery_of_a_short_run_can_be_drawn(steps: int) -> None:
    assert len(gallery(steps).axes) == len(examples(steps))


def test_plots_are_reached_without_loading_matplotlib() -> None:
    code = "import sys, lrcore; lrcore.plots.gallery; print('matplotlib' in sys.modules)"
    done = subprocess.run([*PYTHON, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'lrcore' has no attribute 'plot'"):
        lrc.plot  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("steps", [0, -1, 1.5, True, "a", 10**20])
def test_senseless_steps_are_refused_by_name(steps: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^plot: steps must be"):
        lrc.Constant(1.0).plot(steps)
    with pytest.raises((TypeError, ValueError), match=r"^gallery: steps must be"):
        gallery(steps)
