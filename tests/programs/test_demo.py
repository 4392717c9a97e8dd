"""The network and its training: gradients, accuracy, names from the library's lists, and files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lrcore.demo import datasets, network, training
from lrcore.optimizers.catalogue import OPTIMIZERS
from lrcore.schedules.catalogue import SCHEDULES

SHORT = training.Settings(epochs=2, hidden=(16,), batch=64)


@pytest.fixture(scope="module")
def digits() -> datasets.Data:
    return datasets.load()


def bits(history: training.History) -> list[Any]:
    params = [array.tobytes() for array in history.params.values()]
    return [*params, history.loss, history.rate, history.accuracy]


def write_csv(path: Path, X: Any, labels: Any, header: str = "") -> Path:
    rows = [
        ",".join([*map(repr, map(float, row)), str(y)]) for row, y in zip(X, labels, strict=True)
    ]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture
def blobs() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(0, 1, (60, 3)), rng.normal(4, 1, (40, 3))])
    return X, np.repeat(["cat", "dog"], [60, 40])


@pytest.mark.parametrize("hidden", [(), (7,), (6, 5)])
def test_gradients_are_those_of_central_differences(hidden: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    params = network.create([4, *hidden, 3], rng, np.float64)
    X, y = rng.standard_normal((9, 4)), rng.integers(0, 3, 9)
    _, grads = network.loss_and_gradients(params, X, y)
    assert list(grads) == list(params)
    h = 1e-6
    for name, array in params.items():
        for i in np.ndindex(array.shape):
            centre = array[i]
            array[i] = centre + h
            above, _ = network.loss_and_gradients(params, X, y)
            array[i] = centre - h
            below, _ = network.loss_and_gradients(params, X, y)
            array[i] = centre
            # h**2 of truncation and 1e-16 / h of rounding, with a margin
            assert grads[name][i] == pytest.approx((above - below) / (2 * h), abs=1e-8)


def test_the_loss_of_a_network_that_knows_nothing_is_the_logarithm_of_the_classes() -> None:
    params = {"W0": np.zeros((4, 5)), "b0": np.zeros(5)}
    loss, _ = network.loss_and_gradients(params, np.ones((3, 4)), np.array([0, 1, 4]))
    assert loss == pytest.approx(np.log(5))


@pytest.mark.parametrize("seed", [0, 1])
def test_the_defaults_reach_97_percent(seed: int) -> None:
    settings = training.Settings(seed=seed)
    history = training.train(datasets.load(seed=seed), settings)
    assert history.accuracy[-1] >= 0.97
    assert len(history.loss) == history.updates == settings.epochs * history.epoch_updates
    assert len(history.accuracy) == settings.epochs


def test_the_test_is_a_fifth_of_every_class_and_apart_from_training(digits: datasets.Data) -> None:
    learnt, tested = np.bincount(digits.y_train), np.bincount(digits.y_test)
    assert len(digits.y_train) + len(digits.y_test) == 1797
    np.testing.assert_array_equal(tested, (learnt + tested) // 5)
    rows = {row.tobytes() for row in digits.X_train}
    assert not any(row.tobytes() in rows for row in digits.X_test)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns(optimizer: str, digits: datasets.Data) -> None:
    history = training.train(digits, training.Settings(optimizer=optimizer, epochs=4))
    assert history.accuracy[-1] > 0.7
    assert len(history.plain_times) == len(history.reference_times) > 0


def test_accuracy_is_that_of_what_should_be_evaluated(
    digits: datasets.Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def kept(params: Any, *data: Any) -> float:
        seen.append({name: array.copy() for name, array in params.items()})
        return 1.0

    monkeypatch.setattr(training, "accuracy", kept)
    history = training.train(digits, training.Settings(optimizer="ScheduleFreeSGD", epochs=1))
    for name, array in history.params.items():
        assert seen[-1].keys() == history.params.keys()
        assert not np.array_equal(seen[-1][name], array)


@pytest.mark.parametrize("optimizer", ["Rprop", "FTRL"])
def test_what_no_falling_rate_suits_has_a_constant_one(
    optimizer: str, digits: datasets.Data
) -> None:
    history = training.train(digits, training.Settings(optimizer=optimizer, epochs=1))
    assert set(history.rate) == {history.schedule(0)}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_learns(schedule: str, digits: datasets.Data) -> None:
    history = training.train(digits, training.Settings(schedule=schedule, epochs=4))
    assert history.accuracy[-1] > 0.7
    np.testing.assert_array_equal(history.rate, history.schedule(np.arange(history.updates)))


def test_the_same_seed_gives_the_same_bits() -> None:
    first, second, other = (
        training.train(datasets.load(seed=seed), replace(SHORT, seed=seed)) for seed in (3, 3, 4)
    )
    assert bits(first) == bits(second)
    assert bits(first) != bits(other)


def test_the_measurement_of_plain_numpy_does_not_touch_training(
    digits: datasets.Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = training.train(digits, SHORT)
    monkeypatch.setattr(training, "_time", lambda twin, grads: 1.0)
    assert bits(training.train(digits, SHORT)) == bits(measured)


def test_warm_up_takes_a_twentieth_of_the_updates_unless_told(digits: datasets.Data) -> None:
    default, none, five = (
        training.train(digits, replace(SHORT, warmup=n)).rate for n in (None, 0, 5)
    )
    assert default[1] == max(default)
    assert none[0] == max(none)
    assert five[4] == max(five)


def test_training_that_overflows_says_when(digits: datasets.Data) -> None:
    with pytest.raises(FloatingPointError, match=r"diverged after update 1 of 46, .*--lr$"):
        training.train(digits, replace(SHORT, lr=1e36))


def test_an_overflow_in_the_last_update_is_noticed(digits: datasets.Data) -> None:
    settings = training.Settings(epochs=1, batch=len(digits.y_train), lr=1e39)
    with pytest.raises(FloatingPointError, match="diverged after update 1 of 1"):
        training.train(digits, settings)


@pytest.mark.parametrize(("change", "match"), [({"batch": 1443}, "1442"), ({"warmup": 46}, "46")])
def test_settings_that_do_not_fit_the_data_are_refused(
    change: dict[str, Any], match: str, digits: datasets.Data
) -> None:
    with pytest.raises(ValueError, match=match):
        training.train(digits, replace(SHORT, **change))


@pytest.mark.parametrize("header", ["", "a,b,c,animal\n"])
def test_csv_and_npz_of_the_same_rows_are_the_same_data(
    header: str, blobs: tuple[Any, Any], tmp_path: Path
) -> None:
    X, labels = blobs
    np.savez(tmp_path / "rows.npz", X=X, y=labels)
    npz = datasets.load(tmp_path / "rows.npz", seed=2)
    csv = datasets.load(write_csv(tmp_path / "rows.csv", X, labels, header), seed=2)
    assert csv.classes == npz.classes == ["cat", "dog"]
    for name in ("X_train", "y_train", "X_test", "y_test"):
        np.testing.assert_array_equal(getattr(csv, name), getattr(npz, name))
    assert training.train(csv, training.Settings()).accuracy[-1] > 0.9


def test_images_and_integers_are_welcome_in_npz(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (20, 4, 4), np.uint8)
    np.savez(tmp_path / "images.npz", X=images, y=np.arange(20) % 2 == 0)
    data = datasets.load(tmp_path / "images.npz")
    assert data.X_train.shape == (16, 16)
    assert data.classes == ["False", "True"]


def test_columns_are_scaled_each_by_itself_and_constant_ones_do_no_harm(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 3)) * [1e-9, 1e9, 0] + [0, 5e9, 7]
    data = datasets.load(write_csv(tmp_path / "rows.csv", X, np.arange(50) % 2))
    np.testing.assert_allclose(data.X_train.std(axis=0), [1, 1, 0], atol=1e-6)


BAD_CSV = {
    "": "no line has numbers",
    "a\nb\n": "no line has numbers",
    "1;2;x\n3;4;y\n": "no line has numbers",
    "red,small,x\nblue,large,y\n": "no line has numbers",
    "a,b\n": "no line has numbers",
    "1,2,x\n3,y\n": "data row 2 has another number of columns",
    "a,b,c\n1,2,x\n3,,y\n": "data row 2, column 2 is not a finite number",
    "1,2,x\n3,inf,y\n": "data row 2, column 2 is not a finite number",
    "1,2,x\n3,4,\n": "data row 2 has no label",
    "1,2,x\n3,4,x\n": "every label is x",
    "1,2,x\n3,4,x\n5,6,y\n": "class y has 1 row",
    "1e200,x\n-1e200,y\n1e200,x\n-1e200,y\n": "too large",
    "\xff": "can't decode",
    "1,2,x\x00\n" + "a" * 200_000: "field larger",
}


@pytest.mark.parametrize("text", BAD_CSV)
def test_csv_that_cannot_be_used_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=BAD_CSV[text]) as caught:
        datasets.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


BAD_NPZ: dict[str, dict[str, Any]] = {
    "X and y are wanted; it holds a": {"a": 1},
    "allow_pickle=False": {"X": np.array([[1, "a"]], object), "y": [1]},
    "X has dtype <U1": {"X": [["a"], ["b"]], "y": [0, 1]},
    "y has dtype complex": {"X": [[1.0], [2.0]], "y": [0j, 1j]},
    r"X has shape \(3, 2\) and y \(4,\)": {"X": np.ones((3, 2)), "y": np.ones(4)},
    r"X has shape \(0, 2\)": {"X": np.ones((0, 2)), "y": np.ones(0)},
    "data row 2, column 1": {"X": [[1.0], [np.nan]], "y": [0, 1]},
    "data row 1 has no label": {"X": [[1.0], [2.0]], "y": [np.nan, 1]},
}


@pytest.mark.parametrize("match", BAD_NPZ)
def test_npz_that_cannot_be_used_is_refused(match: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", **BAD_NPZ[match])
    with pytest.raises(ValueError, match=match):
        datasets.load(tmp_path / "rows.npz")


@pytest.mark.parametrize("keep", [0, 100, 400])
def test_part_of_an_npz_file_is_refused(keep: int, tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, X=np.ones((50, 2)), y=np.arange(50) % 2)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"not an \.npz file"):
        datasets.load(path)


def test_a_damaged_npz_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez_compressed(path, X=np.arange(100.0).reshape(50, 2), y=np.arange(50) % 2)
    content = bytearray(path.read_bytes())
    content[60:120] = bytes(60)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=str(path)):
        datasets.load(path)


@pytest.mark.parametrize("name", ["rows.csv", "rows.npz"])
def test_a_missing_file_is_reported_by_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=name):
        datasets.load(tmp_path / name)


def test_other_kinds_of_files_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must end in \.csv or \.npz"):
        datasets.load(Path("rows.txt"))
