"""Gradients given as sparse matrices and arrays of SciPy."""

import numpy as np
import pytest
from cases import everything, gradients

import lrcore as lrc

sparse = pytest.importorskip("scipy.sparse")

SHAPE = (30, 8)
FORMATS = ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"]


def drawn(dtype=np.float64, seed=0):
    """Some rows full, some with a few entries, most without."""
    rng = np.random.default_rng(seed)
    g = np.zeros(SHAPE, dtype)
    g[[3, 17]] = gradients(rng, (2, 8), dtype)
    g[29, [0, 7]] = 1.5
    return g


def both(cls=lrc.Adam, dtype=np.float64, shape=SHAPE):
    start = np.random.default_rng(1).standard_normal(shape).astype(dtype)
    return (cls({"emb": start.copy()}, lr=0.1) for _ in range(2))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", ["matrix", "array"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_format_is_the_rows_that_have_entries(form, kind, dtype):
    some, alike = both(dtype=dtype)
    g = drawn(dtype)
    if form == "bsr":
        g[[2, 16, 28]] = g[[3, 17, 29]]  # no block has a row without entries
        matrix = getattr(sparse, f"bsr_{kind}")(g, blocksize=(2, 8))
    else:
        matrix = getattr(sparse, f"{form}_{kind}")(g)
    rows = np.flatnonzero(g.any(axis=1))
    for _ in range(3):
        assert some.step_rows({"emb": matrix})
        assert alike.step_rows({"emb": (rows, g[rows])})
    assert everything(some) == everything(alike)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_entries_that_come_twice_are_added_in_their_order(dtype):
    some, alike = both(lrc.SGD, dtype)
    rng = np.random.default_rng(2)
    rows, columns = rng.integers(0, 30, 200), rng.integers(0, 8, 200)
    values = gradients(rng, 200, dtype)
    total = np.zeros(SHAPE, dtype)
    np.add.at(total, (rows, columns), values)
    some.step_rows({"emb": sparse.coo_array((values, (rows, columns)), SHAPE)})
    alike.step({"emb": total})
    assert everything(some) == everything(alike)


def test_a_zero_that_is_an_entry_touches_its_row():
    opt, _ = both(lrc.AdamW)
    before = opt.params["emb"].copy()
    opt.step_rows({"emb": sparse.csr_array(([0.0], ([4], [2])), shape=SHAPE)})
    moved = np.flatnonzero((opt.params["emb"] != before).any(axis=1))
    assert moved.tolist() == [4]  # by decay


def test_a_matrix_without_entries_touches_nothing_and_counts():
    opt, other = both()
    assert opt.step_rows({"emb": sparse.csr_matrix(SHAPE)})
    assert opt.t == 1
    np.testing.assert_array_equal(opt.params["emb"], other.params["emb"])


def test_numbers_of_another_dtype_cast_as_dense_ones_do():
    some, alike = both(lrc.Adagrad, np.float32)
    g = drawn()
    some.step_rows({"emb": sparse.csr_array(g)})
    alike.step({"emb": g.astype(np.float32)})
    assert everything(some) == everything(alike)


def beyond():
    matrix = sparse.coo_array(([1.0], ([0], [0])), SHAPE)
    matrix.coords[1][0] = 9
    return matrix


WRONG = {
    "shape": (lambda: sparse.csr_array((30, 9)), ValueError, r"shape \(30, 9\), its parameter has"),
    "complex": (lambda: sparse.csr_array(drawn() * 1j), TypeError, "complex128, which does not"),
    "columns": (beyond, ValueError, "columns beyond those of its shape"),
    "nan": (lambda: sparse.csr_array(drawn() * np.nan), FloatingPointError, '"emb"'),
}


@pytest.mark.parametrize(("made", "error", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named_and_changes_nothing(made, error, message):
    opt, _ = both()
    before = everything(opt)
    with pytest.raises(error, match=message):
        opt.step_rows({"emb": made()})
    assert everything(opt) == before


def test_sums_beyond_float32_are_judged_like_other_gradients():
    opt, _ = both(lrc.SGD, np.float32)
    big = sparse.coo_array((np.full(2, 3e38, np.float32), ([1, 1], [2, 2])), SHAPE)
    with pytest.raises(FloatingPointError, match='"emb"'):
        opt.step_rows({"emb": big})


@pytest.mark.parametrize("shape", [(30,), (30, 2, 4)], ids=str)
def test_parameters_that_are_no_matrices_want_pairs(shape):
    opt, _ = both(shape=shape)
    with pytest.raises(ValueError, match=r"not that of a matrix: give \(rows, grad_rows"):
        opt.step_rows({"emb": sparse.csr_array(SHAPE)})
