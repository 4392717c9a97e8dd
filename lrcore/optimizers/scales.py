"""From a rate that is wanted back to the one that all scales are applied to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .._core import controlled


def before_scales(
    owner: str, rate: float, scale: float, controllers: Sequence[Any], now: float
) -> float:
    """The rate that comes out as `rate` after `scale`, the controllers and their `min_lr`.

    To the last bit where that can be: not every number is a multiple of a scale. The one of `now`
    stays if it will do.

    Raises
    ------
    ValueError
        If there is none, since a scale is 0 or too small.
    """
    of_controllers = math.prod(controller.scale for controller in controllers)
    # below a min_lr controllers leave a rate as it is
    guesses = [_over(rate, scale * of_controllers), _over(rate, scale)]
    near = [x for guess in guesses for x in (guess, *_beside(guess)) if 0 <= x < math.inf]

    def miss(x: float) -> float:
        return abs(controlled(controllers, x * scale) - rate)

    if miss(now) == 0:
        return now
    # of several, under a min_lr, the one that no reset of a controller lets run away
    best = min(near, key=lambda x: (miss(x), x), default=0.0)
    comes_out = controlled(controllers, best * scale)
    if abs(comes_out - rate) > 4 * math.ulp(rate):
        raise ValueError(
            f"{owner}: lr={rate!r} cannot be had: the scales of the first group (lr_scale and "
            f"controllers) leave {scale * of_controllers:g} of any rate; assign lr_scale first"
        )
    return best


def _over(rate: float, scale: float) -> float:
    return rate / scale if scale > 0 else math.nan


def _beside(x: float) -> tuple[float, float]:
    return math.nextafter(x, 0.0), math.nextafter(x, math.inf)
