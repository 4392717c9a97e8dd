#!/usr/bin/env bash
# What surprises: a rate that is set on torch.optim.ASGD, by hand or by a scheduler, comes into effect one
# update late: the step size is computed at the end of an update, for the next one.
# Why it matters: a rate that is set to 0, or cut because a loss exploded, does not stop the next update;
# the first rate of a warm-up is used twice; with SGD, Adam and the others the same code obeys at once.
# What one expects: that an update uses the rate that its parameter group has when step() is called.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import torch

RATES = [1.0, 1.0, 0.0, 0.0, 0.5, 0.5]


def moves(name, **options):
    weight = torch.zeros(1, requires_grad=True)
    opt = getattr(torch.optim, name)([weight], lr=RATES[0], **options)
    seen = [0.0]
    for rate in RATES:
        opt.param_groups[0]["lr"] = rate
        weight.grad = torch.ones(1)
        opt.step()
        seen.append(weight.item())
    return [round(a - b, 4) for a, b in zip(seen, seen[1:])]


print("torch", torch.__version__, "- how far each update moves along a gradient of 1")
print("rates", RATES)
for name in ("SGD", "Adam", "ASGD"):
    print(name, moves(name, **({"lambd": 0.0} if name == "ASGD" else {})))
assert moves("SGD") == RATES
late = moves("ASGD", lambd=0.0)
assert late[2] == 1.0 and late[4] == 0.0, "the behaviour has changed"
PROGRAM
