#!/usr/bin/env bash
# What surprises: river's FTRLProximal has an `l1`, and never sets a weight to 0: where the algorithm says
# 0 (abs(z) <= l1), the weight keeps the value that it had. And weights are those of all gradients but
# the last one: the first update changes nothing.
# Why it matters: exact zeros are what FTRL-Proximal is chosen for: a weight that has lost its reason
# stays in the model, with a value from long ago.
# What one expects: algorithm 1 of McMahan et al. 2013, which the documentation names: w = 0 there.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check river==0.26.1
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
from importlib.metadata import version

from river import optim

GRADIENTS = [1.0, -0.5, -0.2, -0.1, 0.0, 0.0]
ALPHA, BETA, L1, L2 = 0.1, 1.0, 0.5, 0.0


def of_paper():
    z = n = 0.0
    w, weights = 0.0, []
    for g in GRADIENTS:
        z += g - ((n + g * g) ** 0.5 - n**0.5) / ALPHA * w
        n += g * g
        w = 0.0
        if abs(z) > L1:
            w = -(z - L1 * ((z > 0) - (z < 0))) / ((BETA + n**0.5) / ALPHA + L2)
        weights.append(round(w, 4))
    return weights


opt, w, found = optim.FTRLProximal(alpha=ALPHA, beta=BETA, l1=L1, l2=L2), {"x": 0.0}, []
for g in GRADIENTS:
    w = opt.step(w, {"x": g})
    found.append(round(float(w["x"]), 4))

print("river", version("river"), f"- a weight, with l1 = {L1}")
print("gradients", GRADIENTS)
print("river    ", found, f"in the end z = {opt.z['x']:.3f}")
print("the paper", of_paper())
assert of_paper()[-1] == 0 != of_paper()[0]
assert found[0] == 0, "the behaviour has changed"
assert found[-1] != 0 and abs(opt.z["x"]) < L1, "the behaviour has changed"
PROGRAM
