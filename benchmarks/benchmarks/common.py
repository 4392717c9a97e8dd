"""Problems for a rule: an optimizer that uses it, and gradients."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrcore._core import DTYPES
from lrcore.optimizers.base import Optimizer
from lrcore.reference import variants

Arrays = list[NDArray[Any]]

BY_RULE = variants.by_rule()
DTYPE_NAMES = [dtype.name for dtype in DTYPES]


def problem(rule: str, dtype: str, sizes: Sequence[int]) -> tuple[Optimizer, Arrays]:
    """The plainest optimizer that uses `rule`, past its first step, and its gradients."""
    rng = np.random.default_rng(0)
    cls, options = BY_RULE[rule]
    make: Any = cls
    opt: Optimizer = make([np.ones(n, dtype) for n in sizes], **options)
    grads = [rng.standard_normal(n).astype(dtype) for n in sizes]
    opt.step(grads)
    return opt, grads
