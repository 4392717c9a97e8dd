"""How often a range test suggests a rate where no rate has any effect.

The losses are those of batches in some order: noise whose neighbours correlate (AR(1)), waves of
any period, levels of sorted classes, a fixed cycle of batches; in sweeps of 30, 100 and 300 rates
that run to their end, or to a loss that is not finite anywhere.
Usage: python benchmarks/verdicts/false_alarms.py [--draws 30] [--num 30 100 300]
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

import lrcore as lrc
from lrcore.finding.range_curve import Array

Draw = Callable[[np.random.Generator, int], Array]

PERIODS = (2, 3, 5, 8, 13, 20, 30, 40, 50, 60, 75, 100, 120, 150, 200)
NOISES = (0.0, 0.1, 0.3, 1.0)  # of half the height of a wave
WAVES: dict[str, Callable[[Array], Array]] = {
    "sinusoids": lambda phase: np.sin(2 * np.pi * phase),
    "sawtooths that rise and drop": lambda phase: 2 * phase - 1,
    "sawtooths that fall and jump": lambda phase: 1 - 2 * phase,
}


def red(rng: np.random.Generator, num: int, correlation: float) -> Array:
    """AR(1) noise."""
    level, losses = 0.0, np.empty(num + 300)
    for k, jump in enumerate(rng.standard_normal(losses.size)):
        level = correlation * level + jump
        losses[k] = level
    return losses[300:]


def wave(rng: np.random.Generator, num: int, form: str, period: int, noise: float) -> Array:
    """A wave that begins anywhere, with normal noise."""
    phase = (np.arange(num) / period + rng.random()) % 1
    return np.asarray(WAVES[form](phase) + noise * rng.standard_normal(num))


def classes(rng: np.random.Generator, num: int, length: int) -> Array:
    """Rows sorted by class: a level for each `length` updates."""
    levels = np.repeat(rng.standard_normal(num // length + 2), length)
    return np.asarray(levels[rng.integers(length) :][:num] + 0.3 * rng.standard_normal(num))


def cycle(rng: np.random.Generator, num: int, length: int) -> Array:
    """The same batches again and again."""
    return np.resize(rng.standard_normal(length), num)


def kinds() -> Iterator[tuple[str, Draw]]:
    """Names, each with one or several ways to draw losses."""
    for r in (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95):
        for _ in range(5):  # one alone would be few beside the waves
            yield f"AR(1) noise, {r}", partial(red, correlation=r)
    for form in WAVES:
        for period in PERIODS:
            for noise in NOISES:
                draw = partial(wave, form=form, period=period, noise=noise)
                yield f"{form}, {'with' if noise else 'without'} noise", draw
    for length in (5, 10, 20, 40):
        yield "rows sorted by class", partial(classes, length=length)
    for length in (2, 5, 10, 20, 40, 80):
        yield "a fixed cycle of batches", partial(cycle, length=length)


def swept(losses: Array, num: int) -> lrc.RangeResult:
    """A range test over losses that are given; what is missing is not finite."""
    opt = lrc.SGD(np.zeros(1))
    told = iter([*losses.tolist(), np.nan])
    return lrc.range_test(opt, lambda: next(told) if opt.step(np.zeros(1)) else np.nan, num=num)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=30)
    parser.add_argument("--num", type=int, nargs="+", default=[30, 100, 300])
    options = parser.parse_args()
    print("| losses | num | sweeps | suggestions | ended as diverged |\n|---|---|---|---|---|")
    for num in options.num:
        made: dict[str, list[lrc.RangeResult]] = defaultdict(list)
        rng = np.random.default_rng(num)
        for name, draw in kinds():
            for k in range(options.draws):
                losses = draw(rng, num)
                cut = int(rng.integers(10, num)) if k % 2 else num
                made[name].append(swept(losses[:cut], num))
        for name, results in made.items():
            found = sum(r.reliable for r in results)
            ended = sum(r.ended == "diverged" for r in results)
            print(f"| {name} | {num} | {len(results)} | {found} | {ended} |", flush=True)


if __name__ == "__main__":
    main()
