"""Updates of some rows: what counts, in which forms rows and gradients are taken, who looks on."""

import pickle

import numpy as np
import pytest
from cases import everything, gradients
from row_cases import SHAPES, assert_equal, batches, each_rule, made, summed

import lrcore as lrc
from lrcore.reference.twin import Reference


def test_an_update_that_touches_no_row_counts_all_the_same():
    opt = made(lrc.Adam, {"emb": (5, 2)})
    assert opt.step_rows({"emb": ([], np.empty((0, 2)))})
    assert opt.step_rows({"emb": ([], [])})
    assert opt.t == 2
    np.testing.assert_array_equal(opt.params["emb"], made(lrc.Adam, {"emb": (5, 2)}).params["emb"])
    carried, _ = opt.scalars["emb"]
    assert carried["product1"] == pytest.approx(0.9**2, rel=1e-15)


@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (0,)], ids=str)
def test_arrays_without_elements_have_rows_that_hold_nothing(shape):
    opt = made(lrc.Adam, {"emb": shape})
    rows = np.arange(min(shape[0], 2))
    assert opt.step_rows({"emb": (rows, np.zeros((rows.size, *shape[1:])))})
    assert opt.t == 1


def test_all_arrays_count_alike_whatever_was_given_for_them():
    opt = made(lrc.Adam)
    for rows, dense in batches(5):
        opt.step_rows(rows, dense)
    assert len({carried["product2"] for carried, _ in opt.scalars.values()}) == 1
    assert len(opt.roster.recipes) == 1


@each_rule
def test_a_state_that_is_saved_in_between_goes_on_with_the_same_bits(cls, options, tmp_path):
    whole, first = made(cls, **options), made(cls, **options)
    steps = [*batches(8)]
    for rows, dense in steps:
        whole.step_rows(rows, dense)
    for rows, dense in steps[:4]:
        first.step_rows(rows, dense)
    first.save(tmp_path / "x.npz", params=True)
    again = made(cls, seed=9, **options)
    again.load(tmp_path / "x.npz", params=True)
    for opt in (again, pickle.loads(pickle.dumps(first))):
        for rows, dense in steps[4:]:
            opt.step_rows(rows, dense)
        assert everything(opt)[0] == everything(whole)[0]


def test_dense_and_row_steps_take_turns():
    opt = made(lrc.Adam)
    twin = Reference(opt)
    rng = np.random.default_rng(7)
    for rows, dense in batches(6):
        whole = {name: gradients(rng, shape) for name, shape in SHAPES.items()}
        assert opt.step_rows(rows, dense) == twin.step_rows(rows, dense)
        assert opt.step(whole) == twin.step(whole)
    assert_equal(opt, twin)


def test_the_rate_of_one_update_is_used():
    opt = made(lrc.SGD, {"emb": (3, 1)})
    opt.params["emb"][...] = 0.0
    opt.step_rows({"emb": ([1], [[1.0]])}, lr=0.5)
    assert opt.params["emb"].ravel().tolist() == [0.0, -0.5, 0.0]
    assert opt.last_lr == 0.5


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.int32, np.uint64, np.intp, list])
def test_rows_may_be_integers_of_any_kind(kind):
    opt = made(lrc.SGD, {"emb": (5, 1)}, lr=1.0)
    before = opt.params["emb"].copy()
    rows = [4, 0, 4] if kind is list else np.array([4, 0, 4], kind)
    opt.step_rows({"emb": (rows, np.ones((3, 1)))})
    np.testing.assert_array_equal((before - opt.params["emb"]).round(9).ravel(), [1, 0, 0, 0, 2])


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int32, bool, ">f4", list])
def test_gradients_of_rows_cast_as_dense_ones_do(kind):
    values = np.array([[1, 0], [1, 1]])
    given = values.tolist() if kind is list else values.astype(kind)
    some, whole = (made(lrc.Adagrad, {"emb": (5, 2)}, np.float32) for _ in range(2))
    some.step_rows({"emb": ([1, 3], given)})
    whole.step({"emb": summed(([1, 3], values), (5, 2), np.float32)})
    assert everything(some) == everything(whole)


def test_a_gradient_that_overlaps_the_parameter_is_read_before_anything_is_written():
    some, apart = (made(lrc.SGD, {"emb": (6, 2)}) for _ in range(2))
    some.step_rows({"emb": (np.arange(1, 6), some.params["emb"][:5])})
    apart.step_rows({"emb": (np.arange(1, 6), apart.params["emb"][:5].copy())})
    assert everything(some) == everything(apart)


def test_groups_have_an_entry_each():
    def grouped():
        emb, b = np.ones((4, 2)), np.ones(3)
        return lrc.SGD([lrc.Group(emb, lr_scale=2.0), lrc.Group({"b": b})], lr=0.25)

    opt = grouped()
    assert opt.names == ("0.0", "1.b")
    opt.step_rows({"0.0": ([1], [[1.0, 1.0]])}, [None, {"b": np.ones(3)}])
    np.testing.assert_array_equal(opt.params[0], [[1, 1], [0.5, 0.5], [1, 1], [1, 1]])
    np.testing.assert_array_equal(opt.params[1]["b"], 0.75)


def test_nested_parameters_go_by_their_dotted_names():
    w = {"net": [{"emb": np.ones((3, 1)), "b": np.ones(1)}]}
    opt = lrc.SGD(w, lr=1.0)
    opt.step_rows({"net.0.emb": ([2], [[1.0]])}, {"net": [{"b": np.ones(1)}]})
    np.testing.assert_array_equal(w["net"][0]["emb"].ravel(), [1, 1, 0])
    np.testing.assert_array_equal(w["net"][0]["b"], 0)


def test_without_any_rows_it_is_a_step():
    some, whole = made(), made()
    g = {name: np.ones(shape) for name, shape in SHAPES.items()}
    assert some.step_rows({}, g)
    assert whole.step(g)
    assert everything(some) == everything(whole)


def test_frozen_arrays_want_nothing_and_what_they_are_given_is_ignored():
    opt = made()
    opt.freeze(["cube", "flat"])
    before = opt.params["cube"].copy()
    rows = {"emb": ([1], np.ones((1, 6))), "cube": "anything"}
    assert opt.step_rows(rows, {"b": np.ones(5)})
    np.testing.assert_array_equal(opt.params["cube"], before)
    opt.freeze(["b"])
    assert opt.step_rows({"emb": ([1], np.ones((1, 6)))})


def test_what_was_bound_stays_bound_and_is_not_read():
    opt, other = made(lrc.SGD, {"emb": (4, 2)}), made(lrc.SGD, {"emb": (4, 2)})
    bound = {"emb": np.full((4, 2), 0.5)}
    opt.bind(bound)
    for each in (opt, other):
        each.step_rows({"emb": ([0], np.ones((1, 2)))})
    opt.step()
    other.step(bound)
    assert everything(opt) == everything(other)


def test_a_monitor_leaves_such_updates_out():
    alone, watched = (made(lrc.Adam, {"emb": (40, 6)}) for _ in range(2))
    monitor = lrc.Monitor(watched)
    for opt in (alone, watched):
        opt.step({"emb": np.ones((40, 6))})
        opt.step_rows({"emb": ([1, 2], np.ones((2, 6)))})
        opt.step({"emb": np.ones((40, 6))})
    assert everything(alone) == everything(watched)
    assert len(monitor.history) == 2


def test_a_range_test_counts_them_as_updates():
    rng = np.random.default_rng(0)
    w = rng.standard_normal((30, 4))
    opt = lrc.SGD({"emb": w}, lr=0.1)
    before = everything(opt)
    test = lrc.RangeTest(opt, start=1e-5, end=10.0, num=40)
    for _ in test:
        rows = rng.integers(0, 30, 8)
        loss = 0.5 * float((w[rows] ** 2).sum())
        opt.step_rows({"emb": (rows, w[rows])})
        test.report(loss)
    assert len(test.result.losses) > 3
    assert everything(opt)[:2] == before[:2]


def test_controllers_scale_the_rate():
    plateau = lrc.ReduceOnPlateau(factor=0.5, patience=1)
    opt = lrc.SGD({"emb": np.zeros((3, 1))}, lr=1.0, controller=plateau)
    plateau.update(1.0)
    plateau.update(1.0)
    opt.step_rows({"emb": ([1], [[1.0]])})
    assert opt.params["emb"].ravel().tolist() == [0.0, -0.5, 0.0]


def test_effective_rates_are_those_of_the_state():
    opt = made(lrc.Adam, {"emb": (4, 1)})
    opt.step_rows({"emb": ([1], [[2.0]])})
    assert opt.effective_lr("emb")[1, 0] == pytest.approx(0.1 / 2.0, rel=1e-6)
