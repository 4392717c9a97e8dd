#!/usr/bin/env bash
# What surprises: the first update by Keras's Ftrl sets every weight whose gradient is 0 to 0, whatever
# it was, and pulls the others far towards it: 5 becomes 3.40 by a gradient of 1 at rate 0.1.
# Why it matters: who fine-tunes a trained model, or resumes one without the optimizer's state, loses
# the weights without a word; with SGD, Adam or Adagrad a gradient of 0 leaves a weight alone at first.
# What one expects: of an optimizer in a list of optimizers, that an update is a step from the weights.
# (The formula in its documentation starts from sums that belong to weights of 0; it does not say so.)
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 jax==0.10.2 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import os

os.environ |= {"KERAS_BACKEND": "jax", "KERAS_HOME": os.getcwd()}
import keras
import numpy as np


def updated(optimizer, weights):
    variable = keras.Variable(np.array(weights))
    optimizer.apply([np.array([0.0, 1.0])], [variable])
    return np.asarray(variable.value).round(4).tolist()


print("keras", keras.__version__, "- two weights after gradients 0 and 1, at rate 0.1")
found = {}
for name in ("SGD", "Adagrad", "Ftrl"):
    for weights in ([5.0, 5.0], [-3.0, 7.0]):
        found[name, weights[0]] = updated(getattr(keras.optimizers, name)(0.1), weights)
        print(name, weights, "->", found[name, weights[0]])
assert found["SGD", 5.0][0] == found["Adagrad", 5.0][0] == 5
assert found["Ftrl", 5.0][0] == found["Ftrl", -3.0][0] == 0, "the behaviour has changed"
PROGRAM
