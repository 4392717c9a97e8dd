"""Which column of a log holds the training losses, and which the validation losses."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import islice, pairwise
from typing import Final, NamedTuple

from ..checks.suggestions import suggest
from . import vocabulary
from .cells import (
    PRINTED,
    SAMPLE,
    Column,
    Table,
    holds_numbers,
    missing,
    number,
    numbers,
)
from .parts import by_parts
from .rows import newest_first, without_gaps

_LISTED: Final = 40  # columns in a message


class Choice(NamedTuple):
    """What is judged; `rows` counts those that were read, with a loss or without.

    `reversed` says that they stand newest first in the file; here they do not.
    """

    name: str
    losses: list[float]
    rows: int
    validation_name: str | None
    validation: list[float] | None
    reversed: bool = False


def choose(table: Table, column: str | None = None, validation: str | None = None) -> Choice:
    """The training losses of a table, and its validation losses if there are some.

    Parameters
    ----------
    table : Table
    column, validation : str, optional
        A name, or else a place counted from 1; by default, what the names and the numbers say.
        ``validation="none"`` is for none.

    Raises
    ------
    ValueError
        If there is no such column, none that is sure to hold training losses, or a cell of it
        holds something else; or if both are the same.
    """
    table = without_gaps(by_parts(table))
    losses = _asked(table, column) if column is not None else _training(table)
    if validation is None:
        other = _validation(table, losses)
    else:
        other = None if validation.lower() == "none" else _asked(table, validation)
    if other is losses:
        raise ValueError(
            f"column {title(table, losses)} is judged as the training losses, and cannot be the "
            f"validation losses too: choose another --column or --validation of {listing(table)}"
        )
    newest = newest_first(table, losses)
    return Choice(
        title(table, losses),
        _numbers(table, losses, newest),
        len(losses.cells),
        title(table, other) if other else None,
        _numbers(table, other, newest) if other else None,
        newest,
    )


def _numbers(table: Table, column: Column, newest: bool) -> list[float]:
    """In the order of the steps."""
    found = numbers(column, table.unit)
    found = found[::-1] if newest else found
    if not found:
        raise ValueError(f"there are no losses in column {title(table, column)}")
    return found


def title(table: Table, column: Column) -> str:
    """What a user may call a column: its name, or its place where that is none or not the only."""
    names = [known.name for known in table.columns]
    place = next(k for k, known in enumerate(table.columns, 1) if known is column)
    return column.name if column.name and names.count(column.name) == 1 else str(place)


def listing(table: Table) -> str:
    """The columns, for a message; those of a file without names by what they begin with."""
    columns = table.columns[:_LISTED]
    if not any(column.name for column in table.columns):
        starts = (next((c for c in col.cells if not missing(c)), "") for col in columns)
        listed = [f"{k} ({start}, ...)" for k, start in enumerate(starts, 1)]
    else:
        names = [(title(table, column), column.name) for column in columns]
        listed = [
            known if known == name else f"{known} ({name or 'no name'})" for known, name in names
        ]
    more = len(table.columns) - len(columns)
    return ", ".join(listed + [f"{more} more"] * (more > 0))


def _asked(table: Table, wanted: str) -> Column:
    """By its name, or else by its place."""
    named = [column for column in table.columns if column.name == wanted]
    if named:
        return named[0]
    if wanted.isdecimal() and 0 < int(wanted) <= len(table.columns):
        return table.columns[int(wanted) - 1]
    names = [column.name for column in table.columns if column.name]
    hint = suggest(wanted, names) if names else f"there is {listing(table)}"
    raise ValueError(f"there is no column {wanted!r}; {hint}")


def _training(table: Table) -> Column:
    """The rules in turn: a loss by its name, another measure of training, whatever remains."""
    settings = [column for column in table.columns if vocabulary.of_setting(column.name)]
    if not all(map(_constant, settings)):
        raise ValueError(
            f"each row is of another run ({listing(table)}), which makes no curve: the losses of "
            "all updates or epochs of one run are wanted; --column NAME judges a column anyway"
        )
    told = [column for column in table.columns if holds_numbers(column.cells)]
    own = [column for column in told if not vocabulary.of_validation(column.name)]
    losses = [column for column in own if vocabulary.is_loss(column.name)]
    losses = [column for column in losses if not _even_steps(column)] or losses
    if losses:
        return _only(table, _narrowed(losses))
    _refuse_words(table)
    trained = [column for column in own if vocabulary.says_training_alone(column.name)]
    if trained:
        return _only(table, trained)
    others = [column for column in told if column not in own]
    twins = [column for column in own if vocabulary.says_error_alone(column.name)]
    twins = [column for column in twins if _twins(column, others)]
    if twins:
        return _only(table, twins)
    _refuse_validation(table, others)
    return _only(table, _remaining(table, own))


def _narrowed(losses: Sequence[Column]) -> list[Column]:
    """Of several training losses the total one, of each step rather than each epoch."""
    if len(losses) == 1:
        return list(losses)
    most = max(map(_count, losses))
    rules: list[Callable[[Column], bool]] = [
        lambda c: _count(c) > 1 or most == 1,  # the mean of all, at the end
        lambda c: vocabulary.is_total(c.name),
        lambda c: vocabulary.of_training(c.name),
        lambda c: "epoch" not in vocabulary.words(c.name),
        lambda c: c.name.lower() == "loss",
    ]
    kept = list(losses)
    for rule in rules:
        kept = [column for column in kept if rule(column)] or kept
    return kept


def _only(table: Table, columns: Sequence[Column]) -> Column:
    if len(columns) == 1:
        return columns[0]
    what = "more than one column may hold" if columns else "no column is sure to hold"
    raise ValueError(
        f"it is {table.kind}, and {what} the training losses: choose --column NAME from "
        f"{listing(table)}"
    )


def _refuse_words(table: Table) -> None:
    """Losses that are written as words get the error that names their line."""
    for column in table.columns:
        first = next((cell for cell in column.cells if not missing(cell)), "")
        wrapped = not column.name and re.match(r"[\w.]+\(\[*-?[\d.]", str(first))
        named = vocabulary.is_loss(column.name) and not vocabulary.of_validation(column.name)
        if named or wrapped:
            numbers(column, table.unit)


def _twins(column: Column, others: Sequence[Column]) -> list[Column]:
    """Columns of the same measure, of other rows."""
    measure = vocabulary.measure(column.name)
    return [other for other in others if vocabulary.measure(other.name) == measure]


def _refuse_validation(table: Table, columns: Sequence[Column]) -> None:
    names = [column.name for column in columns if vocabulary.is_error(column.name)]
    if names:
        raise ValueError(
            f"it has validation losses alone ({', '.join(names)}), which rise for other reasons "
            "than the rate: training losses are wanted; --column NAME judges a column anyway, of "
            f"{listing(table)}"
        )


def _remaining(table: Table, own: Sequence[Column]) -> list[Column]:
    """Columns that are no steps, times, rates, accuracies or constants, whatever they are called.

    Printed text is full of other numbers, so that it wants the name of a measure.
    """
    if table.kind == PRINTED:
        return [column for column in own if vocabulary.says_error_alone(column.name)]
    kept = [column for column in own if not vocabulary.is_other(column.name)]
    if len(table.columns) > 1:
        uneven = [column for column in kept if not _even_steps(column)]
        kept = uneven or kept[1:]  # a count comes first
        for rule in (_constant, _counts):
            kept = [column for column in kept if not rule(column)] or kept
    return kept


def _count(column: Column) -> int:
    return sum(not missing(cell) for cell in column.cells)


def _values(column: Column) -> list[float]:
    values = (value for cell in column.cells if (value := number(cell)) is not None)
    return list(islice(values, SAMPLE))


def _constant(column: Column) -> bool:
    different = {cell for cell in set(column.cells) if not missing(cell)}
    return len(different) == 1 and _count(column) > 1


def _even_steps(column: Column) -> bool:
    """Whether a column counts in steps of one size, from its start or, later, from below it."""
    values = _values(column)
    if len(values) < 3 or not all(value.is_integer() for value in values):
        return False
    step = values[1] - values[0]
    return step > 0 and all(b - a == step or b <= values[1] for a, b in pairwise(values))


def _counts(column: Column) -> bool:
    """Whether a column holds whole numbers that do not fall, as times and steps do."""
    values = _values(column)
    whole = all(value.is_integer() for value in values)
    return whole and all(before <= after for before, after in pairwise(values))


def _validation(table: Table, losses: Column) -> Column | None:
    """The validation losses that belong to these training losses, if that is sure.

    Losses of a test are not: nothing should be chosen by them, unless a user says so.
    """
    if vocabulary.of_validation(losses.name):
        return None
    others = [
        column
        for column in table.columns
        if vocabulary.of_validation(column.name)
        and not vocabulary.of_test(column.name)
        and (vocabulary.is_error(column.name) or not vocabulary.is_other(column.name))
        and _count(column) > 1
        and holds_numbers(column.cells)
    ]
    # A name that says its part alone, such as "train", has a twin that says no more either.
    known = [c for c in others if vocabulary.is_error(c.name)]
    twins = _twins(losses, others if vocabulary.of_training(losses.name) else known)
    for kept in (twins, [c for c in known if vocabulary.is_loss(c.name)]):
        if len(kept) == 1:
            return kept[0]
    return None
