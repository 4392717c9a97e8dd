"""What peers.py aims at: ratios of our rows to a peer, to the limit, and to one another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from contenders import CHECKED, LARGE, OURS, SHAPES
from report import Times


class Target(NamedTuple):
    optimizer: str
    size: str
    base: str  # a contender, or FASTEST
    most: float  # ratio
    row: str = OURS


FASTEST = "the fastest other"
FASTER = dict.fromkeys([*SHAPES, *LARGE], 1.0)
FUSED: dict[tuple[int, str], dict[str, float]] = {  # by threads and optimizer: to torch fused
    (1, "Adam"): {
        "1x1000": 0.02,
        "1x100k": 0.37,
        "1x1M": 0.64,
        "MLP 784-128-10": 0.35,
        "100x64": 0.015,
        "60x128x128": 0.43,
        "1x10M": 0.90,
        "1x40M": 0.96,
    },
    (1, "SGD"): FASTER | {"1x1000": 0.02, "100x64": 0.031},
    (2, "Adam"): {"1x100k": 0.40, "1x1M": 0.60, "1x10M": 1.02, "1x40M": 1.02},
    (2, "SGD"): FASTER
    | {"1x100k": 0.45, "1x1M": 0.85, "60x128x128": 0.40, "1x10M": 1.02, "1x40M": 1.02},
}
OF_THE_LIMIT = 0.95
CHECK = {"Adam": {"1x10M": 1.18, "1x40M": 1.20}, "SGD": {"1x10M": 1.28, "1x40M": 1.30}}


def targets(threads: int) -> Iterator[Target]:
    for (n, optimizer), sizes in FUSED.items():
        if n == threads:
            yield from (Target(optimizer, s, "torch fused", most) for s, most in sizes.items())
    if threads == 2:
        yield from (Target("Adam", s, FASTEST, 1.0) for s in ("MLP 784-128-10", "60x128x128"))
    yield from (Target("Adam", s, "limit", 1 / OF_THE_LIMIT) for s in ("1x10M", "1x40M"))
    if threads == 1:
        for optimizer, sizes in CHECK.items():
            yield from (Target(optimizer, s, OURS, most, CHECKED) for s, most in sizes.items())
        for optimizer in ("RMSprop", "Adadelta"):
            for size in [*SHAPES, *LARGE]:
                yield Target(optimizer, size, "torch foreach", 1 / 3)
                yield Target(optimizer, size, "NumPy, in place", 1 / 3)


def against(target: Target, times: Times) -> float | None:
    """The ratio that a target limits, if it was measured."""
    row = times.get(target.optimizer, {}).get(target.size, {})
    if target.base == FASTEST:
        others = [us for k, us in row.items() if k not in (OURS, CHECKED, "limit")]
        return row[target.row] / min(others) if others else None
    return row[target.row] / row[target.base] if target.base in row else None


def target_table(threads: int, runs: list[Times]) -> Iterator[str]:
    yield "| optimizer | size | row | compared with | at most | first run | worst run | reached |"
    yield "|---|---|---|---|---|---|---|---|"
    for target in targets(threads):
        found = [ratio for times in runs if (ratio := against(target, times)) is not None]
        if found:
            good = sum(ratio <= target.most for ratio in found)
            yield (
                f"| {target.optimizer} | {target.size} | {target.row} | {target.base} "
                f"| {target.most:.3f} | {found[0]:.3f} | {max(found):.3f} "
                f"| {good} of {len(found)} |"
            )
