#!/usr/bin/env bash
# What surprises: on a CPU `jax.device_put(array, may_alias=False)` shares the memory of a NumPy array
# that begins at a multiple of 64 bytes, and copies one that does not. A JAX array, which is immutable,
# then changes with the NumPy array.
# Why it matters: who keeps parameters in NumPy and steps in place (`w -= lr * g`) changes "copies" that
# were put on the device before, depending on where the allocator placed the array: a run that differs
# from one time to the next. `jnp.array` copies.
# What one expects: the documentation: if `may_alias` is False, the array will be copied.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check jax==0.10.2 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import jax
import jax.numpy as jnp
import numpy as np


def after(put, offset):
    """What an array that was put on the device shows when its source has been halved."""
    block = np.ones(1024 + 32, np.float32)
    start = -block.ctypes.data % 64 // 4 + offset
    w = block[start : start + 1024]
    x = jax.block_until_ready(put(w))
    w *= 0.5
    return float(x[0])


ways = {
    "device_put(w)": jax.device_put,
    "device_put(w, may_alias=False)": lambda w: jax.device_put(w, may_alias=False),
    "jnp.array(w)": jnp.array,
}
print("jax", jax.__version__, "- on", jax.devices()[0].platform)
found = {name: [after(put, offset) for offset in (0, 1)] for name, put in ways.items()}
for name, values in found.items():
    print(f"{name:31} at a multiple of 64: {values[0]}, elsewhere: {values[1]}")
assert found["jnp.array(w)"] == [1, 1]
assert found["device_put(w, may_alias=False)"] == [0.5, 1], "the behaviour has changed"
PROGRAM
