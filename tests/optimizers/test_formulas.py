"""Optimizers against the formulas of torch, optax, Keras and timm, written out in float64."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from torch_cases import STEPS, problem

import lrcore as lrc

Array = NDArray[np.float64]
# The update of parameters that is to be subtracted, at update t = 1, 2, ...; s starts empty.
Peer = Callable[[Array, Array, dict[str, Any], int], Array]
LR = 0.01


def timm_sgdw(momentum: float, nesterov: bool, decay: float) -> Peer:
    def update(p: Array, g: Array, s: dict[str, Any], t: int) -> Array:
        s["buf"] = g if t == 1 else momentum * s["buf"] + g
        direction = g + momentum * s["buf"] if nesterov else s["buf"]
        return p - (p * (1 - LR * decay) - LR * direction)

    return update


def keras_sgd(momentum: float, nesterov: bool, decay: float) -> Peer:
    def update(p: Array, g: Array, s: dict[str, Any], t: int) -> Array:
        s["m"] = momentum * s.get("m", 0.0) - LR * g
        return p * decay * LR - (momentum * s["m"] - LR * g if nesterov else s["m"])

    return update


def moments(s: dict[str, Any], g: Array, beta1: float, beta2: float) -> tuple[Array, Array]:
    s["m"] = beta1 * s.get("m", 0.0) + (1 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1 - beta2) * g * g
    return s["m"], s["v"]


def torch_nadam(decay: float = 4e-3, l2: float = 0.0, decoupled: float = 0.0) -> Peer:
    def update(p: Array, g: Array, s: dict[str, Any], t: int) -> Array:
        mu, ahead = (0.9 * (1 - 0.5 * 0.96 ** (n * decay)) for n in (t, t + 1))
        s["mu_product"] = s.get("mu_product", 1.0) * mu
        g = g + l2 * p
        m, v = moments(s, g, 0.9, 0.999)
        denom = np.sqrt(v / (1 - 0.999**t)) + 1e-8
        step = LR * (1 - mu) / (1 - s["mu_product"]) * g / denom
        return LR * decoupled * p + step + LR * ahead / (1 - s["mu_product"] * ahead) * m / denom

    return update


def keras_nadam(p: Array, g: Array, s: dict[str, Any], t: int) -> Array:
    u, u_next = (0.9 * (1 - 0.5 * 0.96**n) for n in (t, t + 1))
    s["product"] = s.get("product", 1.0) * u
    m, v = moments(s, g, 0.9, 0.999)
    m_hat = u_next * m / (1 - s["product"] * u_next) + (1 - u) * g / (1 - s["product"])
    return LR * m_hat / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)


def rectified(
    betas: tuple[float, float] = (0.9, 0.999),
    eps_hat: bool = True,
    l2: float = 0.0,
    decoupled: float = 0.0,
) -> Peer:
    """torch's RAdam; optax's, if eps is added after the correction."""
    beta1, beta2 = betas

    def update(p: Array, g: Array, s: dict[str, Any], t: int) -> Array:
        m, v = moments(s, g + l2 * p, beta1, beta2)
        u = m / (1 - beta1**t)
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * t * beta2**t / (1 - beta2**t)
        if length > 5:
            c = np.sqrt(1 - beta2**t)
            u = u * (c / (np.sqrt(v) + 1e-8) if eps_hat else 1 / (np.sqrt(v) / c + 1e-8))
            u = u * np.sqrt((length - 4) * (length - 2) * longest)
            u = u / np.sqrt((longest - 4) * (longest - 2) * length)
        return LR * (decoupled * p + u)

    return update


def adamax(eps: float = 1e-8, eps_out: float = 0.0, l2: float = 0.0) -> Peer:
    """torch's and optax's; Keras has its epsilon where u divides."""

    def update(p: Array, g: Array, s: dict[str, Any], t: int) -> Array:
        g = g + l2 * p
        s["m"] = 0.9 * s.get("m", 0.0) + (1 - 0.9) * g
        s["u"] = np.maximum(0.999 * s.get("u", 0.0), np.abs(g) + eps)
        return LR / (1 - 0.9**t) * s["m"] / (s["u"] + eps_out)

    return update


def adabelief(eps: float = 1e-16, eps_root: float = 1e-16, decay: float = 0.0) -> Peer:
    """optax's; adabelief-pytorch has one eps for both."""

    def update(p: Array, g: Array, s: dict[str, Any], t: int) -> Array:
        s["m"] = 0.9 * s.get("m", 0.0) + (1 - 0.9) * g
        s["v"] = 0.999 * s.get("v", 0.0) + (1 - 0.999) * (g - s["m"]) ** 2 + eps_root
        m_hat, v_hat = s["m"] / (1 - 0.9**t), s["v"] / (1 - 0.999**t)
        return LR * (decay * p + m_hat / (np.sqrt(v_hat) + eps))

    return update


def lion(betas: tuple[float, float] = (0.9, 0.99), decay: float = 0.0) -> Peer:
    """lion-pytorch's, timm's, optax's and Keras's."""

    def update(p: Array, g: Array, s: dict[str, Any], t: int) -> Array:
        m = s.get("m", np.zeros_like(p))
        s["m"] = betas[1] * m + (1 - betas[1]) * g
        return p - (p * (1 - LR * decay) - LR * np.sign(betas[0] * m + (1 - betas[0]) * g))

    return update


SGDW = lrc.SGDW
CASES: dict[str, tuple[type[Any], dict[str, Any], Peer]] = {
    "timm SGDW": (SGDW, {}, timm_sgdw(0.9, False, 1e-4)),
    "timm SGDW, nesterov": (
        SGDW,
        {"momentum": 0.8, "nesterov": True, "weight_decay": 0.3},
        timm_sgdw(0.8, True, 0.3),
    ),
    "timm SGDW, plain": (SGDW, {"momentum": 0, "weight_decay": 0.3}, timm_sgdw(0, False, 0.3)),
    "Keras SGD": (SGDW, {"weight_decay": 0.3}, keras_sgd(0.9, False, 0.3)),
    "Keras SGD, nesterov": (
        SGDW,
        {"nesterov": True, "weight_decay": 0.3},
        keras_sgd(0.9, True, 0.3),
    ),
    "torch NAdam": (lrc.NAdam, {}, torch_nadam()),
    "torch NAdam, l2": (lrc.NAdam, {"l2": 0.1}, torch_nadam(l2=0.1)),
    "torch NAdam, decay": (
        lrc.NAdam,
        {"weight_decay": 0.3, "momentum_decay": 0.1},
        torch_nadam(0.1, decoupled=0.3),
    ),
    "torch RAdam": (lrc.RAdam, {"eps_hat": True}, rectified()),
    "torch RAdam, l2": (lrc.RAdam, {"eps_hat": True, "l2": 0.1}, rectified(l2=0.1)),
    "torch RAdam, decay": (
        lrc.RAdam,
        {"eps_hat": True, "weight_decay": 0.3},
        rectified(decoupled=0.3),
    ),
    "optax radam": (lrc.RAdam, {}, rectified(eps_hat=False)),
    "optax radam, betas": (
        lrc.RAdam,
        {"betas": (0.8, 0.95)},
        rectified((0.8, 0.95), eps_hat=False),
    ),
    "torch RAdam, never rectified": (lrc.RAdam, {"betas": (0.9, 0.6)}, rectified((0.9, 0.6))),
    "torch Adamax": (lrc.Adamax, {}, adamax()),
    "torch Adamax, l2": (lrc.Adamax, {"l2": 0.1, "eps": 1e-3}, adamax(1e-3, l2=0.1)),
    "Keras Adamax": (lrc.Adamax, {"eps": 0, "eps_out": 1e-7}, adamax(0.0, 1e-7)),
    "optax adabelief": (lrc.AdaBelief, {}, adabelief()),
    "adabelief-pytorch": (
        lrc.AdaBelief,
        {"eps": 1e-3, "eps_root": 1e-3, "weight_decay": 0.3},
        adabelief(1e-3, 1e-3, 0.3),
    ),
    "lion-pytorch": (lrc.Lion, {}, lion()),
    "optax lion": (lrc.Lion, {"weight_decay": 1e-3}, lion(decay=1e-3)),
    "Keras Lion, betas": (
        lrc.Lion,
        {"betas": (0.8, 0.95), "weight_decay": 0.3},
        lion((0.8, 0.95), 0.3),
    ),
    "Keras Nadam": (lrc.NAdam, {"momentum_decay": 1.0, "eps": 1e-7}, keras_nadam),
}


@pytest.mark.parametrize("name", CASES)
def test_two_hundred_steps_are_those_of_the_formula_elsewhere(name: str) -> None:
    cls, options, update = CASES[name]
    ours, gradient = problem()
    theirs, kept = ours.copy(), {}
    opt = cls(ours, lr=LR, **options)
    for t in range(STEPS):
        opt.step(gradient(ours, t))
        theirs -= update(theirs, gradient(theirs, t), kept, t + 1)
    # rounding of other orders of the same operations; parameters start around 1
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    assert np.abs(ours - problem()[0]).max() > 0.1


def test_the_first_step_of_sgdw_is_the_rate_times_the_gradient() -> None:
    for nesterov, size in ((False, 0.1), (True, 0.1 * 1.9)):
        p = np.zeros(1)
        lrc.SGDW(p, lr=0.1, nesterov=nesterov).step(np.ones(1))
        assert -p[0] == pytest.approx(size, rel=1e-15)


def test_the_velocity_of_sgdw_gathers_no_decay() -> None:
    opt = lrc.SGDW(np.ones(1), lr=0.1, weight_decay=0.5)
    opt.step(np.zeros(1))
    assert opt.state["0"]["b"][0] == 0.0


def test_sgdw_looks_ahead_along_a_velocity_only() -> None:
    with pytest.raises(ValueError, match="SGDW: nesterov wants momentum above 0"):
        lrc.SGDW(np.ones(1), momentum=0.0, nesterov=True)


def test_sgd_names_sgdw_where_decay_is_asked_for() -> None:
    with pytest.raises(TypeError, match="or SGDW, whose decay is decoupled"):
        lrc.SGD(np.ones(1), weight_decay=0.1)


@pytest.mark.parametrize(("decay", "size"), [(4e-3, 0.01056), (1.0, 0.01063)])
def test_the_first_step_of_nadam_is_that_of_torch_and_of_keras(decay: float, size: float) -> None:
    p = np.zeros(1)
    lrc.NAdam(p, lr=0.01, momentum_decay=decay).step(np.ones(1))
    assert -p[0] == pytest.approx(size, abs=5e-6)  # half a unit of the last digit given


@pytest.mark.parametrize("decay", [0.0, 1e-9, 4e-3, 0.37, 1.0, 30.0, 1e4, 1e300])
def test_the_momentum_of_nadam_warms_up_by_powers_of_0_96(decay: float) -> None:
    opt = lrc.NAdam(np.zeros(1), momentum_decay=decay)
    product = 1.0
    for n in range(1, 40):
        opt.step(np.ones(1))
        product *= 0.9 * (1 - 0.5 * 0.96 ** (n * decay))
        # a few roundings of doubles for each update
        assert opt.scalars["0"][0]["product"] == pytest.approx(product, rel=n * 2e-15)


def test_nadam_counts_the_updates_of_each_array() -> None:
    old, new = np.zeros(1), np.zeros(1)
    opt = lrc.NAdam([lrc.Group(old)], lr=0.01)
    for _ in range(50):
        opt.step([np.ones(1)])
    opt.add(new)
    opt.step([np.ones(1), np.ones(1)])
    assert -new[0] == pytest.approx(0.01056, abs=5e-6)


@pytest.mark.parametrize("count", [-1.0, float("inf"), True, "1"])
def test_a_saved_count_that_is_none_is_refused(count: float) -> None:
    opt = lrc.NAdam({"w": np.ones(1)})
    saved = opt.state_dict()
    saved["carried"]["w"]["n"] = count
    with pytest.raises(ValueError, match=r'n of "w" is .*, expected a finite number in'):
        opt.load_state_dict(saved)


@pytest.mark.parametrize(("beta2", "plain"), [(0.999, 5), (0.9, 5), (0.7, 9), (2 / 3, 60), (0, 60)])
def test_the_first_updates_of_radam_follow_the_size_of_the_gradient(
    beta2: float, plain: int
) -> None:
    p, q = np.zeros(1), np.zeros(1)
    small, large = (lrc.RAdam(x, betas=(0.9, beta2), eps=0.0) for x in (p, q))
    for n in range(60):
        before = p - 0, q - 0
        small.step(np.ones(1))
        large.step(np.full(1, 1024.0))
        ratio = (q - before[1]) / (p - before[0])
        assert ratio[0] == pytest.approx(1024.0 if n < plain else 1.0, rel=1e-9)


def test_a_square_beyond_float32_is_no_nan_while_radam_does_not_divide() -> None:
    p = np.zeros(1, np.float32)
    lrc.RAdam(p, lr=1e-3).step(np.full(1, 1e30, np.float32))
    assert -p[0] == pytest.approx(1e27, rel=1e-6)


def test_radam_in_float32_rectifies_as_in_float64() -> None:
    """The length of the average cancels digits; with a rounded beta2 it would be off by 6e-6."""
    p, q = np.zeros(8, np.float32), np.zeros(8)
    narrow, wide = lrc.RAdam(p, lr=0.01), lrc.RAdam(q, lr=0.01)
    rng = np.random.default_rng(0)
    for _ in range(12):
        p[...] = q[...] = 0  # so that they are the update
        g = rng.uniform(0.5, 2, 8).astype(np.float32)
        narrow.step(g)
        wide.step(g)
        # a dozen roundings of float32
        np.testing.assert_allclose(p, q, rtol=1e-6)


def test_adamax_refuses_to_divide_by_nothing() -> None:
    with pytest.raises(ValueError, match=r"Adamax: eps and eps_out are both 0, .* eps=1e-8"):
        lrc.Adamax(np.ones(1), eps=0.0)
    with pytest.raises(ValueError, match="both 0"):
        lrc.Adamax([lrc.Group(np.ones(1), eps=0.0)])
    lrc.Adamax(np.ones(1), eps=0.0, eps_out=1e-7)


@pytest.mark.parametrize(
    ("dtype", "eps"),
    [(np.float32, 1e-44), (np.float64, 1e-310), (np.float32, lambda t: 0.0)],
)
def test_adamax_leaves_elements_without_a_gradient_alone(dtype: Any, eps: Any) -> None:
    p = np.ones(3, dtype)
    opt = lrc.Adamax(p, lr=0.1, eps=eps)
    for _ in range(3):
        opt.step(np.array([0.0, 0.0, 2.0], dtype))
    np.testing.assert_array_equal(p[:2], 1.0)
    assert p[2] == pytest.approx(0.7, rel=1e-6)
    np.testing.assert_allclose(opt.effective_lr("0"), [0.0, 0.0, 0.05], rtol=1e-6)


def test_adamax_names_adamw_where_decay_is_asked_for() -> None:
    with pytest.raises(TypeError, match=r"Adamax has no weight_decay: use l2=.* or AdamW"):
        lrc.Adamax(np.ones(1), weight_decay=0.1)


def test_the_largest_gradient_of_adamax_fades() -> None:
    opt = lrc.Adamax(np.zeros(1), betas=(0.9, 0.5), eps=0.0, eps_out=1e-7)
    for g, largest in ((8.0, 8.0), (1.0, 4.0), (-3.0, 3.0), (0.0, 1.5)):
        opt.step(np.full(1, g))
        assert opt.state["0"]["u"][0] == largest


def steps_along_a_constant_gradient(opt: Any, updates: tuple[int, ...]) -> list[float]:
    found = []
    for n in range(1, max(updates) + 1):
        opt.params[...] = 0
        opt.step(np.ones(1))
        if n in updates:
            found.append(-float(opt.params[0]))
    return found


def test_the_steps_of_adabelief_grow_along_a_constant_gradient() -> None:
    opt = lrc.AdaBelief(np.zeros(1), lr=1e-3)
    found = steps_along_a_constant_gradient(opt, (100, 1000, 5000, 19000))
    # the figures given have two digits, the last one three
    np.testing.assert_allclose(found, [0.0050, 0.020, 0.19, 205], rtol=0.03)


def test_a_larger_eps_root_bounds_the_steps_of_adabelief() -> None:
    opt = lrc.AdaBelief(np.zeros(1), lr=1e-3, eps_root=1e-8)
    (found,) = steps_along_a_constant_gradient(opt, (19000,))
    assert found == pytest.approx(0.316, abs=5e-4)


def test_the_eps_root_of_adabelief_gathers_in_its_state() -> None:
    opt = lrc.AdaBelief(np.zeros(1), betas=(0.9, 0.5), eps_root=1e-3)
    for _ in range(60):
        opt.step(np.zeros(1))
    assert opt.state["0"]["v"][0] == pytest.approx(1e-3 / (1 - 0.5), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_step_of_lion_is_the_rate_times_the_sign(dtype: Any) -> None:
    p = np.zeros(5, dtype)
    lrc.Lion(p, lr=0.5).step(np.array([1e-30, -1e-30, 1e30, 0.0, -0.0], dtype))
    assert p.tobytes() == np.array([-0.5, 0.5, -0.5, 0.0, 0.0], dtype).tobytes()


def test_lion_neither_moves_nor_turns_zeros_where_there_is_no_gradient() -> None:
    p = np.array([0.0, -0.0, -1.0, 5e-324])
    before, opt = p.tobytes(), lrc.Lion(p, lr=0.5)
    for g in (np.zeros(4), -np.zeros(4)):
        opt.step(g)
        assert p.tobytes() == before


def test_a_gradient_that_is_nan_shows_in_what_lion_moves() -> None:
    p = np.ones(2)
    lrc.Lion(p, nonfinite="allow").step(np.array([np.nan, 1.0]))
    assert np.isnan(p).tolist() == [True, False]


def test_the_mean_of_lion_ends_and_its_steps_with_it() -> None:
    p = np.zeros(1, np.float32)
    opt = lrc.Lion(p, lr=1.0, betas=(0.5, 0.5))
    opt.step(np.ones(1))
    for _ in range(200):
        opt.step(np.zeros(1))
    last = p.copy()
    opt.step(np.zeros(1))
    assert opt.state["0"]["m"][0] == 0.0
    assert p[0] == last[0] < -100
