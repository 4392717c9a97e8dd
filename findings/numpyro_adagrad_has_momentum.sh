#!/usr/bin/env bash
# What surprises: numpyro's Adagrad, as the optimizer of JAX that it wraps, has a momentum of 0.9 that
# gathers a tenth of each update: its first step is a tenth of the rate, where Adagrad's is the rate.
# Why it matters: Adagrad of every other library takes a first step of the rate; a rate found with
# this one is about ten times too high elsewhere.
# What one expects: the documentation cites the paper, which knows no momentum; that of numpyro does
# not mention the argument, that of JAX calls it optional without its default.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check numpyro==0.22.0 jax==0.10.2 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import jax.numpy as jnp
import numpyro


def places(optimizer):
    state, found = optimizer.init(jnp.zeros(1)), []
    for _ in range(3):
        state = optimizer.update(jnp.ones(1), state)
        found.append(round(float(optimizer.get_params(state)[0]), 5))
    return found


default, plain = (places(numpyro.optim.Adagrad(0.1, **k)) for k in ({}, {"momentum": 0.0}))
print("numpyro", numpyro.__version__, "- places after gradients of 1, from 0, at rate 0.1")
print("Adagrad(0.1)            ", default)
print("Adagrad(0.1, momentum=0)", plain)
assert plain == [-0.1, -0.17071, -0.22845]
assert default == [-0.01, -0.02607, -0.04631], "the behaviour has changed"
PROGRAM
