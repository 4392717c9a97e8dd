#!/usr/bin/env bash
# What surprises: a Fortran-ordered array saved by safetensors.numpy comes back with its shape and
# other values. The bytes are written as they lie in memory, and read as if in C order; no error.
# Why it matters: weights of a linear layer are often kept transposed (`w.T`), and a checkpoint that
# loads without complaint continues from a scrambled layer.
# What one expects: the documentation wants tensors "contiguous and dense", which such an array is.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import numpy as np
import safetensors
from safetensors.numpy import load, save

saved = np.asfortranarray([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
loaded = load(save({"w": saved}))["w"]
print("safetensors", safetensors.__version__)
print("saved ", saved.tolist())
print("loaded", loaded.tolist())
assert saved.flags.f_contiguous and loaded.shape == saved.shape
assert loaded.tolist() == [[0, 3, 1], [4, 2, 5]], "the behaviour has changed"
PROGRAM
