"""State that fades to zero lets no step grow, whatever the eps."""

from inspect import signature

import numpy as np
import pytest
from cases import DTYPES, ELEMENT_BY_ELEMENT, variant_id

import lrcore as lrc

ADAPTIVE = [
    # eps_root is 0 by default elsewhere
    (cls, options | {"eps_root": 0.0} if cls is lrc.AdaBelief else options)
    for cls, options in ELEMENT_BY_ELEMENT
    if "eps" in signature(cls).parameters
]
each_adaptive = pytest.mark.parametrize(("cls", "options"), ADAPTIVE, ids=variant_id)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)

ENLARGE = 2.0**200  # carries what is about to vanish in either dtype to where nothing does
# What was stored as zero may be as much as what was not, so a root may lack a factor of sqrt(2).
# Only then, with gradients and eps near the root of the smallest number, is a step longer at all.
GROWTH = 1.5


def unrefused(options):
    """An eps of 0 as a schedule, since Adamax refuses the number."""
    return options if options["eps"] else options | {"eps": lambda t: 0.0}


def steps(cls, options, dtype, grads, enlarged):
    """The updates of each step, for gradients (and an eps) as they are or enlarged."""
    factor = ENLARGE if enlarged else 1.0
    dtype = np.float64 if enlarged else dtype
    options = dict(options)
    for name, power in (("eps", 1), ("eps_root", 2)):
        # Adadelta's eps is a square, and its steps are as large as its gradients
        power = 2 if cls is lrc.Adadelta else power
        if name in options:
            options[name] = options[name] * factor**power
    p = np.zeros(grads.shape[1], dtype)
    opt, made = cls(p, lr=1.0, **unrefused(options)), []
    for g in grads:
        before = p.astype(np.float64)
        opt.step((g * factor).astype(dtype))
        made.append(p - before)
        p[...] = 0.0  # so that small steps do not vanish in large parameters
        opt.state["0"].get("z", p)[...] = 0.0  # nor what is mixed into them
    made = np.array(made)
    return made / factor if cls is lrc.Adadelta and enlarged else made


def random_gradients(dtype):
    """Around the root of the smallest normal number, each element at sizes of its own."""
    rng = np.random.default_rng(0)
    root = np.sqrt(np.finfo(dtype).tiny)
    size = rng.uniform(-12, 12, 2000) + rng.uniform(0, 12) * rng.standard_normal((60, 2000))
    grads = root * 2.0 ** np.clip(size, -14, 14) * rng.choice([-1.0, 0.0, 1.0], (60, 2000))
    return grads.astype(dtype).astype(np.float64)


@each_dtype
@each_adaptive
@pytest.mark.parametrize("eps", [0.0, 1e-3, 1.0, 30.0, 1e6])  # of the root of the smallest number
def test_no_step_is_longer_than_the_formula_makes_it(cls, options, dtype, eps):
    if cls is lrc.Adagrad:
        pytest.skip("its sum does not fade; what it can lack is bounded below")
    root = float(np.sqrt(np.finfo(dtype).tiny))
    size = root**2 if cls is lrc.Adadelta else root
    eps = 0.0 if dtype(eps * size) == 0 else eps * size
    grads = random_gradients(dtype)
    here = steps(cls, {**options, "eps": eps}, dtype, grads, enlarged=False)
    there = steps(cls, {**options, "eps": eps}, dtype, grads, enlarged=True)
    assert np.isfinite(here).all()
    assert here.any() == there.any()  # Adadelta without eps never moves
    if "momentum" in options or cls is lrc.Adadelta:
        # sums of steps, of either sign: held against the longest
        assert np.abs(here).max() <= GROWTH * np.abs(there).max()
    else:
        assert (np.abs(here) <= GROWTH * np.abs(there) + root).all()


@each_dtype
@pytest.mark.parametrize("eps", [0.0, 1e-2, 1.0])
def test_no_step_of_adagrad_passes_the_rate(dtype, eps):
    root = float(np.sqrt(np.finfo(dtype).tiny))
    grads = random_gradients(dtype)
    assert np.abs(steps(lrc.Adagrad, {"eps": eps * root}, dtype, grads, False)).max() <= 1.0


@each_dtype
@each_adaptive
@pytest.mark.parametrize("g", [0.0, 1e-20, 1e-160, 1e-300])
def test_an_element_whose_root_is_zero_does_not_move(cls, options, dtype, g):
    if (dtype(g) if cls is lrc.Adamax else np.square(dtype(g))) >= np.finfo(dtype).tiny:
        pytest.skip("what divides is there")
    p = np.ones(9, dtype)
    opt = cls(p, lr=1.0, **unrefused({**options, "eps": 0.0}))
    for _ in range(3):
        opt.step(np.full(9, g, dtype))
    assert (p == 1).all()


@each_dtype
@each_adaptive
def test_a_gradient_that_ends_moves_nothing_far(cls, options, dtype):
    """The state fades, second moments before or after the first; no step is longer than before."""
    root = float(np.sqrt(np.finfo(dtype).tiny))
    p = np.zeros(4, dtype)
    opt = cls(p, lr=1.0, **options, eps=1e-3 * root)
    for _ in range(20):
        opt.step(np.full(4, 1e-3, dtype))
    longest = np.abs(p).max() + 1.0
    for _ in range(300):
        p[...] = 0
        opt.step(np.zeros(4, dtype))
        assert np.abs(p).max() <= longest


@pytest.mark.parametrize(("eps", "size"), [(1e-30, 1e-20), (1e-40, 1e-21), (1e-25, 3e-20)])
def test_a_tiny_eps_makes_no_huge_step(eps, size):
    w = np.zeros(2, np.float32)
    opt = lrc.Adam(w, lr=1e-3, eps=eps)
    for _ in range(3):
        opt.step(np.full(2, size, np.float32))
    assert np.abs(w).max() <= 3.01e-3  # of rates: the formula's three
