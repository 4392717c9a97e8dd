"""Rprop: beside torch's own, at its first steps, and what cannot act on it."""

from typing import Any

import numpy as np
import pytest
from torch_cases import STEPS, problem

import lrcore as lrc

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@each_dtype
@pytest.mark.parametrize(
    ("etas", "step_sizes"), [((0.5, 1.2), (1e-6, 50.0)), ((0.3, 1.7), (1e-2, 0.2))]
)
def test_two_hundred_steps_are_those_of_torch(etas: Any, step_sizes: Any, dtype: Any) -> None:
    torch = pytest.importorskip("torch")
    start, gradient = problem()
    p = start.astype(dtype)
    theirs = torch.tensor(p, requires_grad=True)
    opt = lrc.Rprop(p, lr=0.05, etas=etas, step_sizes=step_sizes)
    other = torch.optim.Rprop([theirs], lr=0.05, etas=etas, step_sizes=step_sizes)
    for t in range(STEPS):
        g = gradient(p, t).astype(dtype)
        theirs.grad = torch.tensor(g)
        opt.step(g)
        other.step()
    assert p.tobytes() == theirs.detach().numpy().tobytes()


def by_hand(start: Any, grads: Any, lr: float, etas: Any, step_sizes: Any) -> Any:
    """Element by element, with an `if` for each case of the paper."""
    p, steps, before = start.tolist(), [lr] * start.size, [0.0] * start.size
    for g in grads:
        for i, now in enumerate(g.tolist()):
            if (now > 0 and before[i] > 0) or (now < 0 and before[i] < 0):
                steps[i] *= etas[1]
            elif (now > 0 and before[i] < 0) or (now < 0 and before[i] > 0):
                steps[i] *= etas[0]
                now = 0.0
            steps[i] = min(max(steps[i], step_sizes[0]), step_sizes[1])
            before[i] = now
            p[i] -= steps[i] if now > 0 else -steps[i] if now < 0 else 0.0
    return np.array(p)


@pytest.mark.parametrize(
    ("etas", "step_sizes"), [((0.5, 1.2), (1e-6, 50.0)), ((0.3, 1.7), (1e-2, 0.2))]
)
def test_hundreds_of_steps_are_those_of_the_paper(etas: Any, step_sizes: Any) -> None:
    start, gradient = problem()
    grads = [gradient(start, t) * (t % 7 != 3) for t in range(STEPS)]  # with zeros in between
    p = start.copy()
    opt = lrc.Rprop(p, lr=0.05, etas=etas, step_sizes=step_sizes)
    for g in grads:
        opt.step(g)
    np.testing.assert_array_equal(p, by_hand(start, grads, 0.05, etas, step_sizes))


def test_it_stops_at_a_turn_and_goes_back_by_half_a_step() -> None:
    """Of family g = 1, 1, -1, -1, -1, which optax's answers one step late."""
    p, seen = np.ones(1), []
    opt = lrc.Rprop(p, lr=0.01)
    for g in (1.0, 1.0, -1.0, -1.0, -1.0):
        opt.step(np.full(1, g))
        seen.append(float(p[0]))
    np.testing.assert_allclose(seen, [0.99, 0.978, 0.978, 0.984, 0.9912], rtol=1e-14)


@each_dtype
def test_the_first_step_is_lr_within_the_bounds(dtype: Any) -> None:
    for lr, first in ((0.25, 0.25), (0.0, 1e-6), (1e9, 50.0)):
        p = np.zeros(4, dtype)
        lrc.Rprop(p, lr=lr).step(np.array([1e-30, -1e30, 0.0, -0.0], dtype))
        expected = np.array([-first, first, 0.0, 0.0], dtype)
        np.testing.assert_array_equal(p, expected)


@each_dtype
def test_the_scale_of_gradients_does_not_matter_even_where_their_products_are_zero(
    dtype: Any,
) -> None:
    rng = np.random.default_rng(0)
    grads = [rng.choice([-1.0, 1.0], 30) for _ in range(10)]
    found = []
    for scale in (1.0, 1e-25, 1e25, 2.0**-140 if dtype is np.float32 else 5e-324):
        p = np.zeros(30, dtype)
        opt = lrc.Rprop(p, lr=0.01)
        for g in grads:
            opt.step((g * scale).astype(dtype))
        found.append(p.tobytes())
    assert len(set(found)) == 1


def test_ten_float32_gradients_of_1e_25_move_as_far_as_larger_ones() -> None:
    p = np.zeros(1, np.float32)
    opt = lrc.Rprop(p, lr=0.01)
    for _ in range(10):
        opt.step(np.full(1, 1e-25, np.float32))
    assert -p[0] == pytest.approx(0.01 * (1.2**10 - 1) / 0.2, rel=1e-5)  # 0.26


def test_without_a_gradient_nothing_moves() -> None:
    p = np.array([1.0, -0.0])
    before, opt = p.tobytes(), lrc.Rprop(p)
    for _ in range(3):
        opt.step(np.zeros(2))
    assert p.tobytes() == before


SCHEDULE = lrc.Linear(0.1, 0.0, 10)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: lrc.Rprop(p, lr=SCHEDULE),  # type: ignore[arg-type]
        lambda p: lrc.Rprop(p, lr=lambda t: 0.1),  # type: ignore[arg-type, misc]
        lambda p: lrc.Rprop([lrc.Group(p, lr=SCHEDULE)]),
        lambda p: lrc.Rprop([lrc.Group(p, lr_scale=0.5)]),
        lambda p: lrc.Rprop(p, controller=lrc.ReduceOnPlateau()),
        lambda p: lrc.Rprop(np.ones(2)).add(p, lr_scale=2.0),
        lambda p: lrc.Rprop(p).step(p, lr=0.5),
        lambda p: setattr(lrc.Rprop(p), "lr", 0.5),
        lambda p: setattr(lrc.Rprop(p), "lr", SCHEDULE),
        lambda p: setattr(lrc.Rprop(p), "lr_scale", 0.5),
        lambda p: lrc.RangeTest(lrc.Rprop(p)),
    ],
)
def test_what_cannot_act_on_its_steps_is_refused_and_changes_nothing(make: Any) -> None:
    p = np.ones(2)
    with pytest.raises(TypeError, match=r"^Rprop: .+ cannot act: lr is the first step .*\"step\""):
        make(p)
    assert (p == 1).all()


def test_lr_is_in_the_state_before_the_first_step_and_may_be_assigned_there() -> None:
    p = np.zeros(2)
    opt = lrc.Rprop(p, lr=0.25)
    assert opt.state["0"]["step"].tolist() == [0.25, 0.25]
    opt.state["0"]["step"][1] = 2.0
    opt.step(np.ones(2))
    assert p.tolist() == [-0.25, -2.0]
    assert opt.effective_lr("0").tolist() == [0.25, 2.0]


def test_groups_have_their_own_first_steps_and_bounds() -> None:
    a, b = np.zeros(1), np.zeros(1)
    opt = lrc.Rprop([lrc.Group(a, lr=0.5), lrc.Group(b, step_sizes=(1.0, 2.0))])
    opt.step([np.ones(1), np.ones(1)])
    assert (a[0], b[0]) == (-0.5, -1.0)


def test_factors_and_bounds_may_be_schedules_whose_values_are_checked() -> None:
    p = np.zeros(1)
    opt = lrc.Rprop(p, lr=1.0, etas=(0.5, lambda t: 2.0 if t < 2 else 0.5))
    opt.step(np.ones(1))
    opt.step(np.ones(1))
    assert p[0] == -3.0
    with pytest.raises(ValueError, match=r"update 2: eta2 must be .* \(1, inf\), got 0.5"):
        opt.step(np.ones(1))
    assert (p[0], opt.t) == (-3.0, 2)


def test_bounds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Rprop: step_sizes must be the shortest and the longest"):
        lrc.Rprop(np.ones(1), step_sizes=(50.0, 1e-6))


def test_decay_is_refused_with_a_way_out() -> None:
    with pytest.raises(TypeError, match=r"Rprop has no weight_decay: .*signs.* AdamW"):
        lrc.Rprop(np.ones(1), weight_decay=0.1)  # type: ignore[call-arg]


def setup(lr: float) -> lrc.Run:
    w = np.ones(3)
    opt = lrc.Rprop(w, lr=lr)

    def step() -> float:
        loss = float(w @ w)
        opt.step(2 * w)
        return loss

    return lrc.Run(opt, step)


def test_first_steps_are_swept_as_rates_are() -> None:
    found = lrc.tune.grid(lrc.tune.objective(setup, 20), [1e-4, 1e-1], progress=False)
    assert found.best.lr == 1e-1


def test_the_losses_of_a_run_at_rest_are_those_of_the_start() -> None:
    assert set(lrc.tune.objective(setup, 20).at_rest(0.5)) == {3.0}
