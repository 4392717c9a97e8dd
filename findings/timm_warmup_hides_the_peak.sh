#!/usr/bin/env bash
# What surprises: with a warm-up timm's CosineLRScheduler (Poly and Tanh too) never reaches its rate:
# the schedule has run on under the warm-up, and the rate jumps from 0.7 to 0.79 of it, the top.
# StepLRScheduler and MultiStepLRScheduler with the same arguments wait for the warm-up to end.
# Why it matters: exchanging one scheduler for another changes when everything happens, and a run
# moved from a library that puts a warm-up in front trains at up to a fifth below its rate.
# What one expects: that `warmup_prefix` has one default. It is True in two schedulers and False in
# the others.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$place/venv/bin/pip" install -q --disable-pip-version-check --no-deps timm==1.0.31
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import importlib.util
import sys
import types
import warnings
from importlib.metadata import version

import torch

# timm.scheduler alone: timm itself loads torchvision, which is not needed here
timm = types.ModuleType("timm")
timm.__path__ = list(importlib.util.find_spec("timm").submodule_search_locations)
sys.modules["timm"] = timm
warnings.simplefilter("ignore")
from timm.scheduler import CosineLRScheduler, StepLRScheduler


def rates(make, **arguments):
    opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(opt, warmup_t=3, warmup_lr_init=0.1, t_in_epochs=False, **arguments)
    found = []
    for t in range(8):
        found.append(round(opt.param_groups[0]["lr"], 4))
        opt.step()
        scheduler.step_update(t + 1)
    return found


cosine = rates(CosineLRScheduler, t_initial=10)
waiting = rates(CosineLRScheduler, t_initial=10, warmup_prefix=True)
step = rates(StepLRScheduler, decay_t=4, decay_rate=0.5)
print("timm", version("timm"))
print("cosine, default       ", cosine)
print("cosine, warmup_prefix ", waiting)
print("steps of 4, default   ", step)
assert max(waiting) == max(step) == 1 and step[:7] == [0.1, 0.4, 0.7, 1, 1, 1, 1]
assert cosine[:5] == [0.1, 0.4, 0.7, 0.7939, 0.6545], "the behaviour has changed"
PROGRAM
