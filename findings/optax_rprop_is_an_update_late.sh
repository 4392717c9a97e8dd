#!/usr/bin/env bash
# What surprises: each update of optax.rprop is the one that the gradient before asked for. The first
# is zero, the second has the step size of the first, and after a turn two are zero in place of one.
# Why it matters: Rprop is for whole batches and few updates; each turn costs more than in the papers
# and in torch, and a program that ends after one update has not moved.
# What one expects: that the first update is minus the sign of the gradient times the first step size,
# and that of the updates after a turn one is zero, as in iRprop- and in torch.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check optax==0.2.8 jax==0.10.2 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import jax.numpy as jnp
import optax

GRADIENTS = [1.0, 1.0, -1.0, -1.0, -1.0]


def rprop_minus(rate=0.01, up=1.2, down=0.5):
    """The updates of iRprop- (Igel and Huesken 2000)."""
    step, before, updates = rate, 0.0, []
    for g in GRADIENTS:
        if g * before > 0:
            step *= up
        elif g * before < 0:
            step *= down
            g = 0.0
        before = g
        updates.append(round(-step * ((g > 0) - (g < 0)), 6))
    return updates


rule, p = optax.rprop(0.01), jnp.ones(1)
state, found = rule.init(p), []
for g in GRADIENTS:
    update, state = rule.update(jnp.array([g]), state, p)
    found.append(round(float(update[0]), 6))

print("optax", optax.__version__)
print("gradients ", GRADIENTS)
print("optax     ", found)
print("the papers", rprop_minus())
assert rprop_minus() == [-0.01, -0.012, 0.0, 0.006, 0.0072]
assert found == [0.0, -0.01, 0.0, 0.0, 0.006], "the behaviour has changed"
PROGRAM
