"""What of an optimizer should be evaluated: its parameters, or what it knows to be better."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from .._core import Evaluation
from ..checks.arrays import Array
from ..checks.trees import filled
from .attached import reading
from .averages import COUNT, LETTER
from .by_rows import ByRows


class Evaluating(ByRows):
    """The abstract part of an optimizer that hands out what should be evaluated."""

    def eval_params(self) -> AbstractContextManager[None]:
        """A block in which the parameters hold what should be evaluated, such as their average.

        Inside, the caller's arrays hold the average that `average=` asked for. What has none, or no
        update yet, stays as it is. At the end of the block, after an exception and Ctrl-C too, the
        bits of before are put back from a copy into all arrays, whatever was written into them
        inside. The block takes memory for a copy of them.

        Raises
        ------
        ValueError
            On entering for an array that was resized, reshaped or replaced, or has an average and
            is read-only; nothing has changed then. On leaving for one that was resized or moved
            inside; all others are put back.
        RuntimeError
            Inside from `step`, `step_rows`, `bind`, `add`, `freeze`, `unfreeze`, `save`, `load`,
            `snapshot`, `restore`, `load_state_dict`, pickling, and another `eval_params`.
            `state_dict` is not refused: it holds the state of the training, inside too.

        Notes
        -----
        `EarlyStopping` keeps and restores what the arrays hold when it is updated: report to it
        behind the block. What it restores is the training point alone; keep `eval_arrays()` at each
        new best for the point that scored. In another thread that computes a gradient meanwhile, it
        is one at the average. `eval_arrays` gives copies instead.

        Examples
        --------
        >>> import numpy as np, lrcore as lrc
        >>> w = np.array([0.0])
        >>> opt = lrc.SGD(w, lr=1.0, average=lrc.Mean())
        >>> for _ in range(3):
        ...     _ = opt.step(np.array([-1.0]))
        >>> with opt.eval_params():
        ...     print(w)
        [2.]
        >>> w
        array([3.])
        """
        return Evaluation(self, self._points)

    @reading
    def eval_arrays(self) -> Any:
        """Copies of what should be evaluated, in the structure of the parameters.

        What the arrays would hold in a block of `eval_params`, in dicts and lists (one entry for
        each group, where there are groups). Nothing is switched, and nothing refused meanwhile.

        Raises
        ------
        ValueError
            For an array that was resized, reshaped or replaced.

        Examples
        --------
        >>> import numpy as np, lrcore as lrc
        >>> w = {"a": np.array([0.0]), "b": np.array([4.0])}
        >>> opt = lrc.SGD(w, lr=1.0, average=lrc.EMA(decay=0.5))
        >>> for _ in range(2):
        ...     _ = opt.step({"a": np.array([-1.0]), "b": np.array([0.0])})
        >>> opt.eval_arrays()
        {'a': array([1.5]), 'b': array([4.])}
        """
        held = self._evaluated()
        arrays = self.roster.arrays
        leaves = (
            np.array(array if held[name] is None else held[name], array.dtype, subok=False)
            for name, array in arrays.items()
        )
        return filled(self.roster.whole, leaves)

    def _evaluated(self) -> dict[str, Array | None]:
        """What each parameter should hold; None for what it holds."""
        self._check_replaced()
        scalars, point = self.scalars, self.roster.kind.evaluated
        found: dict[str, Array | None] = {}
        for name, tensor in self.roster.tensors.items():
            tensor.check(name)
            known = scalars[name][0].get(COUNT, 0) > 0
            better = tensor.state[LETTER] if known else None
            if point is not None:
                better = point(tensor.parameter, tensor.state, scalars[name][0])
            dtype = tensor.parameter.dtype
            found[name] = None if better is None else better.astype(dtype, copy=False)
        return found

    def _points(self) -> list[tuple[str, Array, Array | None]]:
        """Of each parameter that a block may change: its name, itself, and what it shall hold."""
        found = []
        for name, value in self._evaluated().items():
            array = self.roster.arrays[name]
            if array.flags.writeable:
                found.append((name, array, value))
            elif value is not None:
                raise ValueError(f'parameter "{name}" is read-only: eval_arrays() gives a copy')
        return found
