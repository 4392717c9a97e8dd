#!/usr/bin/env bash
# What surprises: the same list of rates, given to the callbacks of XGBoost and LightGBM, is used one
# round apart. XGBoost sets a rate after its round: the entry for round 0 acts in round 1, and round 0
# has the rate among the options. LightGBM uses the entry for round 0 in round 0, although its
# documentation says that the initial parameter holds in the first iteration.
# Why it matters: a schedule moved from one to the other is shifted; a warm-up or a list of as many
# rates as rounds loses its last entry in XGBoost, without a word.
# What one expects: of XGBoost, the documented "integer epoch -> corresponding learning rate"; of
# LightGBM the opposite of what it does.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check xgboost==3.2.0 lightgbm==4.7.0 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import lightgbm
import numpy as np
import xgboost

x = np.random.default_rng(0).standard_normal((200, 3))
y = x @ [1.0, -2.0, 0.5]
RATES = [1e-9, 0.5, 1e-9, 0.5]  # rounds 0 and 2 are to do nothing


def idle(trees):
    return [k for k, tree in enumerate(trees) if np.ptp(tree) < 1e-6]


data = xgboost.DMatrix(x, y)
callback = xgboost.callback.LearningRateScheduler(RATES)
first = xgboost.train({"learning_rate": 0.5, "nthread": 1}, data, 4, callbacks=[callback])
idle_first = idle(first[k : k + 1].predict(data, output_margin=True) for k in range(4))

options = {"learning_rate": 0.5, "num_threads": 1, "verbose": -1, "objective": "regression"}
callback = lightgbm.reset_parameter(learning_rate=RATES)
second = lightgbm.train(options, lightgbm.Dataset(x, y), 4, callbacks=[callback])
idle_second = idle(second.predict(x, start_iteration=k, num_iteration=1) for k in range(4))

print("rates", RATES, "- rounds that did nothing")
print("xgboost ", xgboost.__version__, idle_first)
print("lightgbm", lightgbm.__version__, idle_second)
assert idle_first == [1, 3], "XGBoost's behaviour has changed"
assert idle_second == [0, 2], "LightGBM's behaviour has changed"
PROGRAM
