#!/usr/bin/env bash
# What surprises: the inverse-square-root schedule of transformers falls to a half after 4 updates with
# a warm-up of 1, and with a warm-up of 0 it is flat: 0.98 of the rate after 400 updates.
# Why it matters: who leaves the warm-up out, to compare, also loses the decay.
# What one expects: the documentation: the time scale is the number of warm-up steps unless given. For
# none it is 10000, which only the code says.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 transformers==5.24.0 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import warnings

warnings.simplefilter("ignore")
import torch
import transformers


def rate(warmup, updates):
    opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = transformers.get_inverse_sqrt_schedule(opt, num_warmup_steps=warmup)
    for _ in range(updates):
        opt.step()
        scheduler.step()
    return round(opt.param_groups[0]["lr"], 4)


print("transformers", transformers.__version__)
found = {n: [rate(n, t) for t in (4, 100, 400)] for n in (1, 0)}
for warmup, rates in found.items():
    print("warm-up of", warmup, "- rates at 4, 100, 400:", rates)
assert found[1] == [0.5, 0.1, 0.05]
assert found[0] == [0.9998, 0.995, 0.9806], "the behaviour has changed"
PROGRAM
