"""The rules by hand: the same updates as the library's, but for rounding."""

import numpy as np
import pytest
from cases import ONE_EACH, variant_id

from lrcore._core import RULES
from lrcore.optimizers.catalogue import OPTIMIZERS
from lrcore.reference.plain import RULES as BY_HAND
from lrcore.reference.plain import Plain


def test_every_rule_is_written_by_hand():
    assert set(BY_HAND) == set(RULES)


@pytest.mark.parametrize(
    ("cls", "options"), [*ONE_EACH, *((cls, {}) for cls in OPTIMIZERS.values())], ids=variant_id
)
def test_the_lines_by_hand_make_the_same_updates(cls, options):
    rng = np.random.default_rng(0)
    params = {"W": rng.standard_normal((5, 3)), "b": rng.standard_normal(3)}
    opt = cls(params, lr=0.01, **options)
    plain = Plain(opt)
    for _ in range(20):
        grads = {name: rng.standard_normal(array.shape) for name, array in params.items()}
        opt.step(grads)
        plain.step(grads, 0.01)
    for ours, theirs in zip(params.values(), plain.params, strict=True):
        # rounding of other orders of the same operations, in double precision
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def test_the_lines_by_hand_leave_the_optimizer_alone():
    cls, options = ONE_EACH[-1]
    params = [np.ones(3)]
    opt = cls(params, **options)
    before = opt.state_dict()
    Plain(opt).step([np.ones(3)], 0.1)
    np.testing.assert_array_equal(params[0], 1.0)
    assert repr(opt.state_dict()) == repr(before)
