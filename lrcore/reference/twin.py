"""An optimizer's twin, of which every update is the reference's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._core import COMPUTED, DTYPES
from .._core import RULES as COMPILED
from ..checks import trees
from ..optimizers.averages import COUNT, LETTER
from ..optimizers.base import Optimizer
from ..optimizers.besides import BESIDES, GATHERED
from .averages import averaged, gain
from .catalogue import RULES
from .norm import norm
from .rounding import Array


class Reference:
    """An optimizer's twin in plain NumPy: the same options on copies of its arrays.

    Parameters
    ----------
    opt : Optimizer
        Never changed. Its parameters and state are copied when the twin is made.

    Attributes
    ----------
    params, state : list of ndarray, list of dict of ndarray
        In the order of ``opt.names``.
    """

    def __init__(self, opt: Optimizer) -> None:
        self.t, self.pending = opt.t, opt.pending
        self._opt = opt
        self._roster = roster = opt.roster
        self._common = roster.common
        self._averages = [roster.average(group) for group in roster.groups]
        self._limits = [roster.clip_norm_each(group) for group in roster.groups]
        self._choices = [roster.choice(i) for i in range(len(roster.groups))]
        self._group_of = [tensor.place.group for tensor in roster.tensors.values()]
        self.params = [array.copy() for array in roster.arrays.values()]
        self.state = [
            {letter: array.copy() for letter, array in state.items()}
            for state in roster.state.values()
        ]
        self._carried = [carried for carried, _ in opt.scalars.values()]

    def step(self, grads: Any) -> bool:
        """One update with `grads` in the structure of the parameters, as `Optimizer.step`."""
        found = trees.in_order(self._roster.tree, grads, self._opt.names)
        return self._step({i: g for i, g in enumerate(found) if g is not trees.NOT_WANTED})

    def step_rows(self, rows: Mapping[str, Any], grads: Mapping[str, Any] | None = None) -> bool:
        """One update as `Optimizer.step_rows`, with (rows, grad_rows) and gradients by name: that
        of small arrays, the touched rows of parameters and state, which then go back."""
        names, whole = self._opt.names, [*zip(self.params, self.state, strict=True)]
        found = {names.index(name): g for name, g in (grads or {}).items()}
        touched = {}
        for name, (given, g) in rows.items():
            i = names.index(name)
            p = self.params[i]
            summed = np.zeros(p.shape, _computed(p))
            with np.errstate(over="ignore"):
                np.add.at(summed, given, np.asarray(g).astype(summed.dtype))
            touched[i] = np.unique(given)
            found[i] = summed[touched[i]]
            self.params[i] = p[touched[i]]
            self.state[i] = {k: a[touched[i]] for k, a in self.state[i].items()}
        applied = self._step(found)
        for i, r in touched.items():
            p, state = whole[i]
            p[r] = self.params[i]
            for letter, array in state.items():
                array[r] = self.state[i][letter]
            self.params[i], self.state[i] = p, state
        return applied

    def _step(self, found: Mapping[int, Any]) -> bool:
        gradients = {
            i: np.asarray(found[i]).astype(_computed(self.params[i])) for i in sorted(found)
        }
        gathers = self._common["accumulate"] > 1
        taken = self._with_gathered(gradients) if gathers else gradients
        if not all(np.isfinite(g).all() for g in taken.values()):
            if self._common["nonfinite"] == "raise":
                raise FloatingPointError("not finite")
            if self._common["nonfinite"] == "skip":
                return False
        if gathers:
            if not self._gather(taken):
                return False
            gradients = {i: self.state[i][GATHERED] for i in taken}
        scale = self._scale([*gradients.values()])
        for i, g in gradients.items():
            self._update(i, self.params[i], g, scale)
        self.t += 1
        return True

    def _with_gathered(self, gradients: Mapping[int, Array]) -> dict[int, Array]:
        with np.errstate(over="ignore"):
            return {
                i: g.copy() if self.pending == 0 else self.state[i][GATHERED] + g
                for i, g in gradients.items()
            }

    def _gather(self, sums: Mapping[int, Array]) -> bool:
        """Takes the sums, and at the last call divides them; whether it is that."""
        calls = self._common["accumulate"]
        self.pending = (self.pending + 1) % calls
        for i, total in sums.items():
            real = total.dtype.type
            self.state[i][GATHERED][...] = total if self.pending else total / real(calls)
        return self.pending == 0

    def _own_scale(self, i: int, g: Array, scale: float) -> float:
        """The scale of one gradient, whose own norm may be too large."""
        limit = self._limits[self._group_of[i]]
        size, factor = norm([g])
        size *= abs(scale)
        return scale * (limit * factor / size) if limit * factor < size < np.inf else scale

    def _scale(self, gradients: Sequence[Array]) -> float:
        scale = -1.0 if self._common["maximize"] else 1.0
        limit = self._common["clip_norm"]
        if limit is None or not all(np.isfinite(g).all() for g in gradients):
            return scale
        size, factor = norm(gradients)
        return scale * (limit * factor / size) if size > limit * factor else scale

    def _update(self, i: int, stored: Array, g: Array, scale: float) -> None:
        p = stored.astype(g.dtype)
        real = p.dtype.type
        group = self._group_of[i]
        h = {name: self._value(value) for name, value in self._choices[group].hyper.items()}
        h = {"weight_decay": 0.0, **h}
        h["lr"] *= self._roster.groups[group].lr_scale * self._opt.lr_scale
        controllers = self._opt.controllers
        floor = min(h["lr"], max((c.min_lr for c in controllers), default=0.0))
        h["lr"] = max(h["lr"] * math.prod(c.scale for c in controllers), floor)
        scale = self._own_scale(i, g, scale)
        if scale != 1.0:
            g = (scale * g.astype(np.float64)).astype(real)
        if self._common["clip_value"] is not None:
            limit = real(self._common["clip_value"])
            g = np.where(g > limit, limit, np.where(g < -limit, -limit, g))
        rule = self._choices[group].rule
        if "l2" not in COMPILED[rule].hyper and h.get("l2", 0.0):
            g = g + real(h["l2"]) * p
        update = RULES[rule]
        state = [array for letter, array in self.state[i].items() if letter not in BESIDES]
        self._carried[i] |= update(p, g, *state, h=h, k=self._carried[i])
        stored[...] = p
        self._average(i, stored)

    def _average(self, i: int, stored: Array) -> None:
        kind = self._averages[self._group_of[i]]
        if kind is not None:
            a = self.state[i][LETTER]
            a[...] = averaged(
                a, stored.astype(a.dtype), gain(kind, int(self._carried[i][COUNT]), self.t)
            )
            self._carried[i][COUNT] += 1

    def _value(self, value: Any) -> Any:
        return value(self.t) if callable(value) else value


def _computed(stored: Array) -> np.dtype[Any]:
    """What an update is computed in."""
    return DTYPES[COMPUTED[DTYPES.index(stored.dtype)]]
