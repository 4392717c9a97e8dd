#!/usr/bin/env bash
# What surprises: CatBoost chooses its learning rate from the data, unless one of some other arguments
# is given, be it at its default: `l2_leaf_reg=3` is the default, and spelling it out changes the rate
# of these 100 trees from 0.239 to 0.03. An eval set changes it too.
# Why it matters: writing down all settings of a run, as is good for repeating it, trains another
# model; and a grid over l2_leaf_reg compares eight times too low a rate with nothing.
# What one expects: an argument given at its default is no change (the long list of parameters does
# say on which arguments the automatic rate depends).
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check catboost==1.2.10 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import catboost
import numpy as np

x = np.random.default_rng(0).standard_normal((500, 3))
y = x[:, 0] + 0.1 * x[:, 1]


def chosen(eval_set=None, **arguments):
    model = catboost.CatBoostRegressor(
        iterations=100, verbose=0, thread_count=1, allow_writing_files=False, **arguments
    )
    settings = model.fit(x, y, eval_set=eval_set).get_all_params()
    return round(settings["learning_rate"], 4), settings["l2_leaf_reg"]


answers = [chosen(), chosen(l2_leaf_reg=3), chosen((x, y))]
print("catboost", catboost.__version__, "- learning_rate and l2_leaf_reg that were used")
for name, answer in zip(("nothing given", "l2_leaf_reg=3", "an eval set"), answers):
    print(f"{name:14}", answer)
rates = [rate for rate, l2 in answers]
assert [l2 for _, l2 in answers] == [3, 3, 3]
assert rates[1] == 0.03 and rates[0] > 0.2 and rates[2] not in rates[:2], "the behaviour has changed"
PROGRAM
