#!/usr/bin/env bash
# What surprises: flax's `from_bytes` restores the state of an optimizer made for other parameters: the
# template's shapes and dtypes are not looked at, and those of the file come back. State of Adam also
# goes into Yogi, since both have the same fields.
# Why it matters: after a layer was changed the checkpoint of the old model is "restored"; the error
# comes later, at the first update, or not at all where shapes broadcast or only the dtype differs
# (moments in float32 beside parameters in bfloat16, or the reverse).
# What one expects: the documentation of `from_state_dict`: the target lets it assert that shapes and
# dtypes do not change.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check flax==0.12.8 optax==0.2.8 jax==0.10.2 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import flax
import jax.numpy as jnp
import optax
from flax.serialization import from_bytes, to_bytes

saved = to_bytes(optax.adam(0.1).init({"w": jnp.zeros((1, 3))}))
parameters = {"w": jnp.zeros((5, 3), jnp.bfloat16)}
template = optax.adam(0.1).init(parameters)
restored = from_bytes(template, saved)
moment, wanted = restored[0].mu["w"], template[0].mu["w"]
update, _ = optax.adam(0.1).update(parameters, restored)
print("flax", flax.__version__, "- optax", optax.__version__)
print("template", wanted.shape, wanted.dtype, "- restored", moment.shape, moment.dtype)
print("an update made with it has shape", update["w"].shape)
yogi = from_bytes(optax.yogi(0.1).init(parameters), saved)
print("into Yogi:", yogi[0].mu["w"].shape)
assert (moment.shape, moment.dtype) == ((1, 3), jnp.float32), "the behaviour has changed"
assert update["w"].shape == (5, 3) and yogi[0].mu["w"].shape == (1, 3), "the behaviour has changed"
PROGRAM
