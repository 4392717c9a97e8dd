"""One rule for what is a loss, wherever one is reported."""

import decimal
import fractions
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lrcore as lrc
from lrcore.checks.losses import loss_of


class Lazy:
    """An array of another library, which NumPy does not know."""

    def __repr__(self) -> str:
        return "Lazy()"

    def __float__(self) -> float:
        return 2.0


TWO = [
    2,
    2.0,
    np.float32(2),
    np.int8(2),
    np.array(2.0),
    np.array([2.0]),
    np.array([[2]]),
    np.array([2.0], object),
    fractions.Fraction(2),
    decimal.Decimal(2),
    Lazy(),
]
NO_NUMBER = [
    *(None, "2.0", b"2", 2j, np.array(2j), [2.0], (2.0,), np.ones(2), np.ones(0), {}),
    *(np.ma.masked, np.ma.masked_array([2.0], [True])),
]
REPORTS: dict[str, Callable[[Any], Any]] = {
    "plateau": lambda v: lrc.ReduceOnPlateau().update(v),
    "stopping": lambda v: lrc.EarlyStopping().update(v),
    "monitor": lambda v: lrc.Monitor(lrc.SGD(np.ones(1))).report(v),
}


@pytest.mark.parametrize("value", TWO, ids=repr)
def test_whatever_holds_one_real_number_is_a_loss(value: Any) -> None:
    assert loss_of(value, "") == 2.0


@pytest.mark.parametrize("value", [True, np.True_, np.array([True])], ids=repr)
def test_truth_is_one(value: Any) -> None:
    assert loss_of(value, "") == 1.0


@pytest.mark.parametrize("value", NO_NUMBER, ids=repr)
def test_what_is_no_real_number_is_none(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^a loss is wanted, got"):
        loss_of(value, "a loss is wanted")


@pytest.mark.parametrize("value", [10**400, decimal.Decimal("1e400"), math.inf])
def test_what_is_too_large_is_infinite(value: Any) -> None:
    assert (loss_of(value, ""), loss_of(-value, "")) == (math.inf, -math.inf)


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("value", TWO, ids=repr)
def test_every_report_takes_every_loss(name: str, value: Any) -> None:
    REPORTS[name](value)


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("value", NO_NUMBER, ids=repr)
def test_no_report_takes_anything_else(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match="must be a real number"):
        REPORTS[name](value)
