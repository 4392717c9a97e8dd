"""Which options lead to which rule: what tests, benchmarks and `lrcore bench` go through."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import signature
from itertools import product
from typing import Any

import numpy as np

from ..optimizers.base import Optimizer
from ..optimizers.catalogue import OPTIMIZERS

MOMENTUM = 0.9

Variant = tuple[type[Optimizer], dict[str, Any]]


def of_class(cls: type[Optimizer]) -> Iterator[dict[str, Any]]:
    """Every combination of an optimizer's flags, without and with momentum, that it accepts."""
    default = {name: each.default for name, each in signature(cls).parameters.items()}
    choices: dict[str, tuple[Any, ...]] = {
        name: (default[name], *(x for x in option.choices if x != default[name]))
        for name, option in cls._kind().options.items()
        if option.choices
    }
    if "momentum" in default:
        choices["momentum"] = (default["momentum"], 0.0 if default["momentum"] else MOMENTUM)
    for values in product(*choices.values()):
        options = dict(zip(choices, values, strict=True))
        if rule_of(cls, options):
            yield options


def rule_of(cls: type[Optimizer], options: dict[str, Any]) -> str | None:
    """The rule that these options ask for; None if they are refused."""
    make: Any = cls
    try:
        opt: Optimizer = make(np.zeros(1), **options)
    except ValueError:
        return None
    return opt.roster.choice(0).rule


def by_rule() -> dict[str, Variant]:
    """For each rule the first optimizer, and its plainest options, that lead to it."""
    found: dict[str, Variant] = {}
    for cls in OPTIMIZERS.values():
        defaults = signature(cls).parameters
        for options in of_class(cls):
            rule = rule_of(cls, options)
            if rule:
                plainest = {k: v for k, v in options.items() if v != defaults[k].default}
                found.setdefault(rule, (cls, plainest))
    return found
