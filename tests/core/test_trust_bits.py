"""Rules with a ratio of norms: the same bits over threads, layouts, and where they are observed."""

import itertools

import numpy as np
import pytest
from cases import DTYPES, bits, gradients, variant_id

import lrcore as lrc

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
each_rule = pytest.mark.parametrize(
    ("cls", "options"),
    [
        (lrc.LARS, {"l2": 0.1}),
        (lrc.LAMB, {"max_trust": 30.0}),
        (lrc.LAMB, {"max_trust": 30.0, "decay_in_ratio": False}),
    ],
    ids=variant_id,
)


@each_rule
@each_dtype
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_do_not_change_a_bit(cls, options, dtype, threads):
    rng = np.random.default_rng(0)
    params = [rng.standard_normal(n).astype(dtype) for n in (600_000, 3, 0, 20_000)]
    opt = cls(params, clip_norm=1.0, maximize=True, num_threads=threads, **options)
    twin = lrc.reference.Reference(opt)
    for _ in range(2):
        grads = [gradients(rng, p.size, dtype) for p in params]
        opt.step(grads)
        twin.step(grads)
    assert [bits(p) for p in params] == [bits(p) for p in twin.params]
    assert [carried for carried, _ in opt.scalars.values()] == twin._carried


@each_rule
@each_dtype
def test_layouts_of_many_blocks_do_not_change_a_bit(cls, options, dtype):
    rng = np.random.default_rng(0)
    start, g = rng.standard_normal((37, 900)).astype(dtype), gradients(rng, (37, 900), dtype)
    results = set()
    arrange = (np.array, np.asfortranarray, lambda x: np.repeat(x, 2, 1)[:, ::2])
    for p_of, g_of in itertools.product(arrange, arrange):
        p = p_of(start)
        opt = cls(p, clip_value=0.5, **options)
        for _ in range(2):
            opt.step(g_of(g))
        state = tuple(map(bits, opt.state["0"].values()))
        results.add((bits(p), state, opt.state_dict()["carried"]["0"]["ratio"]))
    assert len(results) == 1


@each_rule
def test_an_observed_update_has_the_bits_of_any_other(cls, options):
    rng = np.random.default_rng(0)
    start = rng.standard_normal((30, 50))
    p, q = start.copy(), start.copy()
    watched, opt = cls(p, **options), cls(q, **options)
    monitor = lrc.Monitor(watched)
    for _ in range(3):
        g = gradients(rng, start.shape)
        watched.step(g)
        opt.step(g)
    assert bits(p) == bits(q)
    for letter, array in watched.state["0"].items():
        assert bits(array) == bits(opt.state["0"][letter])
    assert monitor.latest.update_ratio > 0
