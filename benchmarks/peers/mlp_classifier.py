"""A real training loop: scikit-learn's MLPClassifier with its Adam in NumPy, and with ours.

Prints, for each network and batch size, the share of `fit` that the optimizer takes before and
after, the ratio of its times, the ratio that moving the same bytes without arithmetic would have,
and how far the loss curves are apart. Usage: python benchmarks/peers/mlp_classifier.py
"""

from __future__ import annotations

import argparse
import os
import warnings
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from compiled import limit_step
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, _multilayer_perceptron
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer

import lrcore as lrc

NETWORKS = ((100,), (256, 256), (1024, 1024))
BATCHES = (200, 32)


class Timed:
    """Adds up the seconds spent in update_params."""

    seconds = 0.0

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def update_params(self, params: list[Any], grads: list[Any]) -> None:
        start = perf_counter()
        self.inner.update_params(params, grads)
        Timed.seconds += perf_counter() - start


class Ours(AdamOptimizer):  # type: ignore[misc]
    """scikit-learn's interface over our Adam; its epsilon is epsilon-hat."""

    def __init__(
        self, params: list[Any], rate: float, beta_1: float, beta_2: float, epsilon: float
    ) -> None:
        self.learning_rate = rate
        self.opt = lrc.Adam(params, rate, betas=(beta_1, beta_2), eps=epsilon, eps_hat=True)

    def update_params(self, params: list[Any], grads: list[Any]) -> None:
        self.opt.step(grads)


class Moved(AdamOptimizer):  # type: ignore[misc]
    """No optimizer: the same bytes are read and written, in arrays of its own."""

    def __init__(self, params: list[Any], *_: float) -> None:
        self.words = [np.zeros(p.nbytes // 4, np.float32) for p in params]
        self.grads = [np.zeros_like(words) for words in self.words]
        self.step = limit_step("Adam", {}, self.words, self.grads)

    def update_params(self, params: list[Any], grads: list[Any]) -> None:
        self.step()


def fit(make: Any, hidden: tuple[int, ...], batch: int, epochs: int, dtype: type) -> Any:
    """Seconds of a fit, the optimizer's part of them, and the loss curve."""
    X, y = load_digits(return_X_y=True)
    model = MLPClassifier(hidden, batch_size=batch, max_iter=epochs, random_state=0)
    _multilayer_perceptron.AdamOptimizer = lambda *args: Timed(make(*args))
    Timed.seconds = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = perf_counter()
        model.fit((X / 16).astype(dtype), y)
        seconds = perf_counter() - start
    return seconds, Timed.seconds, np.array(model.loss_curve_)


def compare(hidden: tuple[int, ...], batch: int, rounds: int, epochs: int, dtype: type) -> str:
    """A row of the table: medians over interleaved rounds."""
    runs: dict[Any, list[Any]] = {AdamOptimizer: [], Ours: [], Moved: []}
    for _ in range(rounds):
        for make, found in runs.items():
            found.append(fit(make, hidden, batch, epochs, dtype))
    curves = [runs[make][0][2] for make in (AdamOptimizer, Ours)]
    apart = float(np.max(np.abs(curves[1] / curves[0] - 1)))
    shares = [median(part / whole for whole, part, _ in found) for found in runs.values()]
    parts = [median(part for _, part, _ in found) for found in runs.values()]
    wholes = [median(whole for whole, _, _ in found) for found in runs.values()]
    return (
        f"| {'x'.join(map(str, hidden))} | {batch} | {np.dtype(dtype).name} "
        f"| {shares[0]:.1%} | {shares[1]:.1%} "
        f"| {parts[1] / parts[0]:.3f} | {parts[2] / parts[0]:.3f} "
        f"| {wholes[0] / wholes[1]:.2f} | {apart:.0e} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # of the bytes alone; too late for any library
    lrc.set_num_threads(1)
    print(
        "| hidden | batch | dtype | optimizer's share of fit | with lrcore "
        "| optimizer's time, ratio | its bytes alone, ratio | speed-up of fit | loss curves apart |"
    )
    print("|---" * 9 + "|")
    for dtype in (np.float32, np.float64):
        for hidden in NETWORKS:
            for batch in BATCHES:
                print(compare(hidden, batch, options.rounds, options.epochs, dtype), flush=True)


if __name__ == "__main__":
    main()
