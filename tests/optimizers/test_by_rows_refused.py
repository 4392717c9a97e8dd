"""Updates of some rows: what is refused, and changes nothing."""

import numpy as np
import pytest
from cases import everything, variant_id
from row_cases import WITH_SUMS, made

import lrcore as lrc
from lrcore._core import OpenStep

ONE = np.ones((1, 6))
B = {"b": np.ones(5)}
WRONG = {
    "negative": (
        {"emb": ([3, -1], np.ones((2, 6)))},
        B,
        ValueError,
        r"\[0, 40\), got -1 at place 1",
    ),
    "too large": (
        {"emb": ([40], ONE)},
        B,
        ValueError,
        r'rows of "emb" must be in \[0, 40\), got 40',
    ),
    "huge": (
        {"emb": (np.array([2**64 - 1], np.uint64), ONE)},
        B,
        ValueError,
        "18446744073709551615",
    ),
    "mask": (
        {"emb": (np.ones(1, bool), ONE)},
        B,
        TypeError,
        "integers, got bool; numpy.flatnonzero",
    ),
    "floats": ({"emb": (np.ones(1), ONE)}, B, TypeError, "integers, got float64"),
    "two axes": ({"emb": ([[1]], ONE)}, B, ValueError, r"one axis, got shape \(1, 1\)"),
    "number": ({"emb": (1, ONE)}, B, ValueError, "one axis"),
    "masked rows": ({"emb": (np.ma.array([1]), ONE)}, B, TypeError, "masked"),
    "masked": ({"emb": ([1], np.ma.array(ONE))}, B, TypeError, 'rows of "emb" is a masked array'),
    "too few": (
        {"emb": ([1, 2], ONE)},
        B,
        ValueError,
        r"shape \(1, 6\); 2 rows of an array of shape",
    ),
    "too narrow": ({"emb": ([1], ONE[:, :5])}, B, ValueError, r"have \(1, 6\)"),
    "complex": ({"emb": ([1], ONE * 1j)}, B, TypeError, "complex128, which does not cast"),
    "words": ({"emb": ([1], [["a"] * 6])}, B, TypeError, "does not cast"),
    "ragged": ({"emb": ([1], [[1.0], [1.0, 2.0]])}, B, ValueError, "cannot be made an array"),
    "gradient alone": ({"emb": ONE}, B, TypeError, "must be .rows, grad_rows. .*got a ndarray"),
    "three": ({"emb": ([1], ONE, 3)}, B, TypeError, "got a tuple of 3"),
    "unknown": ({"embed": ([1], ONE)}, B, ValueError, "no parameter is named 'embed': .'emb', 'b'"),
    "no mapping": ([([1], ONE)], B, TypeError, "must be a mapping .* got a list"),
    "neither": ({"emb": ([1], ONE)}, None, ValueError, "b: neither rows nor a gradient"),
    "missing": ({"emb": ([1], ONE)}, {}, ValueError, r"missing keys \['b'\]"),
    "none": ({"emb": ([1], ONE)}, {"b": None}, TypeError, 'gradient "b" is None'),
    "both": ({"emb": ([1], ONE)}, {**B, "emb": ONE}, ValueError, '"emb" has rows and a gradient'),
    "another key": ({"emb": ([1], ONE)}, {**B, "c": 1}, ValueError, r"unexpected keys \['c'\]"),
    "no structure": ({"emb": ([1], ONE)}, [1], TypeError, "expected a mapping"),
    "dense shape": ({"emb": ([1], ONE)}, {"b": np.ones(4)}, ValueError, r'"b" has shape \(4,\)'),
    "nan": ({"emb": ([1], ONE * np.nan)}, B, FloatingPointError, r'"emb" \(6 of 6, first nan'),
    "dense nan": (
        {"emb": ([1], ONE)},
        {"b": np.full(5, np.inf)},
        FloatingPointError,
        '"b" .5 of 5',
    ),
}


@pytest.mark.parametrize(("rows", "grads", "error", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named_and_changes_nothing(rows, grads, error, message):
    opt = made(lrc.Adam, {"emb": (40, 6), "b": (5,)})
    opt.step_rows({"emb": ([1], ONE)}, B)
    before, scalars = everything(opt), opt.scalars
    with pytest.raises(error, match=message):
        opt.step_rows(rows, grads)
    assert (everything(opt), opt.scalars) == (before, scalars)
    assert opt.step_rows({"emb": ([1], ONE)}, B)


@pytest.mark.parametrize("lr", [-1.0, np.nan, "1", True])
def test_a_senseless_rate_is_refused(lr):
    with pytest.raises((TypeError, ValueError), match="step_rows: lr must be"):
        made(lrc.SGD, {"emb": (40, 6)}).step_rows({"emb": ([1], ONE)}, lr=lr)


def test_a_single_number_has_no_rows():
    with pytest.raises(ValueError, match='"s" is a single number'):
        lrc.SGD({"s": np.zeros(())}).step_rows({"s": ([0], [1.0])})


@pytest.mark.parametrize(("cls", "options"), WITH_SUMS, ids=variant_id)
def test_rules_with_sums_over_the_array_are_refused(cls, options):
    opt = made(cls, {"emb": (40, 6), "b": (5,)}, **options)
    before = everything(opt)
    with pytest.raises(TypeError, match=f'{cls.__name__}: "emb" cannot be updated by rows'):
        opt.step_rows({"emb": ([1], ONE)}, B)
    assert everything(opt) == before


@pytest.mark.parametrize("common", [{}, {"clip_norm": 1.0}], ids=["plain", "clip_norm"])
def test_gradients_whose_sum_is_infinite_are_refused(common):
    opt = made(lrc.SGD, {"emb": (4, 1)}, np.float32, **common)
    before = everything(opt)
    big = np.full((2, 1), 3e38, np.float32)
    with pytest.raises(FloatingPointError, match=r'gradient "emb" \(1 of 1, first inf'):
        opt.step_rows({"emb": ([2, 2], big)})
    assert everything(opt) == before


def test_updates_that_are_not_finite_are_skipped_or_let_through():
    bad = {"emb": ([2], np.full((1, 1), np.nan))}
    opt = made(lrc.SGD, {"emb": (4, 1)}, nonfinite="skip")
    before = everything(opt)[0]
    assert not opt.step_rows(bad)
    assert (everything(opt)[0], opt.skipped, opt.t) == (before, 1, 0)
    opt = made(lrc.SGD, {"emb": (4, 1)}, nonfinite="allow")
    assert opt.step_rows(bad)
    assert np.isnan(opt.params["emb"]).ravel().tolist() == [False, False, True, False]


def test_a_parameter_that_was_replaced_resized_or_is_read_only_is_refused():
    opt = made(lrc.SGD, {"emb": (40, 6)})
    w = opt.params
    kept = w["emb"]
    w["emb"] = kept.copy()
    with pytest.raises(ValueError, match="replaced"):
        opt.step_rows({"emb": ([1], ONE)})
    w["emb"] = kept
    kept.flags.writeable = False
    with pytest.raises(ValueError, match='"emb" is read-only'):
        opt.step_rows({"emb": ([1], ONE)})
    kept.flags.writeable = True
    kept.shape = (6, 40)
    with pytest.raises(ValueError, match='"emb" was resized'):
        opt.step_rows({"emb": ([1], ONE)})
    kept.shape = (40, 6)
    assert opt.step_rows({"emb": ([1], ONE)})


def test_a_rate_that_is_none_changes_nothing():
    opt = made(lrc.SGD, {"emb": (40, 6)}, lr=lambda t: np.nan)
    before = everything(opt)
    with pytest.raises(ValueError, match="lr must be a finite number"):
        opt.step_rows({"emb": ([1], ONE)})
    assert everything(opt) == before


def test_callbacks_open_steps_and_evaluation_refuse_it():
    rows = {"emb": ([1], ONE)}
    opt = made(lrc.SGD, {"emb": (40, 6)}, lr=lambda t: opt.step_rows(rows))
    with pytest.raises(RuntimeError, match="callback"):
        opt.step_rows(rows)
    opt = made(lrc.SGD, {"emb": (40, 6)}, average=lrc.EMA(0.5))
    with pytest.raises(RuntimeError, match="eval_params"), opt.eval_params():
        opt.step_rows(rows)
    with (
        pytest.raises(RuntimeError, match="measured step"),
        OpenStep(opt, {"emb": np.ones((40, 6))}),
    ):
        opt.step_rows(rows)
    with pytest.raises(RuntimeError, match="initialised"):
        lrc.SGD.__new__(lrc.SGD).step_rows(rows)
    assert opt.step_rows(rows)
