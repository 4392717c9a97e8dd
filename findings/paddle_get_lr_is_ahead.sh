#!/usr/bin/env bash
# What surprises: `get_lr()` of Paddle's CosineAnnealingDecay is not the rate: it applies the recursion
# once more, to a rate that has been advanced already. Calling the scheduler, and `last_lr`, give the
# rate in use. For ExponentialDecay both agree, so that nobody notices there.
# Why it matters: a log of `get_lr()` shows a curve that no update had: at 14 of 20 it is a quarter
# lower than the rate that is used.
# What one expects: that a method of that name gets the rate (the optimizer's method of the same name
# does); its documentation speaks of subclasses only.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check paddlepaddle==3.3.1 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import paddle


def read(scheduler, updates):
    found = []
    for _ in range(updates):
        scheduler.step()
        found.append([round(x, 4) for x in (scheduler(), scheduler.last_lr, scheduler.get_lr())])
    return found[-1]


lr = paddle.optimizer.lr
cosine, exponential = lr.CosineAnnealingDecay(0.1, T_max=20), lr.ExponentialDecay(0.1, gamma=0.9)
print("paddle", paddle.__version__, "- after 14 steps: called, last_lr, get_lr()")
print("CosineAnnealingDecay", after := read(cosine, 14))
print("ExponentialDecay    ", same := read(exponential, 14))
assert len(set(same)) == 1
assert after == [0.0206, 0.0206, 0.0156], "the behaviour has changed"
PROGRAM
