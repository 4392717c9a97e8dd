"""What the lessons share: their order, their figure and command line, and the page of them all.

`python docs/lessons/lesson.py DIRECTORY` writes the pictures of all lessons there, and README.md.
"""

from __future__ import annotations

import argparse
import ast
import runpy
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

HERE = Path(__file__).parent
LESSONS = (
    "three_regimes",
    "the_kink",
    "noise_floor",
    "plateau_drop",
    "valley",
    "rolling_ball",
    "batch_size",
    "per_parameter",
    "restarts",
    "stop_early",
    "shrinkage",
)
BLUE, GREEN, ORANGE, GREY = "#1f6fb4", "#2a7f4f", "#c05a1c", "#777777"

Draw = Callable[[Figure], None]


def main(draw: Draw) -> None:
    """The end of a lesson that is run: its picture, if a file is named."""
    parser = argparse.ArgumentParser(description="Prints its numbers, and checks what it claims.")
    parser.add_argument("file", nargs="?", type=Path, help="where to write the picture: FILE.png")
    file = parser.parse_args().file
    if file:
        save(figure(draw), file)


def figure(draw: Draw) -> Figure:
    """What `draw` draws, with its places settled."""
    drawn = Figure(figsize=(9, 3.6), dpi=100, layout="constrained")
    draw(drawn)
    for axes in drawn.axes:
        axes.grid(alpha=0.3)
    drawn.draw_without_rendering()
    return drawn


def save(drawn: Figure, path: Path) -> None:
    """Write a figure as a PNG of 256 colours: small enough to be kept."""
    picture = BytesIO()
    drawn.savefig(picture, format="png")
    Image.open(picture).convert("RGB").quantize(256).save(path, "PNG", optimize=True)


def text(name: str) -> tuple[str, str]:
    """The title of a lesson, and the sentence that follows it."""
    docstring = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text()))
    title, sentence, *_ = (docstring or "").split("\n\n")
    return title.removeprefix("# "), sentence.replace("\n", " ")


def page() -> str:
    """The README.md of the lessons."""
    parts = [
        "# Lessons\n\nWhat a learning rate does, each lesson a script: its text, code to copy, "
        "the claims as assertions, and a picture.\nThey want matplotlib and scikit-learn "
        "(`pip install 'lrcore[demo,plot]'`); each takes seconds.\n"
        "`python docs/lessons/lesson.py DIRECTORY` draws them all.\n"
    ]
    for name in LESSONS:
        title, sentence = text(name)
        parts.append(
            f"## [{title}]({name}.py)\n\n{sentence}\n\n![{title}]({name}.png)\n\n"
            f"```sh\npython docs/lessons/{name}.py {name}.png\n```\n"
        )
    return "\n".join(parts)


def _everything(directory: Path) -> None:
    for name in LESSONS:
        print(f"--- {name}")
        lesson = runpy.run_path(str(HERE / f"{name}.py"))
        save(figure(lesson["draw"]), directory / f"{name}.png")
    (directory / "README.md").write_text(page())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python docs/lessons/lesson.py DIRECTORY")
    _everything(Path(sys.argv[1]))
