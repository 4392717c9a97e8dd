"""Random schedules of every class and operator, made from the types of their fields.

`python tests/support/random_schedules.py 100000` holds so many against the promise that no rate is
NaN or negative, over a thousand updates each.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrcore.checks.arguments import range_of
from lrcore.schedules.algebra import OPERATORS
from lrcore.schedules.catalogue import SCHEDULES, Schedule
from lrcore.schedules.from_text import NAMES
from lrcore.schedules.value import argument_fields

TIMES = st.lists(st.integers(0, 1000) | st.integers(0, 2**53) | st.floats(0, 1e6), max_size=20)
RATES = st.just(0.0) | st.floats(1e-6, 1)


def values_of(kind: Any) -> st.SearchStrategy[Any] | None:
    """Values of a field's type that let nothing grow; None if its type says too little."""
    if type(None) in get_args(kind):
        inner = values_of(get_args(kind)[0])
        return None if inner is None else st.none() | inner
    if kind is bool:
        return st.booleans()
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if get_origin(kind) is Sequence:
        inner = values_of(get_args(kind)[0])
        return None if inner is None else st.sets(inner, min_size=1, max_size=4).map(sorted)
    if get_origin(kind) is not Annotated:
        return None
    limits = range_of(kind)
    if limits.kind is int:
        return st.integers(max(int(limits.low), -300), min(int(limits.high), 300))
    low = max(limits.low, 0.0) + (0.01 if limits.open in ("low", "both") else 0.0)
    return st.floats(low, min(limits.high, low + 0.99))


def fields_of(cls: type) -> dict[str, st.SearchStrategy[Any]]:
    kinds = get_type_hints(cls, include_extras=True)
    found = {f.name: values_of(kinds[f.name]) for f in argument_fields(cls)}
    return {name: values for name, values in found.items() if values is not None}


@st.composite
def basic(draw: st.DrawFn) -> Schedule:
    """An example of a class, with some of its arguments changed to what it accepts."""
    cls = SCHEDULES[draw(st.sampled_from(NAMES))]
    schedule = cls.example(draw(RATES), draw(st.integers(1, 300)))
    fields = fields_of(cls)
    for name in draw(st.lists(st.sampled_from(sorted(fields)), max_size=3)):
        try:
            schedule = dataclasses.replace(schedule, **{name: draw(fields[name])})  # type: ignore[type-var]
        except ValueError:
            continue
    return schedule


@st.composite
def combined(draw: st.DrawFn, parts: st.SearchStrategy[Schedule]) -> Schedule:
    cls = OPERATORS[draw(st.sampled_from(sorted(OPERATORS)))]
    fields = fields_of(cls)
    given = {f.name: draw(fields.get(f.name, parts)) for f in argument_fields(cls)}
    try:
        return cls(**given)
    except ValueError:
        inner: Schedule = given["inner"]
        return inner


def schedules(depth: int = 4) -> st.SearchStrategy[Schedule]:
    """Combinations of combinations to a depth."""
    strategy: st.SearchStrategy[Schedule] = basic()
    for _ in range(depth):
        strategy = basic() | combined(strategy)
    return strategy


def check_rates(s: Schedule) -> None:
    assert (s(range(1000)) >= 0).all(), s


if __name__ == "__main__":
    unhurried = settings(
        max_examples=int(sys.argv[1]),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    unhurried(given(schedules())(check_rates))()
    print(f"{sys.argv[1]} schedules, no rate NaN or negative")
