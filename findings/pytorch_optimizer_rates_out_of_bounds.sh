#!/usr/bin/env bash
# What surprises: the schedulers of pytorch_optimizer leave the range of their arguments. The first
# update is made at `min_lr`, whatever `init_lr` and `max_lr` are; after `t_max` LinearScheduler does
# not hold `min_lr` but goes on falling, below zero: training then climbs.
# Why it matters: one epoch more than planned, or a data loader with a few batches more, turns descent
# into ascent, slowly, with no error; torch's optimizers refuse a negative rate only when made.
# What one expects: the documentation: `min_lr` is the final rate, `init_lr` that of the first step.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 pytorch_optimizer==4.1.0 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
from importlib.metadata import version

import torch
from pytorch_optimizer import LinearScheduler


def rates(updates, **arguments):
    opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = LinearScheduler(opt, t_max=8, max_lr=1.0, min_lr=0.1, **arguments)
    found = []
    for _ in range(updates):
        found.append(round(float(opt.param_groups[0]["lr"]), 4))
        opt.step()
        scheduler.step()
    return found


plain, warm = rates(13), rates(13, init_lr=0.2, warmup_steps=4)
print("pytorch_optimizer", version("pytorch_optimizer"), "- from 1 to 0.1 in 8 steps")
print("without warm-up        ", plain)
print("4 steps of it, from 0.2", warm)
assert plain[:2] == [0.1, 1.0] and warm[:2] == [0.1, 0.2], "the behaviour has changed"
assert plain[-1] < 0 and warm[-1] < 0, "the behaviour has changed"
PROGRAM
