#!/usr/bin/env bash
# What surprises: autograd's `sgd` has momentum on by default (mass 0.9), and gathers `(1 - mass) * g`:
# its first update is a tenth of rate times gradient, and its steps never exceed the rate. Nor is it
# the `dampening=0.9` of torch, whose first update is whole.
# Why it matters: a rate carried from here to a library whose velocity gathers the whole gradient
# makes steps ten times as long, and the other way round.
# What one expects: "stochastic gradient descent with momentum" is the documentation, whole.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check autograd==1.9.1 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
from importlib.metadata import version

import numpy as np
from autograd.misc.optimizers import sgd

places = []
sgd(
    lambda x, i: np.ones(1), np.zeros(1), num_iters=5, step_size=1.0,
    callback=lambda x, i, g: places.append(float(x[0])),
)
steps = (-np.diff(places)).round(6).tolist()
classical = [round(sum(0.9**k for k in range(n)), 6) for n in range(1, 5)]
print("autograd", version("autograd"), "- steps for a gradient of 1 at rate 1")
print("autograd ", steps)
print("classical", classical)
assert steps == [0.1, 0.19, 0.271, 0.3439], "the behaviour has changed"
PROGRAM
