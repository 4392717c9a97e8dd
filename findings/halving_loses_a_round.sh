#!/usr/bin/env bash
# What surprises: where the resource is an exact power of the factor, the searches by halving have one
# round, or one bracket, fewer than the power says: at 243 with factor 3, as at 1000 with factor 10.
# At 81 both are right. The logarithm of 243 to base 3 is 4.999... in floating point.
# Why it matters: such powers are the numbers to choose here. scikit-learn then never trains anything
# with the whole resource and leaves 3 (or 10) candidates unseparated; Optuna prunes on one level less.
# What one expects: the formula of Optuna's documentation, floor(log(max / min)) + 1: 6 at 243.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check optuna==5.0.0 scikit-learn==1.9.1 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import warnings

import numpy as np
import optuna
import sklearn
from sklearn.experimental import enable_halving_search_cv
from sklearn.linear_model import SGDRegressor
from sklearn.model_selection import HalvingGridSearchCV

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)


def brackets(most, factor):
    """Optuna's pruner draws a bracket for each trial; how many does it choose among?"""
    pruner = optuna.pruners.HyperbandPruner(1, most, factor)
    study = optuna.create_study(study_name="a", pruner=pruner)

    def objective(trial):
        trial.report(0.0, 1)
        trial.should_prune()
        return 0.0

    study.optimize(objective, n_trials=1)
    return pruner._n_brackets


def resources(most, factor):
    x = np.random.default_rng(0).standard_normal((20, 2))
    grid = {"alpha": np.geomspace(1e-5, 1, most)}
    search = HalvingGridSearchCV(
        SGDRegressor(), grid, resource="max_iter", min_resources=1, max_resources=most,
        factor=factor, cv=2,
    )
    return search.fit(x, x[:, 0]).n_resources_


print("optuna", optuna.__version__, "- scikit-learn", sklearn.__version__)
found = {}
for most, factor, rounds in ((81, 3, 5), (243, 3, 6), (1000, 10, 4)):
    found[most] = brackets(most, factor), resources(most, factor)
    print(f"{most} by {factor}: {rounds} rounds by the formula;",
          f"Optuna's brackets {found[most][0]}, scikit-learn's resources {found[most][1]}")
assert found[81] == (5, [1, 3, 9, 27, 81])
assert found[243] == (5, [1, 3, 9, 27, 81]), "the behaviour has changed"
assert found[1000] == (3, [1, 10, 100]), "the behaviour has changed"
PROGRAM
