#!/usr/bin/env bash
# What surprises: `EventAccumulator`, the way to read a TensorBoard log in Python, keeps a random sample
# of 10000 scalars of each name. Of 20000 losses half are missing, the very first two among them, with
# no warning. A rate of 1e-46 reads 0, since scalars are float32.
# Why it matters: what is computed from the log (a smoothed loss, the first loss, the update of a
# spike, the rate at an update) is computed from a sample with gaps.
# What one expects: `Scalars(tag)` is documented to return all scalar events of the tag. (The
# argument `size_guidance={"scalars": 0}` keeps all; its documentation names no number.)
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check tensorboard==2.21.0 tensorboardX==2.6.5 setuptools==80.9.0 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import os
from importlib.metadata import version

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboardX import SummaryWriter

log = os.path.join(os.getcwd(), "log")
with SummaryWriter(log) as writer:
    for t in range(20000):
        writer.add_scalar("loss", float(t), t)
    writer.add_scalar("lr", 1e-46, 0)


def steps(**arguments):
    reader = EventAccumulator(log, **arguments)
    reader.Reload()
    return [event.step for event in reader.Scalars("loss")], reader.Scalars("lr")[0].value


sample, rate = steps()
whole, _ = steps(size_guidance={"scalars": 0})
gaps = sum(b - a > 1 for a, b in zip(sample, sample[1:]))
print("tensorboard", version("tensorboard"))
print("written: 20000 - read:", len(sample), "with", gaps, "gaps; first", sample[:5])
print("with size_guidance 0:", len(whole), "- a rate of 1e-46 reads", rate)
assert len(whole) == 20000
assert len(sample) == 10000 and gaps > 1000 and rate == 0, "the behaviour has changed"
PROGRAM
