"""One step against the same formula in decimals of 50 digits, counted in units in the last place.

`PYTHONPATH=tests/support python tests/core/test_accuracy.py 20000` prints by how many each rule is
off, over that many elements.
"""

import decimal
import sys
from decimal import Decimal

import numpy as np
import pytest
from cases import BY_RULE, DTYPES

import lrcore as lrc
from lrcore.optimizers.catalogue import OPTIMIZERS

decimal.getcontext().prec = 50
ELEMENTS = 600
LR = 0.001
# Units in the last place that an update may be off: 4 of products and sums alone, 8 with a root.
SUMS_ALONE = [
    "sgd",
    "momentum",
    "sgdw",
    "sgdw_momentum",
    "signsgd",
    "signsgd_momentum",
    "lion",
    "rprop",
    "schedule_free",
]
LIMITS = dict.fromkeys(SUMS_ALONE, 4)
exact = np.vectorize(lambda x: Decimal(float(x)), otypes=[object])


def root(x):
    return np.vectorize(Decimal.sqrt, otypes=[object])(x)


# --- the update of each rule, and its new state ---------------------------------------------
# g: gradient; s: state arrays by name; h: hyperparameters; all of them Decimal


def sgd(g, s, h):
    return h["lr"] * g, {}


def momentum(g, s, h):
    b = h["momentum"] * s["b"] + g
    return h["lr"] * b, {"b": b}


def lars(g, s, h):
    """With a ratio of 1; test_trust.py holds those of norms to the exact ones."""
    b = h["momentum"] * s["b"] + h["lr"] * g
    return b, {"b": b}


sgdw, sgdw_momentum = sgd, momentum  # but for the decay, which is no part of the update here


def mean_square(g, s, h):
    return h["rho"] * s["v"] + (1 - h["rho"]) * g * g


def rmsprop(g, s, h):
    v = mean_square(g, s, h)
    return h["lr"] * g / (root(v) + h["eps"]), {"v": v}


def rmsprop_momentum(g, s, h):
    v = mean_square(g, s, h)
    b = h["momentum"] * s["b"] + g / (root(v) + h["eps"])
    return h["lr"] * b, {"v": v, "b": b}


def variance(g, s, h):
    rho, d = h["rho"], g - s["mean"]
    return {"mean": rho * s["mean"] + (1 - rho) * g, "s": rho * (s["s"] + (1 - rho) * d * d)}


def rmsprop_centered(g, s, h):
    new = variance(g, s, h)
    return h["lr"] * g / (root(new["s"]) + h["eps"]), new


def rmsprop_centered_momentum(g, s, h):
    new = variance(g, s, h)
    b = h["momentum"] * s["b"] + g / (root(new["s"]) + h["eps"])
    return h["lr"] * b, new | {"b": b}


def rmsprop_corrected(g, s, h):
    """Of the first update, whose correction is the complement of rho."""
    v = mean_square(g, s, h)
    return h["lr"] * g / (root(v / (1 - h["rho"])) + h["eps"]), {"v": v}


def rmsprop_ahead(g, s, h):
    """The same with momentum."""
    v = mean_square(g, s, h)
    b = h["momentum"] * s["b"] + g / (root(v / (1 - h["rho"])) + h["eps"])
    return h["lr"] * b, {"v": v, "b": b}


def rmsprop_centered_ahead(g, s, h):
    """The rate inside the velocity."""
    new = variance(g, s, h)
    b = h["momentum"] * s["b"] + h["lr"] * g / (root(new["s"]) + h["eps"])
    return b, new | {"b": b}


def adagrad(g, s, h):
    total = s["s"] + g * g
    return h["lr"] * g / (root(total) + h["eps"]), {"s": total}


def adadelta(g, s, h):
    v = mean_square(g, s, h)
    delta = root((s["u"] + h["eps"]) / (v + h["eps"])) * g
    return h["lr"] * delta, {"v": v, "u": h["rho"] * s["u"] + (1 - h["rho"]) * delta * delta}


def moments(g, s, h):
    beta1, beta2 = h["beta1"], h["beta2"]
    return {"m": beta1 * s["m"] + (1 - beta1) * g, "v": beta2 * s["v"] + (1 - beta2) * g * g}


def corrected(m, v, h):
    """Of the first update, whose bias corrections are the complements of the betas."""
    return h["lr"] * (m / (1 - h["beta1"])) / (root(v / (1 - h["beta2"])) + h["eps"])


def adam(g, s, h):
    new = moments(g, s, h)
    return corrected(new["m"], new["v"], h), new


def amsgrad(g, s, h):
    new = moments(g, s, h)
    new["v_max"] = np.maximum(s["v_max"], new["v"])
    return corrected(new["m"], new["v_max"], h), new


lamb = adam  # times a ratio; test_trust_lamb.py has the norms


def adam_nesterov(g, s, h):
    """Of the first update: both corrections of the looking ahead are in the factors of m and g."""
    new, beta1 = moments(g, s, h), h["beta1"]
    m_hat = beta1 * new["m"] / (1 - beta1 * beta1) + g
    return h["lr"] * m_hat / (root(new["v"] / (1 - h["beta2"])) + h["eps"]), new


def amsgrad_corrected(g, s, h):
    new = moments(g, s, h)
    new["v_max"] = np.maximum(s["v_max"], new["v"] / (1 - h["beta2"]))
    m_hat = new["m"] / (1 - h["beta1"])
    return h["lr"] * m_hat / (root(new["v_max"]) + h["eps"]), new


def nadam(g, s, h):
    """Of the first update: both corrections of the looking ahead are in the factors of m and g."""
    warm = [h["beta1"] * (1 - Decimal("0.96") ** (n * h["momentum_decay"]) / 2) for n in (1, 2)]
    mu, ahead = warm
    new = moments(g, s, h)
    m_hat = ahead * new["m"] / (1 - mu * ahead) + g
    return h["lr"] * m_hat / (root(new["v"] / (1 - h["beta2"])) + h["eps"]), new


def radam(g, s, h):
    """Of the first update, which divides by nothing."""
    new = moments(g, s, h)
    return h["lr"] * new["m"] / (1 - h["beta1"]), new


def adamax(g, s, h):
    m = h["beta1"] * s["m"] + (1 - h["beta1"]) * g
    u = np.maximum(h["beta2"] * s["u"], abs(g) + h["eps"])
    return h["lr"] * m / (1 - h["beta1"]) / (u + h["eps_out"]), {"m": m, "u": u}


def adabelief(g, s, h):
    m = h["beta1"] * s["m"] + (1 - h["beta1"]) * g
    v = h["beta2"] * s["v"] + (1 - h["beta2"]) * (g - m) * (g - m) + h["eps_root"]
    return corrected(m, v, h), {"m": m, "v": v}


def signs(x):
    return exact(np.sign(x.astype(float)))


def signsgd(g, s, h):
    return h["lr"] * signs(g), {}


def signsgd_momentum(g, s, h):
    m = h["momentum"] * s["m"] + (1 - h["momentum"]) * g
    return h["lr"] * signs(m), {"m": m}


def lion(g, s, h):
    u = signs(h["beta1"] * s["m"] + (1 - h["beta1"]) * g)
    return h["lr"] * u, {"m": h["beta2"] * s["m"] + (1 - h["beta2"]) * g}


def rprop(g, s, h):
    """Of an update whose gradients have the signs of those before."""
    step = np.clip(s["step"] * h["eta2"], h["step_size1"], h["step_size2"])
    return signs(g) * step, {"g_old": g, "step": step}


def ftrl(g, s, h):
    """Of an update from 0, where sigma does not matter."""
    z, total = s["z"] + g, s["s"] + g * g
    return z / (root(total) / h["lr"] + h["beta"] / h["lr"] + h["l2"]), {"z": z, "s": total}


def schedule_free(g, s, h):
    """Of the first update, which begins at the parameters, 0, and has no other z to mix with."""
    return h["lr"] * g, {"z": -h["lr"] * g}


def schedule_free_adam(g, s, h):
    """The same."""
    v = h["beta2"] * s["v"] + (1 - h["beta2"]) * g * g
    u = g / (root(v / (1 - h["beta2"])) + h["eps"])
    return h["lr"] * u, {"z": -h["lr"] * u, "v": v}


# --- the comparison --------------------------------------------------------------------------


def operands(rng, n, dtype, keys):
    """Gradient and state of like signs, so that no sum cancels, over 12 decades."""
    sign = rng.choice([-1, 1], n)
    g = (sign * rng.uniform(1, 10, n) * 10.0 ** rng.integers(-6, 6, n)).astype(dtype)
    state = {}
    for key in keys:
        size = np.abs(g.astype(float)) * 10.0 ** rng.uniform(-2, 2, n)
        signed = key in ("m", "b", "mean", "z", "g_old")
        state[key] = (sign * size if signed else size * size).astype(dtype)
    return g, state


def of_rule(rule):
    cls, options = BY_RULE[rule]
    fixed = {"lars": {"trust": None}, "lamb": {"decay_in_ratio": False}}
    return cls, options | fixed.get(rule, {})


def hyperparameters(cls, options, dtype):
    """As the rule uses them: a decay is rounded to the dtype, and its complement is exact."""
    h = cls(np.zeros(1), lr=LR, **options).hyperparameters
    h["beta1"], h["beta2"] = h.get("betas", (0.0, 0.0))
    pairs = {name: x for name, x in h.items() if name in ("etas", "step_sizes")}
    for name, pair in pairs.items():
        h |= {f"{name[:-1]}{i}": dtype(x) for i, x in enumerate(pair, 1)}
    rounded = {name: dtype(h[name]) for name in ("rho", "beta1", "beta2") if name in h}
    numbers = {name: x for name, x in (h | rounded).items() if isinstance(x, float | np.floating)}
    return {name: Decimal(float(x)) for name, x in numbers.items()}


def units(found, true):
    """The distance in units in the last place of what was found."""
    last = exact(np.spacing(np.abs(found)))
    return (abs(exact(found) - true) / last).astype(float)


def errors(rule, dtype, n, seed=0):
    """Units in the last place by which each update, and each state array, is off."""
    cls, options = of_rule(rule)
    opt = cls(np.zeros(n, dtype), lr=LR, **options)  # from 0, so that p is the update to the bit
    g, state = operands(np.random.default_rng(seed), n, dtype, opt.state["0"])
    for key, array in state.items():
        opt.state["0"][key][...] = np.resize(array, opt.state["0"][key].shape)
    old = {key: exact(array) for key, array in opt.state["0"].items()}
    opt.step(g)
    update, new = globals()[rule](exact(g), old, hyperparameters(cls, options, dtype))
    found = {"update": units(opt.params, -update)}
    return found | {key: units(opt.state["0"][key], new[key]) for key in new}


@pytest.mark.parametrize("rule", BY_RULE)
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
def test_an_update_is_within_a_few_units_in_the_last_place_of_the_exact_one(rule, dtype):
    for key, off in errors(rule, dtype, ELEMENTS).items():
        assert off.max() <= LIMITS.get(rule, 8), key


# FTRL sets parameters, so that where they lie decides nothing
@pytest.mark.parametrize("rule", [rule for rule in BY_RULE if rule != "ftrl"])
def test_a_float32_parameter_is_within_one_and_a_half_units_of_the_exact_one(rule):
    cls, options = of_rule(rule)
    rng = np.random.default_rng(0)
    opt = cls(np.zeros(ELEMENTS, np.float32), lr=LR, **options)
    g, state = operands(rng, ELEMENTS, np.float32, opt.state["0"])
    for key, array in state.items():
        opt.state["0"][key][...] = np.resize(array, opt.state["0"][key].shape)
    old = {key: exact(array) for key, array in opt.state["0"].items()}
    h = hyperparameters(cls, options, np.float32)
    update, _ = globals()[rule](exact(g), old, h)
    # parameters from 8 to 800 times as large as their updates, as in training
    size = update.astype(float) * rng.choice([-1, 1], ELEMENTS)
    p = (size * 10.0 ** rng.uniform(0.9, 2.9, ELEMENTS)).astype(np.float32)
    opt.params[...] = p
    opt.step(g)
    ratio = Decimal(opt.scalars["0"][0].get("ratio", 1.0))
    true = exact(p) * (1 - h["lr"] * h.get("weight_decay", 0)) - ratio * update
    larger = exact(np.spacing(np.maximum(np.abs(p), np.abs(opt.params))))
    assert (abs(exact(opt.params) - true) / larger).astype(float).max() <= 1.5


# A product of t betas is off by t - 1 roundings at most, and t * beta^t (1 - beta) <= 1 - beta^t.
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.99), (0.95, 0.9999)])
def test_bias_corrections_are_off_by_a_rounding_over_one_minus_beta_at_most(betas):
    opt = lrc.Adam(np.zeros(1), betas=betas)
    exact_products = [Decimal(1), Decimal(1)]
    for t in range(1, 2**11 + 2):
        opt.step(np.ones(1))
        exact_products = [x * Decimal(b) for x, b in zip(exact_products, betas, strict=True)]
        if t in (1, 2, 3, 10, 2**11 + 1):
            carried = opt.scalars["0"][0].values()
            for product, x, beta in zip(carried, exact_products, betas, strict=True):
                off = abs(Decimal(1 - product) - (1 - x)) / (1 - x)
                assert off <= Decimal(2) ** -53 / (1 - Decimal(beta)) + Decimal(2) ** -53


@pytest.mark.parametrize("t", [2**8, 2**11, 2**24, 2**31, 2**53 - 1])
@pytest.mark.parametrize("cls", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_updates_are_counted_one_by_one_however_many_there_were(cls, t):
    opt = cls(np.zeros(1, np.float32))
    opt.load_state_dict(opt.state_dict() | {"t": t})
    for k in range(3):
        assert opt.t == t + k
        opt.step(np.ones(1))


@pytest.mark.parametrize("count", [10**9, 2**53])
def test_a_schedule_does_not_drift_however_late_it_is_asked(count):
    schedule = lrc.CosineAnnealing(1.0, count)
    for t in (count // 3, count // 2, count - 1):
        # cos(x) of a rational part of pi, by its series
        x = Decimal("3.14159265358979323846264338327950288419716939937511") * t / count
        term, cosine = Decimal(1), Decimal(1)
        for k in range(1, 60):
            term *= -x * x / ((2 * k - 1) * (2 * k))
            cosine += term
        true = (1 + cosine) / 2
        assert abs(Decimal(schedule(t)) - true) <= 4 * Decimal(float(np.spacing(float(true))))


if __name__ == "__main__":
    n = int(sys.argv[1])
    print("| rule | dtype | of | <= 0.5 | <= 1 | <= 2 | <= 4 | largest |")
    print("|---|---|---|---|---|---|---|---|")
    for rule in BY_RULE:
        for dtype in DTYPES:
            for key, off in errors(rule, dtype, n).items():
                shares = " | ".join(f"{(off <= x).mean():.1%}" for x in (0.5, 1, 2, 4))
                print(f"| {rule} | {dtype.__name__} | {key} | {shares} | {off.max():.2f} |")
