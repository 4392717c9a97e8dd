#!/usr/bin/env bash
# What surprises: ScheduleFreeAdamW of Keras goes another way on the torch backend than on JAX's: there
# the old value that the formula needs is overwritten before it is used, as `momentum.value` is no copy.
# Why it matters: a model trained on one backend is not that of the other, from the second update on; the
# weights that the averages are given are wrong, and nothing says so.
# What one expects: the same updates on every backend, but for roundings, as with Adam.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 jax==0.10.2 torch==2.13.0 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import json
import os
import subprocess
import sys

CODE = """
import json, keras, numpy as np
found = {}
for name in ("Adam", "ScheduleFreeAdamW"):
    opt, w, seen = getattr(keras.optimizers, name)(0.1), keras.Variable(np.ones(1)), []
    for _ in range(5):
        opt.apply([keras.ops.convert_to_tensor(np.ones(1, "float32"))], [w])
        seen.append(round(float(keras.ops.convert_to_numpy(w.value)[0]), 4))
    found[name] = seen
print(json.dumps([keras.__version__, found]))
"""


def positions(backend):
    """A weight that starts at 1 and meets gradients of 1, at rate 0.1."""
    names = {"KERAS_BACKEND": backend, "KERAS_HOME": os.getcwd()}
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=os.environ | names, capture_output=True, check=True
    )
    version, found = json.loads(done.stdout)
    for name, seen in found.items():
        print("keras", version, "on", backend, name, seen)
    return found


jax, torch = positions("jax"), positions("torch")
assert jax["Adam"] == torch["Adam"]
assert jax["ScheduleFreeAdamW"] == [0.9, 0.845, 0.79, 0.735, 0.68], "the behaviour has changed"
assert torch["ScheduleFreeAdamW"][1:] != jax["ScheduleFreeAdamW"][1:], "the behaviour has changed"
PROGRAM
