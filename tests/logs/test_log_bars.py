"""Bars that Keras draws over and over, one for each epoch."""

from __future__ import annotations

import re

import numpy as np
import pytest

from lrcore.logs.bars import last_states
from lrcore.logs.columns import Choice, choose
from lrcore.logs.files import read_log

BATCHES = 32
CURVE = [round(x, 4) for x in (0.3 + 2 * np.exp(-np.arange(200) / 30)).tolist()]


def chosen(text: str) -> Choice:
    return choose(read_log(text.encode()))


def old_bar(k: int) -> str:
    """As Keras 2 draws it."""
    done = k == BATCHES
    bar = "=" * k + "." * (BATCHES - k) if done else "=" * (k - 1) + ">" + "." * (BATCHES - k)
    return f"{k:2}/{BATCHES} [{bar}] - " + ("1s 5ms/step" if done else "ETA: 3s")


def new_bar(k: int) -> str:
    """As Keras 3 draws it."""
    rest = "━" * (BATCHES - k)
    return (
        f"\x1b[1m{k:2}/{BATCHES}\x1b[0m \x1b[32m{'━' * k}\x1b[0m\x1b[37m{rest}\x1b[0m "
        "\x1b[1m0s\x1b[0m 5ms/step"
    )


def fit(bar: str, between: str, epochs: int = 200, validation: bool = True) -> str:
    """What `fit(verbose=1)` prints: means of the batches so far, higher than the last of them."""
    drawn = old_bar if bar == "old" else new_bar
    text = ""
    for epoch, loss in enumerate(CURVE[:epochs], 1):
        states = [
            f"{drawn(k)} - accuracy: 0.5 - loss: {loss + (BATCHES - k) / 10:.4f}"
            for k in range(1, BATCHES + 1)
        ]
        if validation:
            states.append(f"{states[-1]} - val_accuracy: 0.5 - val_loss: {2 * loss:.4f}")
        text += f"Epoch {epoch}/{epochs}\n" + between.join(states) + "\n"
    return text


@pytest.mark.parametrize("bar", ["old", "new"])
@pytest.mark.parametrize("between", ["\r", "\n", "\b" * 80, "\b" * 80 + "\r"])
@pytest.mark.parametrize("validation", [True, False])
def test_an_epoch_has_the_loss_of_the_last_state_of_its_bar(
    bar: str, between: str, validation: bool
) -> None:
    found = chosen(fit(bar, between, validation=validation))
    assert (found.name, found.losses) == ("loss", CURVE)
    assert found.validation == ([round(2 * x, 4) for x in CURVE] if validation else None)


@pytest.mark.parametrize("size", [10, 100])
def test_the_bar_of_an_evaluation_is_of_no_epoch(size: int) -> None:
    steps = (f"{k}/{size} [==>..] - ETA: 0s - loss: 9.0\n" for k in range(1, size + 1))
    assert chosen(fit("old", "\n") + "".join(steps)).losses == CURVE


def test_steps_of_an_unknown_number_are_a_bar_too() -> None:
    text = fit("old", "\n")
    for pattern in (r"/32 \[[=>.]*\] -", r"(?<!32)/32 \[[=>.]*\] -"):  # until the end, or before
        unknown = re.sub(pattern, "/Unknown - 0s", text)
        assert chosen(unknown).losses == CURVE


def test_other_lines_stay_where_they_are() -> None:
    text = "Model\n" + fit("old", "\n", epochs=2) + "Saved.\n"
    kept = [k for k, line in enumerate(last_states(text).split("\n")) if line]
    assert kept == [0, 1, 34, 35, 68, 69]


@pytest.mark.parametrize(
    "text",
    [
        fit("old", "\n", epochs=1),
        "".join(f"{k}/9 [==>..] - 1s - loss: 1\n" for k in range(9)),
        "".join(f"Epoch {e}/9\n{k}/12 10:00 loss: 1\n" for e in range(9) for k in range(9)),
        "".join(f"Epoch {e}/9\nstep {k}/12 loss: 1\n" for e in range(9) for k in range(9)),
    ],
)
def test_bars_without_epochs_and_lines_that_are_no_bars_stay(text: str) -> None:
    assert last_states(text) == text
