"""Rules that algebra says are the same have the same bits."""

import inspect

import numpy as np
import pytest
from cases import DTYPES, ELEMENT_BY_ELEMENT, ONE_EACH, RATED, bits, gradients, variant_id

import lrcore as lrc
from lrcore.optimizers.catalogue import OPTIMIZERS

each_rule = pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
each_coupled = pytest.mark.parametrize(
    ("cls", "options"),
    [
        (cls, options)
        for cls, options in ONE_EACH
        if "l2" in inspect.signature(cls).parameters and cls is not lrc.FTRL
    ],
    ids=variant_id,
)
SIZE, STEPS, LR = 300, 6, 0.25


def zero(t):
    """A hyperparameter that is 0 but does not choose another rule, as the number would."""
    return 0.0


def start(dtype):
    return np.linspace(-2, 2, SIZE, dtype=dtype)


def drawn(dtype):
    """Gradients over some decades, none of them zero."""
    rng = np.random.default_rng(0)
    found = [gradients(rng, SIZE) for _ in range(STEPS)]
    return [np.where(g == 0, 1.0, g).astype(dtype) for g in found]


def run(cls, dtype, grads=None, **options):
    """The bits of the parameters after every step."""
    p = start(dtype)
    opt = cls(p, **{"lr": LR} | options)
    found = []
    for g in drawn(dtype) if grads is None else grads:
        opt.step(g)
        found.append(bits(p))
    return found


def signs(dtype):
    """Parameters that step by the rate against the sign of the gradient."""
    p, found = start(dtype), []
    for g in drawn(dtype):
        p -= dtype(LR) * np.sign(g)
        found.append(bits(p))
    return found


SAME = {
    "momentum 0 is plain descent": (
        (lrc.SGD, {"momentum": zero}),
        (lrc.SGD, {}),
    ),
    "Nesterov with momentum 0 is plain descent": (
        (lrc.SGD, {"momentum": zero, "nesterov": True}),
        (lrc.SGD, {}),
    ),
    "momentum 0 with the rate inside is plain descent": (
        (lrc.SGD, {"momentum": zero, "lr_in_momentum": True}),
        (lrc.SGD, {}),
    ),
    "dampening 0 is none": (
        (lrc.SGD, {"momentum": 0.9, "dampening": zero}),
        (lrc.SGD, {"momentum": 0.9}),
    ),
    "RMSprop with momentum 0 has none": (
        (lrc.RMSprop, {"momentum": zero}),
        (lrc.RMSprop, {}),
    ),
    "centered RMSprop with momentum 0 has none": (
        (lrc.RMSprop, {"centered": True, "momentum": zero}),
        (lrc.RMSprop, {"centered": True}),
    ),
    "decoupled decay of 0 is none": (
        (lrc.AdamW, {"weight_decay": zero}),
        (lrc.Adam, {}),
    ),
    "SGDW without decay is SGD": (
        (lrc.SGDW, {"momentum": 0.8, "weight_decay": zero}),
        (lrc.SGD, {"momentum": 0.8}),
    ),
    "Nesterov's SGDW without decay is SGD": (
        (lrc.SGDW, {"nesterov": True, "weight_decay": zero}),
        (lrc.SGD, {"momentum": 0.9, "nesterov": True}),
    ),
    "SGDW with neither is plain descent": (
        (lrc.SGDW, {"momentum": 0.0, "weight_decay": 0.0}),
        (lrc.SGD, {}),
    ),
    "a momentum of SGDW that turns out 0 is none": (
        (lrc.SGDW, {"momentum": zero}),
        (lrc.SGDW, {"momentum": 0.0}),
    ),
    "a momentum of SignSGD that turns out 0 is none": (
        (lrc.SignSGD, {"momentum": zero}),
        (lrc.SignSGD, {"momentum": 0.0}),
    ),
    "SignSGD is Lion with equal betas": (
        (lrc.SignSGD, {"momentum": 0.95, "weight_decay": 0.5}),
        (lrc.Lion, {"betas": (0.95, 0.95), "weight_decay": 0.5}),
    ),
    "SignSGD without momentum is Lion without memory": (
        (lrc.SignSGD, {"momentum": 0.0, "weight_decay": 0.5}),
        (lrc.Lion, {"betas": (0.0, 0.0), "weight_decay": 0.5}),
    ),
    "NAdam without memory is Adam without memory": (
        (lrc.NAdam, {"betas": (0.0, 0.0)}),
        (lrc.Adam, {"betas": (0.0, 0.0)}),
    ),
    "without eps its place does not matter": (
        (lrc.Adam, {"eps": 0.0, "eps_hat": True}),
        (lrc.Adam, {"eps": 0.0}),
    ),
    "Adam without memory is RMSprop without memory": (
        (lrc.Adam, {"betas": (0.0, 0.0)}),
        (lrc.RMSprop, {"rho": 0.0}),
    ),
}


@pytest.mark.parametrize("name", SAME)
@each_dtype
def test_a_reduced_rule_has_the_bits_of_the_simpler_one(name, dtype):
    (first, first_options), (second, second_options) = SAME[name]
    assert run(first, dtype, **first_options) == run(second, dtype, **second_options)


# sqrt(x * x) is |x| to the bit unless the square leaves the range
@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (lrc.Adam, {"betas": (0.0, 0.0), "eps": 0.0}),
        (lrc.RMSprop, {"rho": 0.0, "eps": 0.0}),
        (lrc.Adamax, {"betas": (0.0, 0.0), "eps": zero}),
        (lrc.SignSGD, {"momentum": 0.0}),
        (lrc.Lion, {"betas": (0.0, 0.0)}),
    ],
    ids=variant_id,
)
@each_dtype
def test_without_memory_and_eps_it_steps_by_the_sign(cls, options, dtype):
    assert run(cls, dtype, **options) == signs(dtype)


@pytest.mark.parametrize(
    ("cls", "options"), [(lrc.SignSGD, {"momentum": 0.0}), (lrc.SignSGD, {}), (lrc.Lion, {})]
)
@each_dtype
def test_signs_step_by_the_rate_whatever_the_scale_of_the_gradients(cls, options, dtype):
    scaled = [g * dtype(1024) for g in drawn(dtype)]
    assert run(cls, dtype, scaled, **options) == run(cls, dtype, **options)
    assert run(cls, dtype, **options)[0] == signs(dtype)[0]


def test_a_mean_of_signsgd_that_is_about_to_end_still_gives_the_step_of_lion():
    tiny = [np.full(SIZE, 1e-303), *[np.zeros(SIZE)] * (STEPS - 1)]
    assert run(lrc.SignSGD, np.float64, tiny) == run(lrc.Lion, np.float64, tiny, betas=(0.9, 0.9))
    assert run(lrc.SignSGD, np.float64, tiny)[0] != run(lrc.SignSGD, np.float64, tiny, lr=0)[0]


@each_dtype
def test_the_first_step_of_adagrad_without_eps_is_by_the_sign(dtype):
    assert run(lrc.Adagrad, dtype, eps=0.0)[0] == signs(dtype)[0]


@each_dtype
def test_amsgrad_of_growing_gradients_is_adam(dtype):
    grads = [drawn(dtype)[0] * dtype(2) ** k for k in range(STEPS)]
    assert run(lrc.Adam, dtype, grads, amsgrad=True) == run(lrc.Adam, dtype, grads)


@pytest.mark.parametrize(("cls", "options"), RATED, ids=variant_id)
@each_dtype
def test_at_rate_zero_parameters_keep_their_bits(cls, options, dtype):
    assert set(run(cls, dtype, lr=zero, **options)) == {bits(start(dtype))}


@each_coupled
@each_dtype
def test_coupled_decay_of_zero_is_none(cls, options, dtype):
    assert run(cls, dtype, l2=zero, **options) == run(cls, dtype, **options)


@each_coupled
@each_dtype
def test_coupled_decay_of_one_adds_the_parameter_to_the_gradient(cls, options, dtype):
    if cls is lrc.LARS:
        options = {**options, "joint_norm": True}  # the norm of gradient and decay together
    g = gradients(np.random.default_rng(0), 50, dtype)
    decayed, plain = np.full(50, 0.3, dtype), np.full(50, 0.3, dtype)
    cls(decayed, lr=0.1, l2=1.0, **options).step(g)
    cls(plain, lr=0.1, **options).step(g + plain)
    assert decayed.tobytes() == plain.tobytes()


@each_rule
@each_dtype
def test_ascent_is_descent_of_the_negative(cls, options, dtype):
    negated = [-g for g in drawn(dtype)]
    assert run(cls, dtype, negated, maximize=True, **options) == run(cls, dtype, **options)


@each_rule
@each_dtype
def test_limits_that_nothing_reaches_change_nothing(cls, options, dtype):
    limits = {"clip_norm": 1e30, "clip_value": 1e30}
    assert run(cls, dtype, **limits, **options) == run(cls, dtype, **options)


@pytest.mark.parametrize(("cls", "options"), RATED, ids=variant_id)
@each_dtype
def test_half_the_scale_of_a_rate_is_half_the_rate(cls, options, dtype):
    p = start(dtype)
    opt = cls([lrc.Group(p, lr_scale=0.5)], lr=LR, **options)
    for g in drawn(dtype):
        opt.step([g])
    assert bits(p) == run(cls, dtype, lr=LR / 2, **options)[-1]


ADAPTIVE = [
    (cls, options)
    for cls, options in ONE_EACH
    # but for the eps of Adadelta, which is its scale, and the first updates of RAdam
    if "eps" in inspect.signature(cls).parameters and cls not in (lrc.Adadelta, lrc.RAdam)
]


@pytest.mark.parametrize(("cls", "options"), ADAPTIVE, ids=variant_id)
@each_dtype
def test_without_eps_the_scale_of_the_gradients_does_not_matter(cls, options, dtype):
    scaled = [g * dtype(1024) for g in drawn(dtype)]
    if "eps_root" in inspect.signature(cls).parameters:
        options = {**options, "eps_root": 0.0}
    assert run(cls, dtype, scaled, eps=zero, **options) == run(cls, dtype, eps=zero, **options)


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}], ids=variant_id)
@each_dtype
def test_descent_depends_on_the_product_of_rate_and_gradient_alone(options, dtype):
    scaled = [g * dtype(1024) for g in drawn(dtype)]
    assert run(lrc.SGD, dtype, scaled, lr=LR / 1024, **options) == run(lrc.SGD, dtype, **options)


DECOUPLED = [
    cls
    for cls in OPTIMIZERS.values()
    if "weight_decay" in inspect.signature(cls).parameters and cls is not lrc.ScheduleFreeAdamW
]


@pytest.mark.parametrize("cls", DECOUPLED)
@each_dtype
def test_decoupled_decay_alone_shrinks_by_its_product_with_the_rate(cls, dtype):
    zeros = [np.zeros(SIZE, dtype)] * STEPS
    beside = {"decay_in_ratio": False} if cls is lrc.LAMB else {}  # else that scales it
    found = run(cls, dtype, zeros, weight_decay=0.5, **beside)
    p = start(dtype)
    for k in range(STEPS):
        p -= dtype(LR * 0.5) * p
        assert found[k] == bits(p)


@pytest.mark.parametrize("cls", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_the_order_of_parameters_does_not_matter(cls):
    p, q, r, s = (start(np.float64) for _ in range(4))
    forth, back = cls({"a": p, "b": q}), cls({"b": s, "a": r})
    for g in drawn(np.float64):
        forth.step({"a": g, "b": 2 * g})
        back.step({"a": g, "b": 2 * g})
    assert bits(p) == bits(r)
    assert bits(q) == bits(s)


@each_rule
@each_dtype
def test_equal_elements_get_equal_bits_wherever_they_stand(cls, options, dtype):
    views = [np.full(n + 16, 0.7, dtype)[n % 16 :][:n] for n in range(1, 1026)]
    opt = cls(views, lr=0.1, **options)
    for g in (0.3, -0.01, 7.0):
        opt.step([np.full(n, g, dtype) for n in range(1, 1026)])
    # what depends on an array's sums is as equal as arrays of one length are
    together = [np.concatenate(views)] if (cls, options) in ELEMENT_BY_ELEMENT else views
    for array in together:
        assert len({bits(x) for x in np.unique(array)}) == 1
