"""The schedules of Keras, transformers and timm as formulas of t, by the code that makes them.

The peak is `LR`; tests/programs/test_migration.py holds docs/guide/migration.md against them.
"""

import math
from bisect import bisect_right
from collections.abc import Callable

LR = 0.1


def half_cosine(x: float) -> float:
    return (1 + math.cos(math.pi * x)) / 2


def keras_polynomial(t: int) -> float:
    steps = 50 * max(math.ceil(t / 50), 1)
    return (0.1 - 0.01) * (1 - t / steps) + 0.01


def keras_warm_cosine(t: int) -> float:
    if t < 20:
        return 0.1 * t / 20
    return 0.1 * half_cosine(min(t - 20, 100) / 100)


def keras_restarts(t: int, t_mul: float, m_mul: float) -> float:
    x = t / 10
    cycle = math.floor(math.log(1 - x * (1 - t_mul)) / math.log(t_mul) + 1e-12)
    x = (x - (1 - t_mul**cycle) / (1 - t_mul)) / t_mul**cycle
    return 0.1 * m_mul**cycle * half_cosine(x)


def warm(after: Callable[[int], float]) -> Callable[[int], float]:
    """transformers: a ramp of 20 updates, then a function of the updates since."""
    return lambda t: LR * (t / 20 if t < 20 else after(t - 20))


def hard_restarts(t: int) -> float:
    return half_cosine(4 * t / 100 % 1)


def polynomial_decay(t: int) -> float:
    return ((LR - 1e-7) * max(1 - t / 100, 0) ** 2 + 1e-7) / LR


def stable_decay(t: int) -> float:
    return half_cosine(min(max(t - 50, 0) / 30, 1))


def lifted(r: float, after: Callable[[int], float]) -> Callable[[int], float]:
    """transformers: the factor f of warm-up and schedule as `r + (1 - r) * f`."""
    return lambda t: LR * (r + (1 - r) * (t / 20 if t < 20 else after(t - 20)))


def ahead(first: float) -> Callable[[int], float]:
    """transformers: update t has what the count t + 1 gives, but for the warm-up's first rate."""

    def rate(t: int) -> float:
        if t < 20:
            return LR * (first + (1 - first) * t / 19 if first else (t + 1) / 20)
        return LR * (0.1 + 0.9 * half_cosine((t + 1 - 20) / 100))

    return rate


def timm_warm(after: Callable[[int], float]) -> Callable[[int], float]:
    """timm: a ramp of 20 updates from 0.01, and then a function of all updates."""
    return lambda t: 0.01 + t * (LR - 0.01) / 20 if t < 20 else after(t)


def timm_warm_cosine(t: int) -> float:
    if t < 20:
        return 0.01 + t * (LR - 0.01) / 20
    return LR * half_cosine(min(t - 20, 100) / 100)


def timm_cycles(t: int) -> float:
    cycle = math.floor(math.log(1 - t / 10 * (1 - 2.0), 2.0) + 1e-12)
    length = 2.0**cycle * 10
    x = (t - (1 - 2.0**cycle) / (1 - 2.0) * 10) / length
    return 0.01 + (LR * 0.5**cycle - 0.01) * half_cosine(x)


RECORDED: dict[str, dict[str, Callable[[int], float]]] = {
    "Keras": {
        "ExponentialDecay(0.1, 10, 0.5)": lambda t: 0.1 * 0.5 ** (t / 10),
        "ExponentialDecay(0.1, 10, 0.5, staircase=True)": lambda t: 0.1 * 0.5 ** (t // 10),
        "PiecewiseConstantDecay([30, 80], [0.1, 0.05, 0.005])": lambda t: (
            0.1 if t <= 30 else 0.05 if t <= 80 else 0.005
        ),
        "PolynomialDecay(0.1, 50, 0.01, power=2.0)": lambda t: (
            (0.1 - 0.01) * (1 - min(t, 50) / 50) ** 2 + 0.01
        ),
        "PolynomialDecay(0.1, 50, 0.01, cycle=True)": keras_polynomial,
        "InverseTimeDecay(0.1, 10, 0.5)": lambda t: 0.1 / (1 + 0.5 * t / 10),
        "CosineDecay(0.1, 100, alpha=0.1)": lambda t: (
            0.1 * ((1 - 0.1) * half_cosine(min(t, 100) / 100) + 0.1)
        ),
        "CosineDecay(0.0, 100, warmup_target=0.1, warmup_steps=20)": keras_warm_cosine,
        "CosineDecayRestarts(0.1, 10)": lambda t: keras_restarts(t, 2.0, 1.0),
        "CosineDecayRestarts(0.1, 10, t_mul=1.5, m_mul=0.5)": lambda t: keras_restarts(t, 1.5, 0.5),
    },
    "transformers": {
        "get_constant_schedule_with_warmup(opt, 20)": warm(lambda t: 1.0),
        "get_linear_schedule_with_warmup(opt, 20, 120)": warm(lambda t: max((100 - t) / 100, 0)),
        "get_cosine_schedule_with_warmup(opt, 20, 120)": warm(lambda t: half_cosine(t / 100)),
        "get_cosine_with_hard_restarts_schedule_with_warmup(opt, 20, 120, num_cycles=4)": warm(
            hard_restarts
        ),
        "get_cosine_with_min_lr_schedule_with_warmup(opt, 20, 120, min_lr_rate=0.1)": warm(
            lambda t: half_cosine(t / 100) * (1 - 0.1) + 0.1
        ),
        "get_polynomial_decay_schedule_with_warmup(opt, 20, 120, power=2.0)": warm(
            polynomial_decay
        ),
        "get_inverse_sqrt_schedule(opt, 20)": warm(lambda t: 1 / math.sqrt((t + 20) / 20)),
        "get_wsd_schedule(opt, num_warmup_steps=20, num_stable_steps=50, num_decay_steps=30)": warm(
            stable_decay
        ),
        "get_wsd_schedule(opt, num_warmup_steps=20, num_stable_steps=50, num_decay_steps=30, "
        "min_lr_ratio=0.1)": lifted(0.1, stable_decay),
        "get_cosine_with_min_lr_schedule_with_warmup_lr_rate(opt, 20, 120, min_lr_rate=0.1)": (
            ahead(0.0)
        ),
        "get_cosine_with_min_lr_schedule_with_warmup_lr_rate(opt, 20, 120, min_lr_rate=0.1, "
        "warmup_lr_rate=0.1)": ahead(0.1),
    },
    "timm": {
        "CosineLRScheduler(opt, 100, lr_min=0.01)": lambda t: (
            0.01 + (LR - 0.01) * half_cosine(min(t, 100) / 100)
        ),
        "CosineLRScheduler(opt, 100, warmup_t=20, warmup_lr_init=0.01, warmup_prefix=True)": (
            timm_warm_cosine
        ),
        "CosineLRScheduler(opt, 10, lr_min=0.01, cycle_mul=2.0, cycle_decay=0.5, cycle_limit=5)": (
            timm_cycles
        ),
        "StepLRScheduler(opt, 30, decay_rate=0.5)": lambda t: LR * 0.5 ** (t // 30),
        "MultiStepLRScheduler(opt, [30, 80], decay_rate=0.5)": lambda t: (
            LR * 0.5 ** bisect_right([30, 80], t + 1)
        ),
        "CosineLRScheduler(opt, 100, warmup_t=20, warmup_lr_init=0.01)": timm_warm(
            lambda t: LR * half_cosine(min(t, 100) / 100)
        ),
        "StepLRScheduler(opt, 30, decay_rate=0.5, warmup_t=20, warmup_lr_init=0.01)": timm_warm(
            lambda t: LR * 0.5 ** ((t - 20) // 30)
        ),
        "StepLRScheduler(opt, 30, decay_rate=0.5, warmup_t=20, warmup_lr_init=0.01, "
        "warmup_prefix=False)": timm_warm(lambda t: LR * 0.5 ** (t // 30)),
        "MultiStepLRScheduler(opt, [30, 80], decay_rate=0.5, warmup_t=20, warmup_lr_init=0.01)": (
            timm_warm(lambda t: LR * 0.5 ** bisect_right([30, 80], t - 20 + 1))
        ),
        "PolyLRScheduler(opt, 100, power=2.0, lr_min=0.01)": lambda t: (
            0.01 + (LR - 0.01) * (1 - min(t, 100) / 100) ** 2
        ),
    },
}
