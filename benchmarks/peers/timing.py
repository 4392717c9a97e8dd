"""Times of several steps that take turns, so that all see the same weather."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

Step = Callable[[], object]
SAMPLE = 2e-3  # seconds: shorter steps are repeated within a round
WARM = 10e-3  # seconds of steps after a rest: threads are awake then, and on cores of their own


def medians(
    steps: Mapping[str, Step], rounds: int, before: Step | None = None, rest: float = 0.0
) -> dict[str, float]:
    """Median seconds of each step; `before` is called, untimed, before every single one.

    With a rest, in seconds, each turn begins after it and after steps that are not timed: the
    threads of the turn before have gone to sleep, and those of this one are awake.
    """
    repeats = {}
    for label, step in steps.items():
        pause(rest, step)
        repeats[label] = calibrate(step) if before is None else 1
    taken: dict[str, list[float]] = {label: [] for label in steps}
    for _ in range(rounds):
        for label, step in steps.items():
            pause(rest, step)
            if before:
                before()
            taken[label].append(seconds(step, repeats[label]) / repeats[label])
    return {label: statistics.median(times) for label, times in taken.items()}


def pause(rest: float, step: Step) -> None:
    if rest:
        time.sleep(rest)
        end = time.perf_counter() + WARM
        while time.perf_counter() < end:
            step()


def seconds(step: Step, repeat: int) -> float:
    start = time.perf_counter()
    for _ in range(repeat):
        step()
    return time.perf_counter() - start


def calibrate(step: Step) -> int:
    """How often to repeat a step in one round, after warming it up."""
    step()
    return max(1, round(SAMPLE / min(seconds(step, 1) for _ in range(3))))
