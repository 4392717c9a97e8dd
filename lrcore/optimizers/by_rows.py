"""Updates of some rows of large arrays, as of an embedding of which a batch looks up some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import COMPUTED, DTYPES
from ..checks import trees
from ..checks.arguments import NonNegative, checked
from ..checks.arrays import Array, as_array, as_real
from .attached import Attached
from .roster import Roster, Tensor

_Given = tuple[NDArray[np.int64], Array]


class ByRows(Attached):
    """The abstract part of an optimizer that updates some rows and leaves the others alone."""

    def step_rows(
        self, rows: Mapping[str, Any], grads: Any = None, *, lr: float | None = None
    ) -> bool:
        """Apply one update to some rows of parameters, at a cost that follows these rows alone.

        With G the gradient, zero but for ``numpy.add.at(G, rows, grad_rows)``, and r the rows that
        are named: ``p[r]`` and its state become what a step with ``G[r]`` makes of them, and
        nothing else of the array moves or decays.

        Parameters
        ----------
        rows : mapping
            From names of parameters (`opt.names`; that of a single array is ``"0"``) to their
            gradients: either ``(rows, grad_rows)``, integers in [0, n) of an array with n rows
            along its first axis, and an array of shape ``(len(rows), *p.shape[1:])``; or a SciPy
            sparse matrix or array of the parameter's shape, whose rows are those with entries.
            A row may come again: its gradients are added in the order given, in the dtype of the
            loop. There may be no rows. What is given for a frozen array is ignored.
        grads : optional
            The gradients of all other parameters, as `step` takes them. What has rows may be absent
            from a mapping and is None in a sequence. Gradients of `bind` are not used.
        lr : float, optional
            The rate of this update alone, as for `step`.

        Returns
        -------
        bool
            True if the update was applied, False if it was left out (``nonfinite="skip"``).

        Raises
        ------
        TypeError, ValueError
            For rows or gradients that are not accepted, naming the array; for a parameter that has
            both or neither; for rules that need sums over the whole array (LARS, LAMB); with
            ``accumulate`` above 1.
        FloatingPointError
            For NaN or infinity in a gradient or the sum of some, with ``nonfinite="raise"``.
        RuntimeError
            From a callback of the same optimizer, or inside of `eval_params`.

        Notes
        -----
        Whatever is raised, nothing has been changed.

        Every update counts for every array that is not frozen, whichever rows it touched: bias
        corrections and schedules follow that one count. Decay, coupled or not, and averages act on
        touched rows alone; `clip_norm` sees the rows once they have been added. So `SGD` without
        momentum and `Adagrad` give the bits of the dense step where ``l2=0``, ``eps > 0`` and
        nothing is averaged or clipped by norm; docs/guide/rows.md has the others. A `Monitor` does
        not observe such updates.

        torch's ``SparseAdam`` is as lazy and counts alike. Its ``SGD`` and ``Adagrad`` take sparse
        gradients, without decay; with momentum all rows that were ever touched move on. Its other
        classes refuse them. TensorFlow's ``IndexedSlices`` let ``Adam`` of tf.keras fade and apply
        the moments of all rows, as a dense step does; ``LazyAdam`` of its addons is lazy. optax
        has dense gradients alone.

        Examples
        --------
        >>> import numpy as np, lrcore as lrc
        >>> w = {"emb": np.zeros((5, 2)), "b": np.zeros(2)}
        >>> opt = lrc.Adagrad(w, lr=1.0)
        >>> opt.step_rows({"emb": ([3, 0, 3], np.ones((3, 2)))}, {"b": np.ones(2)})
        True
        >>> w["emb"][:, 0], opt.state["emb"]["s"][:, 0]
        (array([-1.,  0.,  0., -1.,  0.]), array([1., 0., 0., 4., 0.]))
        """
        if lr is not None:
            lr = checked("step_rows", "lr", lr, NonNegative)
            self._check_rate("the lr of one step")
        return self._alone(lambda: self._take(rows, grads, lr))

    def _take(self, rows: Mapping[str, Any], grads: Any, lr: float | None) -> bool:
        if not self._is_attached():
            raise RuntimeError("step_rows() before the optimizer was initialised")
        roster = self.roster
        if roster.common["accumulate"] > 1:
            raise ValueError(
                f"step_rows: rows cannot wait for those of other calls, with accumulate="
                f"{roster.common['accumulate']}; join them, as rows may come again, and use "
                "accumulate=1"
            )
        moving = roster.moving
        given = _given(roster, moving, rows)
        dense = _dense(roster, moving, given, grads)
        return self._step_rows([given.get(name) for name in moving], dense, lr)


def _given(
    roster: Roster, moving: Mapping[str, Tensor], rows: Mapping[str, Any]
) -> dict[str, _Given]:
    """The rows and gradients of each parameter that moves, checked."""
    if not isinstance(rows, Mapping):
        raise TypeError(
            "step_rows: rows must be a mapping from names to (rows, grad_rows), got a "
            f"{type(rows).__name__}; the name of a single array is '0'"
        )
    unknown = [name for name in rows if name not in roster.tensors]
    if unknown:
        raise ValueError(
            f"step_rows: no parameter is named {unknown[0]!r}: {tuple(roster.tensors)}"
        )
    found = {}
    for name, entry in rows.items():
        if name in moving:
            tensor = moving[name]
            _refuse(roster, name)
            dtype = DTYPES[COMPUTED[roster.recipes[tensor.recipe].dtype]]
            found[name] = _taken(name, entry, tensor, dtype)
    return found


def _refuse(roster: Roster, name: str) -> None:
    """Refuses what cannot be done by rows at all."""
    if roster.rule(name).sums:
        raise TypeError(
            f'{roster.kind.name}: "{name}" cannot be updated by rows, since its rule needs sums '
            "over the whole array; give its whole gradient, as step does, or take a class whose "
            "rule has none"
        )
    if not roster.tensors[name].form[0]:
        raise ValueError(f'step_rows: "{name}" is a single number, so it has no rows')


def _taken(name: str, entry: Any, tensor: Tensor, dtype: np.dtype[Any]) -> _Given:
    """One parameter's rows, which nobody else knows, and their gradients as the core wants them."""
    shape, what = tensor.form[0], f'gradient rows of "{name}"'
    if callable(getattr(entry, "tocoo", None)):
        rows, values = _from_sparse(entry, shape, dtype, f'sparse gradient "{name}"')
        return _checked_rows(name, rows, shape[0]), values
    if not isinstance(entry, tuple | list) or len(entry) != 2:
        some = f" of {len(entry)}" if isinstance(entry, tuple | list) else ""
        raise TypeError(
            f"{what} must be (rows, grad_rows) or a SciPy sparse matrix, got a "
            f"{type(entry).__name__}{some}"
        )
    rows = _checked_rows(name, as_array(entry[0], f'rows of "{name}"'), shape[0])
    values = as_real(entry[1], tensor.parameter.dtype, what)
    wanted = (rows.size, *shape[1:])
    if values.shape == (0,) and rows.size == 0:
        values = values.reshape(wanted)
    if values.shape != wanted:
        raise ValueError(
            f"{what} have shape {values.shape}; {rows.size} rows of an array of shape {shape} "
            f"have {wanted}"
        )
    if values.dtype != dtype or not values.flags.carray:  # which a read-only one is neither
        with np.errstate(over="ignore"):  # what overflows is treated as infinite
            values = np.require(values, dtype, ["C", "A"])
    return rows, values


def _checked_rows(name: str, rows: Array, n: int) -> NDArray[np.int64]:
    """A copy, so that what was checked is what is used."""
    what = f'rows of "{name}"'
    if rows.ndim != 1:
        raise ValueError(f"{what} must have one axis, got shape {rows.shape}")
    if rows.size == 0:
        return np.empty(0, np.int64)
    if rows.dtype.kind not in "iu":
        way = "; numpy.flatnonzero(mask) gives the rows of a mask" if rows.dtype == bool else ""
        raise TypeError(f"{what} must be integers, got {rows.dtype}{way}")
    own = rows.astype(np.int64)
    if own.view(np.uint64).max() >= n:  # as which a negative one is large
        place = int(np.argmax(own.view(np.uint64) >= n))
        raise ValueError(f"{what} must be in [0, {n}), got {rows[place]} at place {place}")
    return own


def _from_sparse(
    matrix: Any, shape: tuple[int, ...], dtype: np.dtype[Any], what: str
) -> tuple[Array, Array]:
    """The rows of a sparse matrix that have entries, and these rows, dense."""
    if len(shape) != 2 or tuple(matrix.shape) != shape:
        two = "" if len(shape) == 2 else ", which is not that of a matrix: give (rows, grad_rows)"
        raise ValueError(f"{what} has shape {tuple(matrix.shape)}, its parameter has {shape}{two}")
    entries = matrix.tocoo()
    rows, columns, data = entries.row, entries.col, as_real(entries.data, dtype, what)
    if columns.size and not 0 <= columns.min() <= columns.max() < shape[1]:
        raise ValueError(f"{what} has columns beyond those of its shape {shape}")
    if (rows[1:] < rows[:-1]).any():
        order = np.argsort(rows, kind="stable")
        rows, columns, data = rows[order], columns[order], data[order]
    begins = np.ones(rows.size, bool)
    begins[1:] = rows[1:] != rows[:-1]
    touched = rows[begins]
    values = np.zeros((touched.size, shape[1]), dtype)
    with np.errstate(over="ignore", invalid="ignore"):  # judged with all gradients
        places = (np.cumsum(begins) - 1) * shape[1] + columns
        np.add.at(values.reshape(-1), places, data.astype(dtype, copy=False))
    return touched, values


def _dense(
    roster: Roster, moving: Mapping[str, Tensor], given: Mapping[str, _Given], grads: Any
) -> list[Any]:
    """The gradients of the parameters that move; None for those that have rows."""
    names = (*roster.tensors,)
    if grads is None:
        missing = [name for name in moving if name not in given]
        if missing:
            raise ValueError(
                f"step_rows: {', '.join(missing)}: neither rows nor a gradient; give grads= for "
                "what else moves, rows without entries, ([], []), or opt.freeze(names)"
            )
        return [None] * len(moving)
    for name, gradient in zip(names, trees.loosely(roster.whole, grads), strict=True):
        if name in given and gradient is not None:
            raise ValueError(
                f'step_rows: "{name}" has rows and a gradient; leave one of them out, or add the '
                "rows to the gradient and call step"
            )
    spared = (name in given or name not in moving for name in names)
    found = trees.in_order(trees.spared(roster.whole, spared), grads, names)
    return [
        None if name in given else gradient
        for name, gradient in zip(names, found, strict=True)
        if name in moving
    ]
