#!/usr/bin/env bash
# What surprises: torch's two ways to take the plain mean of weights differ. AveragedModel without
# arguments gives the mean of float64 weights to the last digit; with
# `multi_avg_fn=get_swa_multi_avg_fn()`, the faster form of the same mean, and in the average that
# torch.optim.ASGD keeps, the factor 1 / n is rounded to torch's default dtype, float32.
# Why it matters: physicists and others who keep their weights in float64 get an average with seven
# digits, silently; a run with another default dtype gives other bits.
# What one expects: the same mean by both functions, in the precision of the weights.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import torch
from torch.optim.swa_utils import AveragedModel, get_swa_multi_avg_fn

DOUBLE = torch.float64
VALUES = [1.0 + (i % 7) / 3 for i in range(50)]
MEAN = sum(VALUES) / len(VALUES)


def of_model(**how):
    model = torch.nn.Linear(1, 1, bias=False, dtype=DOUBLE)
    average = AveragedModel(model, **how)
    for value in VALUES:
        with torch.no_grad():
            model.weight.fill_(value)
        average.update_parameters(model)
    return abs(average.module.weight.item() - MEAN)


def of_asgd():
    weight = torch.zeros(1, dtype=DOUBLE, requires_grad=True)
    opt = torch.optim.ASGD([weight], lr=0.1, lambd=0.0, t0=0)
    seen = []
    for i in range(50):
        weight.grad = torch.tensor([float(i % 7)], dtype=DOUBLE)
        opt.step()
        seen.append(weight.item())
    kept = seen[1:]  # the first update only starts the average
    return abs(opt.state[weight]["ax"].item() - sum(kept) / len(kept))


print("torch", torch.__version__, "- how far from the mean of 50 float64 weights")
for default in (torch.float32, torch.float64):
    torch.set_default_dtype(default)
    plain, multi, asgd = of_model(), of_model(multi_avg_fn=get_swa_multi_avg_fn()), of_asgd()
    print(f"default {default}: plain {plain:.1e}, multi_avg_fn {multi:.1e}, ASGD {asgd:.1e}")
    assert plain < 1e-14, "the behaviour has changed"
    assert (multi > 1e-10) == (default == torch.float32), "the behaviour has changed"
    assert (asgd > 1e-9) == (default == torch.float32), "the behaviour has changed"
PROGRAM
