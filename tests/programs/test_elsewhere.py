"""Our schedules where other libraries want a function of the round: docs/guide/migration.md."""

from __future__ import annotations

import itertools
import pickle
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from places import DOCS
from schedule_cases import CASES, Case

from lrcore.schedules.catalogue import Interp, Linear, Schedule

PAGE = DOCS / "guide" / "migration.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
ROUNDS = 12


def documented(library: str) -> str:
    """The lines of the page that call a library."""
    (block,) = (text for text in BLOCKS if f"{library}." in text)
    return str(block)


def data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 3))
    return x, x @ [1.0, -2.0, 0.5]


@pytest.mark.parametrize("case", CASES, ids=lambda case: type(case.schedule).__name__)
def test_a_schedule_is_a_function_that_survives_pickling(case: Case) -> None:
    """Coverage S50."""
    function = pickle.loads(pickle.dumps(case.schedule))
    assert [type(function(t)) for t in range(ROUNDS)] == [float] * ROUNDS
    assert [function(t) for t in range(ROUNDS)] == case.schedule(range(ROUNDS)).tolist()


def boosted_by_xgboost(schedule: Schedule) -> Any:
    xgboost = pytest.importorskip("xgboost")
    x, y = data()
    names = {
        "xgboost": xgboost,
        "schedule": schedule,
        "options": {"nthread": 1, "seed": 0},
        "data": xgboost.DMatrix(x, y),
        "rounds": ROUNDS,
    }
    exec(documented("xgboost"), names)
    model: Any = names["model"]
    trees = [model[k : k + 1].predict(names["data"], output_margin=True) for k in range(ROUNDS)]
    return np.array(trees)


def boosted_by_lightgbm(schedule: Schedule) -> Any:
    lightgbm = pytest.importorskip("lightgbm")
    x, y = data()
    names = {
        "lightgbm": lightgbm,
        "schedule": schedule,
        "options": {"num_threads": 1, "seed": 0, "verbose": -1, "objective": "regression"},
        "data": lightgbm.Dataset(x, y),
        "rounds": ROUNDS,
    }
    exec(documented("lightgbm"), names)
    model: Any = names["model"]
    trees = [model.predict(x, start_iteration=k, num_iteration=1) for k in range(ROUNDS)]
    return np.array(trees)


@pytest.mark.parametrize("boosted", [boosted_by_xgboost, boosted_by_lightgbm])
def test_every_boosting_round_has_its_own_rate(boosted: Any) -> None:
    rates = [0.3] * ROUNDS
    rates[5] = rates[8] = 1e-9  # LightGBM refuses 0
    trees = boosted(Interp(range(ROUNDS), rates))
    flat = [t for t in range(ROUNDS) if np.ptp(trees[t]) < 1e-6]
    assert flat == [5, 8]


@pytest.mark.parametrize("boosted", [boosted_by_xgboost, boosted_by_lightgbm])
def test_the_first_boosting_round_has_the_rate_of_update_zero(boosted: Any) -> None:
    low, high = (np.ptp(boosted(Linear(start, 0.1, ROUNDS))[0]) for start in (0.1, 0.4))
    # their trees are float32, and xgboost adds a base score
    assert high / low == pytest.approx(4.0, rel=1e-5)


def test_lightgbm_counts_from_zero_when_it_goes_on() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    x, y = data()
    schedule = Interp([0, 1, 2, 3], [0.3, 0.3, 1e-9, 0.3])
    options = {"num_threads": 1, "seed": 0, "verbose": -1, "objective": "regression"}

    def flat(rates: Schedule, before: Any) -> list[int]:
        callback = lightgbm.reset_parameter(learning_rate=rates)
        train = lightgbm.Dataset(x, y, free_raw_data=False)
        model = lightgbm.train(options, train, 2, init_model=before, callbacks=[callback])
        rounds = range(model.num_trees())
        trees = [model.predict(x, start_iteration=k, num_iteration=1) for k in rounds]
        return [k for k in rounds if np.ptp(trees[k]) < 1e-6]

    before = lightgbm.train(options, lightgbm.Dataset(x, y, free_raw_data=False), 2)
    assert flat(schedule, before) == []
    assert flat(schedule.shift(-2), before) == [2]


def with_qiskit(library: Any, schedule: Schedule, rounds: int) -> Any:
    names = {"qiskit_algorithms": library, "itertools": itertools, "schedule": schedule}
    exec(documented("qiskit_algorithms"), names | {"rounds": rounds}, names)
    return names["optimizer"]


def test_an_iterator_of_rates_begins_anew_and_does_not_end() -> None:
    """What qiskit asks for, by a stand-in that keeps the arguments."""
    library = SimpleNamespace(optimizers=SimpleNamespace(GradientDescent=SimpleNamespace))
    made = with_qiskit(library, Linear(0.1, 0.0, 2), ROUNDS)
    for _ in range(2):
        assert list(itertools.islice(made.learning_rate(), 4)) == [0.1, 0.05, 0.0, 0.0]


def test_qiskit_takes_a_rate_of_each_update() -> None:
    library = pytest.importorskip("qiskit_algorithms")
    made = with_qiskit(library, Linear(0.1, 0.0, 2), 2)
    found = made.minimize(lambda x: float(x[0]), np.ones(1), jac=lambda x: np.ones(1))
    assert found.x[0] == pytest.approx(1 - 0.1 - 0.05)


def test_keras_asks_a_schedule_once_an_epoch() -> None:
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(), loss="mse")
    x, y = data()
    schedule = Linear(0.1, 0.01, ROUNDS)
    names = {"keras": keras, "model": model, "schedule": schedule, "x": x, "y": y, "rounds": ROUNDS}
    exec(documented("keras"), names)
    rate = float(model.optimizer.learning_rate)
    assert rate == pytest.approx(schedule(ROUNDS - 1), rel=1e-6)  # Keras keeps it in float32


def test_torch_multiplies_by_a_schedule_and_resumes() -> None:
    torch = pytest.importorskip("torch")
    schedule = Linear(0.1, 0.01, ROUNDS)

    def scheduler() -> tuple[Any, Any]:
        opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        names = {"torch": torch, "opt": opt, "schedule": schedule}
        exec(documented("torch"), names)
        return opt, names["scheduler"]

    opt, before = scheduler()
    for t in range(5):
        assert opt.param_groups[0]["lr"] == schedule(t)
        opt.step()
        before.step()
    _, after = scheduler()
    after.load_state_dict(before.state_dict())
    assert after.get_last_lr() == [schedule(5)]
