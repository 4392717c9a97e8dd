"""Polyak, Barzilai-Borwein, hypergradient, DoG: the textbook recursions and safeguards."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import lrcore as lrc
from lrcore import BarzilaiBorwein, DoG, Hypergradient, Polyak

INF, NAN = math.inf, math.nan
CURVATURE = np.array([1.0, 3.0, 40.0, 200.0])
START = np.array([1.0, -2.0, 0.5, 3.0])

WITH_GRADS = [Polyak, BarzilaiBorwein, DoG, Hypergradient]
WITH_PARAMS = [BarzilaiBorwein, DoG, Hypergradient]


def loss(x: Any) -> float:
    return float(np.sum(CURVATURE * x * x) / 2)


def descend(controller: Any, steps: int, lr: float = 1.0, dtype: Any = np.float64) -> list[Any]:
    """The iterates of gradient descent on the quadratic, from the start on."""
    x = START.astype(dtype)
    opt = lrc.SGD(x, lr=lr, controller=controller)
    path = [x.copy()]
    for _ in range(steps):
        g = (CURVATURE * x).astype(dtype)
        controller.update(loss(x), grads=g)
        opt.step(g)
        path.append(x.copy())
    return path


def told(make: Any, *points: tuple[Any, Any], **settings: Any) -> Any:
    """A controller that was told these points and their gradients."""
    controller = make(**settings)
    x = np.zeros_like(np.asarray(points[0][0], float))
    controller.bind(x)
    for where, g in points:
        x[...] = where
        controller.update(1.0, grads=np.asarray(g, float))
    return controller


@pytest.mark.parametrize("make", WITH_GRADS)
def test_gradients_are_asked_for(make: Any) -> None:
    controller = make()
    controller.bind(np.ones(2))
    with pytest.raises(TypeError, match=f"{make.__name__}: update needs the gradients"):
        controller.update(1.0)


@pytest.mark.parametrize("make", WITH_PARAMS)
def test_parameters_are_asked_for(make: Any) -> None:
    with pytest.raises(RuntimeError, match=rf"{make.__name__}: .* bind\(params\)"):
        make().update(1.0, grads=np.ones(2))


@pytest.mark.parametrize("make", WITH_PARAMS)
@pytest.mark.parametrize(
    ("grads", "message"),
    [
        ([np.ones(2)], "expected 2 entries"),
        ([np.ones(3), {"b": np.ones(1)}], r'gradient "0" has shape \(3,\)'),
        ([np.ones(2), np.ones(1)], "expected a mapping"),
        ([np.ones(2), {"c": np.ones(1)}], "missing keys"),
        ([np.ones(2), {"b": None}], 'gradient "1.b" is None'),
        ([np.ones(2) * 1j, {"b": np.ones(1)}], "complex"),
    ],
)
def test_gradients_that_do_not_fit_are_refused_by_name(make: Any, grads: Any, message: str) -> None:
    controller = make()
    controller.bind([np.ones(2), {"b": np.ones(1)}])
    with pytest.raises((TypeError, ValueError), match=message):
        controller.update(1.0, grads=grads)
    assert controller.state_dict() == make().state_dict()


@pytest.mark.parametrize("make", WITH_GRADS)
@pytest.mark.parametrize(
    ("value", "g"), [(NAN, 1.0), (INF, 1.0), (1.0, NAN), (1.0, INF), (-INF, -INF)]
)
def test_a_report_that_is_not_finite_is_left_out(make: Any, value: float, g: float) -> None:
    x = np.ones(2)
    plain, other = make(), make()
    for controller in (plain, other):
        controller.bind(x)
    for t in range(4):
        g_t = np.sin(x + t)
        assert plain.update(1.0, grads=g_t) == other.update(1.0, grads=g_t)
        assert not other.update(value, grads=np.array([0.5, g]))
        x -= 0.1 * g_t
    np.testing.assert_equal(other.state_dict(), plain.state_dict())


@pytest.mark.parametrize(
    "make",
    [BarzilaiBorwein, DoG, lambda: Hypergradient(0.9, min_scale=0.0)],
    ids=["bb", "dog", "hyper"],
)
def test_layout_and_order_of_keys_do_not_matter(make: Any) -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal((40, 40, 30))
    scales = []
    for layout in ("C", "F", "strided", "keys"):
        a = np.empty((40, 60))[:, ::2] if layout == "strided" else np.empty((40, 30))
        a = np.asfortranarray(a) if layout == "F" else a
        params = {"a": a, "b": np.zeros(1)}
        controller = make()
        controller.bind(params)
        for x, noise in zip(values[::2], values[1::2], strict=True):
            a[...] = x
            g = x + noise
            grads = {"a": np.asfortranarray(g) if layout == "C" else g, "b": np.ones(1)}
            if layout == "keys":
                grads = dict(reversed(grads.items()))
            controller.update(1.0, grads=grads)
        scales.append(controller.scale)
    assert len(set(scales)) == 1


@pytest.mark.parametrize("make", WITH_PARAMS)
def test_gradients_are_taken_in_the_dtype_of_their_parameters(make: Any) -> None:
    scales = []
    for kind in (np.float32, np.float64):
        x = np.ones(3, np.float32)
        controller = make()
        controller.bind(x)
        for t in range(4):
            g = np.sin(np.arange(3) + t).astype(np.float32)
            controller.update(1.0, grads=g.astype(kind) + kind(1e-12) * (kind is np.float64))
            x -= np.float32(0.1) * g
        scales.append(controller.scale)
    assert scales[0] == scales[1]


@pytest.mark.parametrize("make", WITH_PARAMS)
def test_parameters_that_were_reshaped_are_refused(make: Any) -> None:
    x = np.ones(4)
    controller = make()
    controller.bind(x)
    controller.update(1.0, grads=np.ones(4))
    before = controller.state_dict()
    x.resize((2, 2), refcheck=False)
    with pytest.raises(ValueError, match=r'x of "0" is float64 of shape \(4,\)'):
        controller.update(1.0, grads=np.ones((2, 2)))
    np.testing.assert_equal(controller.state_dict(), before)


@pytest.mark.parametrize("make", WITH_PARAMS)
def test_a_state_from_before_the_first_report_starts_anew(make: Any) -> None:
    x = np.ones(2)
    used, fresh = make(), make()
    for controller in (used, fresh):
        controller.bind(x)
    start = used.state_dict()
    used.update(1.0, grads=np.ones(2))
    used.load_state_dict(start)
    x -= 0.5
    for controller in (used, fresh):
        controller.update(1.0, grads=np.full(2, 0.25))
    np.testing.assert_equal(used.state_dict(), fresh.state_dict())


def test_barzilai_borwein_starts_anew_with_added_parameters() -> None:
    a, b = np.ones(2), np.ones(3)
    opt = lrc.SGD([a], lr=0.1, controller=BarzilaiBorwein(first=0.125))
    for _ in range(2):
        opt.controller.update(1.0, grads=[a])
        opt.step([a])
    assert opt.controller.scale != 0.125
    opt.add([b])
    opt.controller.update(1.0, grads=[[a], [b]])
    assert opt.controller.scale == 0.125


@pytest.mark.parametrize("make", WITH_PARAMS)
def test_parameters_added_later_are_followed(make: Any) -> None:
    a, b = np.ones(2), np.ones(3)
    opt = lrc.SGD([a], lr=0.1, controller=make())
    opt.controller.update(1.0, grads=[a])
    opt.step([a])
    opt.add([b])
    for _ in range(3):
        opt.controller.update(1.0, grads=[[a], [2 * b]])
        opt.step([[a], [2 * b]])
    assert opt.controller.state_dict()["arrays"].keys() == {"0", "1.0"}


# Polyak


def test_polyak_is_the_textbook_recursion() -> None:
    controller = Polyak()
    for x, following in itertools.pairwise(descend(Polyak(), 30)):
        g = CURVATURE * x
        controller.update(loss(x), grads=g)
        # the sum of squares, its root, and two divisions: ten roundings of half a unit at most
        assert controller.scale == pytest.approx(loss(x) / (g @ g), rel=10 * 2**-53)
        np.testing.assert_array_equal(following, x - controller.scale * g)


def test_polyak_nears_the_minimum_at_every_step() -> None:
    distances = [np.linalg.norm(x) for x in descend(Polyak(), 300)]
    assert all(b < a for a, b in itertools.pairwise(distances))


def test_polyak_finds_the_kink_of_an_absolute_value() -> None:
    x = np.array([-1.5])
    opt = lrc.SGD(x, lr=1.0, controller=Polyak())
    for _ in range(2):
        g = np.sign(x - 4.0)
        opt.controller.update(abs(x[0] - 4.0), grads=g)
        opt.step(g)
    assert x[0] == 4.0


@pytest.mark.parametrize(
    ("value", "g", "settings", "scale"),
    [
        (8.0, [2.0, 0.0], {}, 2.0),
        (8.0, [2.0, 0.0], {"f_min": 4.0}, 1.0),
        (8.0, [2.0, 0.0], {"f_min": 8.0}, 0.0),
        (8.0, [2.0, 0.0], {"f_min": 9.0}, 0.0),
        (8.0, [2.0, 0.0], {"max_scale": 0.5}, 0.5),
        (8.0, [0.0, 0.0], {}, 0.0),
        (1e300, [1e-300, 0.0], {}, np.finfo(float).max),
        (1e-300, [1e300, 0.0], {}, 0.0),
    ],
)
def test_polyak_scales_by_the_gap_over_the_squared_norm(
    value: float, g: Any, settings: Any, scale: float
) -> None:
    controller = Polyak(**settings)
    assert controller.update(value, grads=np.array(g)) == (scale != 1.0)
    assert controller.scale == scale


# Barzilai-Borwein


@pytest.mark.parametrize("kind", ["long", "short"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_barzilai_borwein_is_the_textbook_recursion_bit_for_bit(kind: Any, dtype: Any) -> None:
    path = descend(BarzilaiBorwein(1e-3, kind=kind), 60, dtype=dtype)
    x = START.astype(dtype)
    rate, x_before, g_before = 1e-3, None, None
    for ours in path:
        np.testing.assert_array_equal(ours, x)
        g = (CURVATURE * x).astype(dtype)
        if x_before is not None:
            s = x.astype(float) - x_before
            y = g.astype(float) - g_before
            sy = np.sum(s * y)
            if sy > 0:
                rate = np.sum(s * s) / sy if kind == "long" else sy / np.sum(y * y)
        x_before, g_before = x.copy(), g.copy()
        x = x - dtype(rate) * g


@pytest.mark.parametrize("kind", ["long", "short"])
def test_barzilai_borwein_converges_where_the_best_constant_rate_does_not(kind: Any) -> None:
    constant = START * (1 - 2 / (CURVATURE.min() + CURVATURE.max()) * CURVATURE) ** 80
    assert np.linalg.norm(constant) > 0.1
    assert np.linalg.norm(descend(BarzilaiBorwein(1e-3, kind=kind), 80)[-1]) < 1e-8


def test_barzilai_borwein_solves_a_parabola_in_two_steps() -> None:
    """Coverage S40: the second step is Newton's."""
    x = np.array([3.0])
    opt = lrc.SGD(x, lr=1.0, controller=BarzilaiBorwein(0.25))
    for _ in range(2):
        g = 2.0 * (x - 1.0)
        opt.controller.update(float((x[0] - 1.0) ** 2), grads=g)
        opt.step(g)
    assert x[0] == 1.0


def test_the_short_step_is_never_longer() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        points = [(rng.standard_normal(4), rng.standard_normal(4)) for _ in range(2)]
        s, y = points[1][0] - points[0][0], points[1][1] - points[0][1]
        long, short = (told(BarzilaiBorwein, *points, kind=k).scale for k in ("long", "short"))
        assert short <= long if s @ y > 0 else short == long == 1e-3


@pytest.mark.parametrize(
    ("second", "case"),
    [
        (([1.0, 1.0], [5.0, 0.0]), "no step"),
        (([2.0, 1.0], [0.5, 0.0]), "negative curvature"),
        (([2.0, 1.0], [1.0, 1.0]), "no curvature"),
        (([1e200, 1.0], [2.0, 0.0]), "overflow"),
    ],
)
@pytest.mark.parametrize("kind", ["long", "short"])
def test_without_a_usable_curvature_the_scale_stays(second: Any, case: str, kind: Any) -> None:
    first = ([1.0, 1.0], [1.0, 0.0])
    assert told(BarzilaiBorwein, first, second, first=0.125, kind=kind).scale == 0.125


def test_the_step_is_at_most_max_scale() -> None:
    points = ([0.0], [0.0]), ([1.0], [1e-3])
    assert told(BarzilaiBorwein, *points, max_scale=2.0).scale == 2.0
    assert told(BarzilaiBorwein, points[0], first=5.0, max_scale=2.0).scale == 2.0


# Hypergradient


def test_hypergradient_is_the_multiplicative_rule_on_plain_descent() -> None:
    path = descend(controller := Hypergradient(0.1), 20, lr=1e-3)
    scale, before = 1.0, None
    for x in path[:-1]:
        g = CURVATURE * x
        if before is not None:
            scale *= 1 + 0.1 * (g @ before) / np.linalg.norm(g) / np.linalg.norm(before)
        before = g
    # the steps are differences of parameters a thousand times as large: 1e3 * 2**-53 at each
    assert controller.scale == pytest.approx(scale, rel=1e-10)


def test_hypergradient_grows_on_a_slope_and_shrinks_across_a_valley() -> None:
    slope = told(Hypergradient, *(([-k], [1.0]) for k in range(1, 11)), beta=0.5)
    valley = told(Hypergradient, *(([(-1) ** k], [(-1) ** k]) for k in range(10)), beta=0.5)
    assert (slope.scale, valley.scale) == (1.5**9, 0.5**9)


def test_hypergradient_keeps_between_its_limits() -> None:
    slope = [([-k], [1.0]) for k in range(1, 11)]
    valley = [([(-1) ** k], [(-1) ** k]) for k in range(10)]
    assert told(Hypergradient, *slope, beta=0.5, max_scale=4.0).scale == 4.0
    assert told(Hypergradient, *valley, beta=0.5, min_scale=0.25).scale == 0.25


@pytest.mark.parametrize("second", [([1.0], [3.0]), ([2.0], [0.0]), ([1e200], [1.0])])
def test_hypergradient_stays_without_a_direction(second: Any) -> None:
    assert told(Hypergradient, ([1.0], [1.0]), second, beta=0.5).scale == 1.0


def test_hypergradient_mends_a_rate_that_is_far_too_low() -> None:
    x = START.copy()
    for _ in range(200):
        x -= 1e-5 * CURVATURE * x
    assert loss(descend(Hypergradient(0.05), 200, lr=1e-5)[-1]) < loss(x) / 1000


# DoG


def test_dog_is_the_papers_recursion() -> None:
    path = descend(controller := DoG(1e-3), 30)
    r, squares = 1e-3 * (1 + np.linalg.norm(START)), 0.0
    x = START.copy()
    for k in range(30):
        g = CURVATURE * x
        r = max(r, np.linalg.norm(x - START))
        squares += g @ g
        x = x - r / np.sqrt(squares) * g
        np.testing.assert_allclose(path[k + 1], x, rtol=1e-11)  # sums in another order
    assert controller.scale == pytest.approx(r / np.sqrt(squares), rel=1e-12)


@pytest.mark.parametrize("lr_scale", [1e-6, 1.0, 1e6])
def test_dog_wants_no_rate_in_whatever_units_the_loss_is(lr_scale: float) -> None:
    x = START.copy()
    opt = lrc.SGD(x, lr=1.0, controller=DoG())
    for _ in range(2000):
        g = lr_scale * CURVATURE * x
        opt.controller.update(lr_scale * loss(x), grads=g)
        opt.step(g)
    assert loss(x) < loss(START) / 1000


def test_dogs_scale_stays_where_the_gradients_are_zero() -> None:
    assert told(DoG, ([1.0], [0.0]), ([1.0], [0.0])).scale == 1.0


def test_dog_counts_from_the_first_point() -> None:
    controller = told(DoG, ([3.0], [4.0]), ([6.0], [3.0]), ([4.0], [0.0]), start=0.25)
    assert controller.scale == 3.0 / 5.0
    assert told(DoG, ([3.0], [4.0]), start=0.25).scale == 0.25
