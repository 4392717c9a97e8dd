"""A perceptron with hidden layers in plain NumPy, and its gradients by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .datasets import Array, Random

Params = dict[str, Array]


def create(sizes: Sequence[int], rng: Random, dtype: type = np.float32) -> Params:
    """Normal weights of variance 2 / fan-in (He et al. 2015) and zero biases, layer by layer."""
    params: Params = {}
    for k, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        weights = rng.standard_normal((fan_in, fan_out)) * math.sqrt(2 / fan_in)
        params[f"W{k}"] = weights.astype(dtype)
        params[f"b{k}"] = np.zeros(fan_out, dtype)
    return params


def forward(params: Params, X: Array) -> list[Array]:
    """What enters each layer, and at the end the logits; a row for each row of X."""
    layers = len(params) // 2
    values = [X]
    for k in range(layers):
        z = values[-1] @ params[f"W{k}"] + params[f"b{k}"]
        values.append(z if k == layers - 1 else np.maximum(z, 0))
    return values


def loss_and_gradients(params: Params, X: Array, y: Array) -> tuple[float, Params]:
    """The mean cross-entropy of the softmax, and its gradient in every parameter."""
    *inputs, logits = forward(params, X)
    rows = np.arange(len(y))
    logits -= logits.max(axis=1, keepdims=True)
    exps = np.exp(logits)
    total = exps.sum(axis=1, keepdims=True)
    loss = float(np.mean(np.log(total[:, 0]) - logits[rows, y]))

    delta = exps / total
    delta[rows, y] -= 1
    delta /= len(y)
    grads: Params = {}
    for k in reversed(range(len(inputs))):
        grads[f"W{k}"] = inputs[k].T @ delta
        grads[f"b{k}"] = delta.sum(axis=0)
        if k > 0:
            delta = (delta @ params[f"W{k}"].T) * (inputs[k] > 0)
    return loss, {name: grads[name] for name in params}


def accuracy(params: Params, X: Array, y: Array) -> float:
    """The fraction of the rows whose largest logit is that of their class."""
    return float(np.mean(forward(params, X)[-1].argmax(axis=1) == y))
