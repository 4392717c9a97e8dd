#!/usr/bin/env bash
# What surprises: a second scheduler on the same torch optimizer starts from the first rate that the
# optimizer ever had under a scheduler, not from the one it has now: the optimizer was set to 0.01,
# and LambdaLR and CosineAnnealingWarmRestarts set it back to 1. CosineAnnealingLR, StepLR and
# ExponentialLR keep the 0.01. What decides is the hidden entry "initial_lr" of the group.
# Why it matters: training in phases (freeze, set a lower rate, a new scheduler) silently runs the
# second phase at the rate of the first, or not, depending on which scheduler it uses.
# What one expects: the documentation: with last_epoch=-1, the default, the initial rate is set to lr.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import warnings

import torch

warnings.simplefilter("ignore")
schedulers = torch.optim.lr_scheduler


def second(make):
    opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedulers.StepLR(opt, 10)  # the first phase
    for group in opt.param_groups:
        group["lr"] = 0.01
    make(opt)  # the second
    return opt.param_groups[0]["lr"]


made = {
    "LambdaLR": lambda opt: schedulers.LambdaLR(opt, lambda t: 1.0),
    "CosineAnnealingWarmRestarts": lambda opt: schedulers.CosineAnnealingWarmRestarts(opt, 4),
    "CosineAnnealingLR": lambda opt: schedulers.CosineAnnealingLR(opt, 4),
    "ExponentialLR": lambda opt: schedulers.ExponentialLR(opt, 0.9),
}
print("torch", torch.__version__, "- the rate was set to 0.01, then a scheduler was made")
found = {name: second(make) for name, make in made.items()}
for name, rate in found.items():
    print(f"{name:28}", rate)
assert found["CosineAnnealingLR"] == found["ExponentialLR"] == 0.01
assert found["LambdaLR"] == found["CosineAnnealingWarmRestarts"] == 1.0, "the behaviour has changed"
PROGRAM
