"""Of every schedule: a valid instance, its values, what must be refused, and more instances."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from lrcore.checks.arguments import EXACT
from lrcore.schedules.catalogue import (
    WSD,
    Constant,
    CosineAnnealing,
    CosineWarmRestarts,
    Cyclical,
    ExponentialDecay,
    Interp,
    InverseScaling,
    InverseSqrt,
    InverseTimeDecay,
    Lambda,
    Linear,
    MultiStepDecay,
    OneCycle,
    PiecewiseConstant,
    PolynomialDecay,
    Schedule,
    StepDecay,
    Sweep,
    TimeBasedDecay,
)

INF, NAN = math.inf, math.nan
WORD = "word"


class Case(NamedTuple):
    """A valid instance, its values by `t`, and arguments that must be refused."""

    schedule: Schedule
    values: dict[int, float]
    length: int | None
    refused: dict[str, list[Any]]


NUMBER: list[Any] = [-1.0, NAN, INF, -INF, True, "0.1", None, 1j, np.array(0.1), [0.1], 10**400]
POSITIVE: list[Any] = [0.0, *NUMBER]
COUNT: list[Any] = [0, -1, 3.5, 3.0, NAN, True, "3", None, np.array(3), EXACT + 1]
NATURAL: list[Any] = [-1, 3.5, 3.0, NAN, True, "3", np.array(3), EXACT + 1]
# What no sequence of whole numbers may be that rises and begins above 0.
RISING: list[Any] = [
    (0, 1, 2),
    (1, 2, 2),
    (1, 3, 2),
    (1, 2, 3.0),
    (1, 2, "3"),
    (1, 2, True),
    (1, 2, None),
    (1, 2, NAN),
    (1, 2, EXACT + 1),
    ((1, 2), 3),
    np.array(3),
    "12",
    {1, 2},
    3,
    None,
]
RATES: list[Any] = [(1.0, 2.0, bad) for bad in NUMBER if not isinstance(bad, np.ndarray)]
RATES += [1.0, None, "123", {1.0, 2.0, 3.0}]
FLAG: list[Any] = [0, 1, None, "yes"]


def without(values: list[Any], *dropped: Any) -> list[Any]:
    return [value for value in values if not any(value is d for d in dropped)]


def halving(t: int) -> float:
    return 0.5**t


def restarted(first: int, mult: int, cycle: int) -> float:
    """The rate of the Case of CosineWarmRestarts at 2**53, which is in this cycle."""
    start = first * (mult**cycle - 1) // (mult - 1)
    x = (EXACT - start) / (first * mult**cycle)
    assert 0 <= x < 1
    return 0.125 + (0.5**cycle - 0.125) * (1 + math.cos(math.pi * x)) / 2


CASES = [
    Case(Constant(0.1), {0: 0.1, 1: 0.1, EXACT: 0.1}, 0, {"lr": NUMBER}),
    Case(
        StepDecay(1.0, every=10),
        {0: 1.0, 9: 1.0, 10: 0.1, 11: 0.1, 19: 0.1, 20: 0.1**2, 29: 0.1**2, EXACT: 0.0},
        None,
        {
            "lr": NUMBER,
            "every": COUNT,
            "factor": POSITIVE,
            "offset": [-1, 0.0, True, None, "1"],
        },
    ),
    Case(
        ExponentialDecay(0.8, gamma=0.5, steps=10, end=0.1),
        {0: 0.8, 10: 0.4, 20: 0.2, 29: 0.8 * 0.5**2.9, 30: 0.1, 31: 0.1, 10**6: 0.1, EXACT: 0.1},
        30,
        {
            "lr": NUMBER,
            "gamma": without(POSITIVE, None),
            "rate": without(NUMBER, -1.0, None),
            "half_life": without(POSITIVE, None),
            "steps": COUNT,
            "staircase": FLAG,
            "end": without(NUMBER, None),
        },
    ),
    Case(
        TimeBasedDecay(1.0, 0.5),
        {0: 1.0, 1: 1.0, 2: 1 / 1.5, 3: 1 / 3.0, 4: 1 / 7.5, 5: 1 / 22.5, EXACT: 0.0},
        None,
        {"lr": NUMBER, "decay": NUMBER},
    ),
    Case(
        InverseTimeDecay(1.0, 1.0, steps=2),
        {0: 1.0, 1: 1 / 1.5, 2: 0.5, 4: 1 / 3, 6: 0.25, EXACT: 1 / (1 + 2**52)},
        None,
        {"lr": NUMBER, "rate": NUMBER, "steps": COUNT, "staircase": FLAG},
    ),
    Case(
        CosineAnnealing(1.0, 100, end=0.1),
        {0: 1.0, 25: 0.1 + 0.45 * (1 + math.sqrt(0.5)), 50: 0.55, 100: 0.1, 101: 0.1, EXACT: 0.1},
        100,
        {"lr": NUMBER, "steps": COUNT, "end": NUMBER, "exponent": POSITIVE},
    ),
    Case(
        Cyclical(0.25, 1.25, up=2, down=4),
        {0: 0.25, 1: 0.75, 2: 1.25, 3: 1.0, 5: 0.5, 6: 0.25, 7: 0.75, 8: 1.25, EXACT: 1.25},
        None,
        {
            "low": NUMBER,
            "high": [0.24, *NUMBER],
            "up": COUNT,
            "down": without(COUNT, None),
            "mode": [WORD, "", None, 1],
            "gamma": POSITIVE,
        },
    ),
    Case(
        InverseScaling(1.0),
        {0: 1.0, 1: math.sqrt(0.5), 3: 0.5, 8: 1 / 3, 99: 0.1, EXACT: math.sqrt(0.5) * 2.0**-26},
        None,
        {"lr": NUMBER, "power": NUMBER},
    ),
    Case(
        Linear(1.0, 0.25, 3),
        {0: 1.0, 1: 0.75, 2: 0.5, 3: 0.25, 4: 0.25, EXACT: 0.25},
        3,
        {"start": NUMBER, "end": NUMBER, "steps": COUNT},
    ),
    Case(
        PolynomialDecay(1.0, 4, power=2.0, end=0.5),
        {0: 1.0, 1: 0.78125, 2: 0.625, 3: 0.53125, 4: 0.5, 5: 0.5, EXACT: 0.5},
        4,
        {"lr": NUMBER, "steps": COUNT, "power": POSITIVE, "end": NUMBER, "cycle": FLAG},
    ),
    Case(
        Sweep(1e-4, 1.0, 5),
        {0: 1e-4, 1: 1e-3, 2: 1e-2, 3: 0.1, 4: 1.0, 5: 1.0, EXACT: 1.0},
        4,
        {"start": POSITIVE, "end": POSITIVE, "steps": COUNT, "spacing": [WORD, "", None, 1]},
    ),
    Case(
        InverseSqrt(1.0, 4),
        {0: 0.25, 1: 0.5, 3: 1.0, 4: 1.0, 5: math.sqrt(0.8), 16: 0.5, EXACT: math.sqrt(2) / 2**26},
        None,
        {"lr": NUMBER, "warmup_steps": NATURAL, "timescale": without(POSITIVE, None)},
    ),
    Case(
        WSD(1.0, warmup_steps=4, stable_steps=6, decay_steps=16, end=0.5),
        {0: 0.25, 2: 0.75, 3: 1.0, 4: 1.0, 10: 1.0, 11: 0.875, 14: 0.75, 26: 0.5, EXACT: 0.5},
        26,
        {
            "peak": NUMBER,
            "warmup_steps": NATURAL,
            "stable_steps": NATURAL,
            "decay_steps": NATURAL,
            "shape": [WORD, "", None, 1],
            "end": NUMBER,
        },
    ),
    Case(
        CosineWarmRestarts(1.0, 10, mult=2, decay=0.5, end=0.125),
        {
            0: 1.0,
            5: 0.5625,
            10: 0.5,
            20: 0.3125,
            30: 0.25,
            50: 0.1875,
            70: 0.125,
            150: 0.0625,
            EXACT: restarted(10, 2, 49),
        },
        None,
        {
            "lr": NUMBER,
            "first": COUNT,
            "mult": [0.0, 0.999, *NUMBER],
            "decay": POSITIVE,
            "end": NUMBER,
        },
    ),
    Case(
        OneCycle(1.0, 10),
        {
            0: 0.04,
            1: 0.52,
            2: 1.0,
            3: 4e-6 + (1 - 4e-6) * (1 + math.cos(math.pi / 7)) / 2,
            9: 4e-6,
            10: 4e-6,
            EXACT: 4e-6,
        },
        9,
        {
            "peak": NUMBER,
            "steps": COUNT,
            "pct_start": [1.001, *NUMBER],
            "div": POSITIVE,
            "final_div": POSITIVE,
            "anneal": ["cosine", "", None, 1],
            "three_phase": FLAG,
        },
    ),
    Case(
        MultiStepDecay(1.0, (3, 7)),
        {0: 1.0, 2: 1.0, 3: 0.1, 4: 0.1, 6: 0.1, 7: 0.01, 8: 0.01, EXACT: 0.01},
        7,
        {"lr": NUMBER, "milestones": RISING, "factor": POSITIVE},
    ),
    Case(
        PiecewiseConstant((2, 5), (1.0, 0.25, 0.5)),
        {0: 1.0, 1: 1.0, 2: 0.25, 4: 0.25, 5: 0.5, 6: 0.5, EXACT: 0.5},
        5,
        {"boundaries": RISING, "values": [(1.0, 2.0), (1.0, 2.0, 3.0, 4.0), *RATES]},
    ),
    Case(
        Interp((2, 4, 8), (0.5, 1.0, 0.25)),
        {0: 0.5, 2: 0.5, 3: 0.75, 4: 1.0, 6: 0.625, 7: 0.4375, 8: 0.25, 9: 0.25, EXACT: 0.25},
        8,
        {
            "steps": [(), (-1, 1, 2), *without(RISING, *RISING[:1])],
            "values": [(1.0, 2.0), (1.0, 2.0, 3.0, 4.0), *RATES],
        },
    ),
    Case(
        Lambda(halving),
        {0: 1.0, 1: 0.5, 2: 0.25, 10: 2.0**-10, EXACT: 0.0},
        None,
        {"fn": [3, None, WORD, 0.1, (halving,)], "name": [3, True, b"name", halving]},
    ),
]
BY_NAME = {type(case.schedule).__name__: case for case in CASES}

MODES: list[Any] = ["triangular", "triangular2", "exp_range"]
OPTIONS: list[Schedule] = [
    StepDecay(0.3, every=7, factor=1.01, offset=3),
    ExponentialDecay(0.3, rate=1e-3, steps=3),
    ExponentialDecay(0.3, rate=-0.1, end=2.0),
    ExponentialDecay(0.3, half_life=30.0, staircase=True, steps=7),
    TimeBasedDecay(0.3, 1e-5),
    TimeBasedDecay(0.3, 0.0),
    InverseTimeDecay(0.3, 0.7, steps=3, staircase=True),
    InverseScaling(0.3, 0.0),
    InverseScaling(0.3, 3.7),
    CosineAnnealing(0.3, 1000, end=0.7, exponent=0.3),
    CosineAnnealing(0.3, 1000, exponent=2.5),
    *(Cyclical(0.01, 0.3, 37, 91, mode=mode, gamma=0.999) for mode in MODES),
    Linear(0.0, 0.3, 1),
    Linear(0.3, 0.3, 5),
    PolynomialDecay(0.3, 37, power=0.5),
    PolynomialDecay(0.3, 37, power=1.5, cycle=True),
    Sweep(0.3, 1e-7, 100),
    Sweep(0.3, 0.3, 7),
    Sweep(0.3, 0.1, 1),
    Sweep(0.0, 0.3, 100, spacing="linear"),
    InverseSqrt(0.3, 0),
    InverseSqrt(0.3, 7, timescale=0.5),
    WSD(0.3, warmup_steps=0, stable_steps=5, decay_steps=20, shape="linear"),
    WSD(0.3, warmup_steps=5, stable_steps=0, decay_steps=20, shape="cosine", end=0.5),
    WSD(0.3, warmup_steps=5, stable_steps=9, decay_steps=0),
    WSD(0.3, warmup_steps=0, stable_steps=0, decay_steps=0),
    CosineWarmRestarts(0.3, 10),
    CosineWarmRestarts(0.3, 1, mult=3, end=0.5),
    CosineWarmRestarts(0.3, 7, mult=1.5, decay=0.9),
    CosineWarmRestarts(0.3, 10, mult=1.000001, decay=1.01, end=0.1),
    *(
        OneCycle(0.3, steps, pct_start=pct, anneal=anneal, three_phase=phases)  # type: ignore[arg-type]
        for steps in (1, 2, 3, 100)
        for pct in (0.0, 0.01, 0.31, 0.6, 1.0)
        for anneal, phases in (("cos", False), ("linear", True))
    ),
    OneCycle(0.3, 50, div=1.0, final_div=1.0),
    OneCycle(0.3, 50, div=1.0, final_div=1.0, three_phase=True),
    OneCycle(0.3, 50).momentum(),
    MultiStepDecay(0.3, ()),
    MultiStepDecay(0.3, (1, 2, EXACT), factor=1.5),
    MultiStepDecay(0.3, (5, 10), factor=1e-200),
    PiecewiseConstant((), (0.3,)),
    PiecewiseConstant((5, 9), (0.3, 0.1, 0.1)),
    Interp((7,), (0.3,)),
    Interp((0, EXACT - 1, EXACT), (0.3, 0.1, 0.2)),
    Interp((5, 9, 11), (0.3, 0.1, 0.1)),
    Lambda(halving, "half the rate"),
    Lambda(Linear(0.3, 0.1, 100)),
]
