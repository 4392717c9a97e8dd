"""The largest curvature and Newton's step: how exact, and what stays as it was."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import lrcore as lrc
from lrcore.demo.network import create, loss_and_gradients

SPECTRA = {
    "one": np.array([3.0]),
    "decades": np.array([1e-3, 1.0, 10.0, 100.0]),
    "equal": np.full(50, 2.0),
    "spread evenly": np.linspace(0, 1, 400),
    "clustered at the top": np.r_[np.full(50, 1.0), np.full(50, 0.995), np.linspace(0, 0.99, 300)],
    "one above a crowd": np.r_[1.0, np.full(5000, 0.9)],
    "negative too": np.linspace(-0.5, 1, 300),
    "negative the larger": np.r_[-20.0, np.linspace(-1, 1, 300)],
    "tiny": 1e-12 * np.linspace(0, 1, 100),
    "huge": 1e12 * np.linspace(0, 1, 100),
}


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("seed", range(3))
def test_the_limit_of_a_quadratic_is_within_one_percent(name: str, seed: int) -> None:
    h = SPECTRA[name]
    x = np.random.default_rng(9).standard_normal(h.size)
    # 1 %: what the function promises
    assert lrc.stability_limit(lambda x: h * x, x, rng=seed) == pytest.approx(2 / h.max(), rel=0.01)


def test_a_larger_tolerance_takes_fewer_gradients() -> None:
    h, calls = np.linspace(0, 1, 400), [0, 0]
    for k, tol in enumerate((0.01, 0.2)):

        def grad(x: Any, k: int = k) -> Any:
            calls[k] += 1
            return h * x

        lrc.stability_limit(grad, np.ones(400), tol=tol)
    assert calls[1] < calls[0] / 2


@pytest.mark.parametrize("curvature", [0.0, -1.0])
def test_without_positive_curvature_there_is_no_limit(curvature: float) -> None:
    b = np.arange(5.0)
    assert lrc.stability_limit(lambda x: curvature * x + b, np.ones(5)) == math.inf


def test_rounding_is_not_taken_for_curvature() -> None:
    A = np.random.default_rng(0).standard_normal((200, 30)).astype(np.float32)
    found = lrc.stability_limit(lambda x: A.T @ (1000 + 0 * (A @ x)), np.ones(30, np.float32))
    assert found == math.inf


def test_the_limit_is_where_descent_turns_unstable() -> None:
    rng = np.random.default_rng(1)
    A = rng.standard_normal((60, 20))
    H = A.T @ A
    limit = lrc.stability_limit(lambda x: H @ x, np.ones(20))
    for factor, falls in ((0.95, True), (1.05, False)):
        x = rng.standard_normal(20)
        start = np.linalg.norm(x)
        opt = lrc.SGD(x, lr=factor * limit)
        for _ in range(500):
            opt.step(H @ x)
        assert (np.linalg.norm(x) < start) == falls


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nested_parameters_are_taken_in_their_structure(dtype: Any) -> None:
    x = {"a": [np.ones((2, 3), dtype), np.zeros((), dtype)], "b": np.ones(4, dtype)[::2]}

    def grad(at: Any) -> Any:
        assert at["a"][0].shape == (2, 3)
        assert at["b"].dtype == np.float64
        return {"b": 4 * at["b"], "a": [at["a"][0], 8 * at["a"][1]]}

    # 1 %: what the function promises
    assert lrc.stability_limit(grad, x) == pytest.approx(0.25, rel=0.01)


def test_a_network_has_a_limit_near_that_of_its_full_hessian() -> None:
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    w = rng.standard_normal(6)

    def grad(w: Any) -> Any:
        hidden = np.tanh(X @ w.reshape(3, 2))
        delta = np.outer(hidden.sum(axis=1) - y, np.ones(2)) * (1 - hidden**2)
        return (X.T @ delta / 40).ravel()

    step = 1e-5 * np.eye(6)
    hessian = np.array([(grad(w + s) - grad(w - s)) / 2e-5 for s in step])
    exact = 2 / np.linalg.eigvalsh((hessian + hessian.T) / 2).max()
    # 1 %: what the function promises
    assert lrc.stability_limit(grad, w) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kinks_of_the_gradient_are_stepped_over(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((50, 10)), rng.integers(4, size=50)
    params = create([10, 20, 4], rng, dtype)

    def grad(at: Any) -> Any:
        return loss_and_gradients(at, X, y)[1]

    close = lrc.stability_limit(grad, params, distance=1e-9)
    # 1 %: what the function promises
    assert lrc.stability_limit(grad, params) == pytest.approx(close, rel=0.01)


def test_gradients_in_float32_are_differenced_further_apart() -> None:
    h = np.linspace(0, 1, 50)
    # 2 %: the promise, and rounding of the gradients
    found = lrc.stability_limit(lambda x: (h * x).astype(np.float32), np.ones(50))
    assert found == pytest.approx(2, rel=0.02)


def test_the_same_start_gives_the_same_bits() -> None:
    h = np.linspace(0, 1, 300)

    def grad(x: Any) -> Any:
        return h * x + x**3

    found = {lrc.stability_limit(grad, np.ones(300), rng=5) for _ in range(3)}
    assert found == {lrc.stability_limit(grad, np.ones(300), rng=np.random.default_rng(5))}


def test_one_buffer_for_all_gradients_is_no_harm() -> None:
    h, buffer = np.linspace(0, 1, 50), np.empty(50)
    shared = lrc.stability_limit(lambda x: np.multiply(h, x, out=buffer), np.ones(50))
    assert shared == lrc.stability_limit(lambda x: h * x, np.ones(50))


def test_the_point_keeps_its_bits_even_if_the_gradient_writes_and_raises() -> None:
    x = np.array([0.0, -0.0, 1e-310, 3.0])
    before, calls = x.tobytes(), []

    def grad(at: Any) -> Any:
        at += 1
        calls.append(at)
        if len(calls) == 4:
            raise KeyError("mine")
        return np.arange(4) * at

    with pytest.raises(KeyError, match="mine"):
        lrc.stability_limit(grad, x)
    assert x.tobytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.arange(3)}, 'x "0" must be float32 or float64, got int64'),
        ({"x": [1.0]}, 'x "0" must be float32 or float64, got float'),
        ({"x": np.ma.masked_array(np.ones(3))}, 'x "0" is a masked array'),
        ({"x": np.array([np.nan])}, 'x "0" is not finite'),
        ({"grad": 3}, "grad must be callable, got 3"),
        ({"grad": lambda x: x[:1]}, r'gradient "0" has shape \(1,\)'),
        ({"grad": lambda x: None}, 'gradient "0" is None'),
        ({"grad": lambda x: x / 0}, "a gradient near x is not finite"),
        ({"tol": 0}, r"tol must be a finite number in \(0, inf\), got 0"),
        ({"distance": -1.0}, r"distance must be a finite number in \(0, inf\), got -1.0"),
        ({"grad": lambda x: x * 1e200}, "a square of x or of a gradient overflows"),
        ({"x": np.full(3, 1e200)}, "a square of x or of a gradient overflows"),
        ({"rng": -1}, "rng must be an integer in"),
        ({"rng": "a"}, "rng must be a numpy.random.Generator or an int, got 'a'"),
    ],
)
def test_what_has_no_limit_is_refused_by_name(arguments: Any, message: str) -> None:
    given = {"grad": lambda x: x, "x": np.ones(3)} | arguments
    errors = (TypeError, ValueError, FloatingPointError)
    with np.errstate(all="ignore"), pytest.raises(errors, match=message):
        lrc.stability_limit(given.pop("grad"), given.pop("x"), **given)


H = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 1.0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_newton_step_ends_at_the_minimum_of_a_quadratic(dtype: Any) -> None:
    w = {"a": np.array([[5.0]], dtype), "b": np.array([-7.0, 3.0], dtype)}
    joined = np.array([5.0, -7.0, 3.0])
    g = H @ joined
    lrc.newton_step(w, {"b": g[1:], "a": g[:1].reshape(1, 1)}, H)
    # rounding of the solution alone, in float64
    np.testing.assert_allclose(np.r_[w["a"].ravel(), w["b"]], 0, atol=1e-14)


def test_damping_is_added_to_the_diagonal() -> None:
    w, g = np.zeros(3), np.array([1.0, 2.0, 3.0])
    lrc.newton_step(w, g, H, damping=0.7)
    # rounding of the solution alone
    np.testing.assert_allclose((H + 0.7 * np.eye(3)) @ -w, g, rtol=1e-14)


@pytest.mark.parametrize("smallest", [-3.0, -1e-9, 0.0])
def test_the_damping_that_an_error_names_suffices(smallest: float) -> None:
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    hessian = (Q * [smallest, smallest, 1.0, 2.0, 50.0]) @ Q.T
    hessian -= 1e-15 * np.eye(5)
    w = np.ones(5)
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite") as caught:
        lrc.newton_step(w, w, hessian)
    assert (w == 1).all()
    enough = float(str(caught.value).split("damping=")[1].split()[0])
    lrc.newton_step(w, np.ones(5), hessian, damping=enough)
    assert np.isfinite(w).all()


def test_the_damping_that_is_named_for_a_hessian_of_zeros_suffices_too() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="damping=1e-06 suffices"):
        lrc.newton_step(np.ones(2), np.ones(2), np.zeros((2, 2)))
    lrc.newton_step(np.ones(2), np.ones(2), np.zeros((2, 2)), damping=1e-6)


def test_the_smallest_eigenvalue_is_named() -> None:
    with pytest.raises(ValueError, match=r"smallest eigenvalue of hessian is -4, damping=4\.01"):
        lrc.newton_step(np.ones(2), np.ones(2), np.diag([-4.0, 1.0]), damping=0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hessian": np.eye(2)}, r"hessian must have shape \(3, 3\), got \(2, 2\)"),
        ({"hessian": np.ones(3)}, r"hessian must have shape \(3, 3\), got \(3,\)"),
        ({"hessian": np.eye(3) * 1j}, "hessian must be real numbers, got dtype complex128"),
        ({"hessian": np.tri(3)}, "hessian must be symmetric, got differences of 1"),
        ({"hessian": np.diag([1, np.nan, 1])}, "hessian is not finite"),
        ({"damping": -1}, r"damping must be a finite number in \[0, inf\), got -1"),
        ({"grads": np.ones(2)}, r'gradient "0" has shape \(2,\)'),
        ({"grads": np.array([1, np.inf, 1])}, "would not be finite; nothing was changed"),
        ({"grads": np.full(3, 1e308), "hessian": 1e-3 * np.eye(3)}, "would not be finite"),
        ({"params": [1.0]}, 'parameter "0" is a float'),
        ({"params": np.broadcast_to(1.0, 3)}, 'parameter "0" is read-only'),
    ],
)
def test_a_refused_newton_step_names_why_and_changes_nothing(arguments: Any, message: str) -> None:
    w = np.ones(3)
    given = {"params": w, "grads": np.ones(3), "hessian": np.eye(3)} | arguments
    errors = (TypeError, ValueError, FloatingPointError)
    with np.errstate(all="ignore"), pytest.raises(errors, match=message):
        lrc.newton_step(**given)
    assert (w == 1).all()


def test_no_parameters_are_no_step_and_no_limit() -> None:
    lrc.newton_step([], [], np.zeros((0, 0)))
    assert lrc.stability_limit(lambda x: x, []) == math.inf
