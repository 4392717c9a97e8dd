"""Steps and their limits from second derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from .._core import DTYPES
from ..arrays.sharing import check_distinct
from ..checks import arrays as parameters
from ..checks import trees
from ..checks.arguments import Natural, NonNegative, Positive, checked
from ..checks.arrays import Array, either
from ..checks.trees import Tree

Vector = NDArray[np.float64]

_DOUBT = 1e-3  # the probability that an estimate of the curvature misses by more than asked for


def stability_limit(
    grad: Callable[[Any], Any],
    x: Any,
    *,
    tol: float = 0.01,
    distance: float | None = None,
    rng: np.random.Generator | int = 0,
) -> float:
    """The rate above which gradient descent is unstable at `x`: 2 / the largest curvature.

    ``2 / lambda_max(H)`` with the Hessian H known by its products alone, from gradients:

        H v = (grad(x + d v) - grad(x - d v)) / (2 d)

    Powers of H are applied to a random start, and combined as Lanczos did: a bare power iteration
    takes the largest magnitude, also if that is negative, and where many eigenvalues lie close to
    the top it needs hundreds of products for 1 %.

    Parameters
    ----------
    grad : callable
        ``grad(x)`` gives the gradient of one fixed loss, all rows or always the same batch: arrays
        nested as `x`. It sees float64 copies in the same structure and shapes.
    x : ndarray, sequence or mapping
        float32 or float64 arrays, nested as the parameters of an optimizer. Not changed.
    tol : float > 0
        Relative error; it holds with a probability of 0.999 over random starts, for every
        quadratic loss. At 1 % it takes 55 products for 1000 parameters, 73 for a million, more with
        negative curvature, and never more than there are parameters.
    distance : float > 0, optional
        ``d``, for ``|v| = 1``. By default the precision of the gradients to the power of 0.4, times
        ``|x|`` if that is above 1: 5e-7 of it in float64, 0.2 % in float32. Kinks of the gradient
        between the two points (ReLU) count as curvature, so that 0.2 % may be too far: let `grad`
        compute in float64, or see whether another distance gives the same.
    rng : numpy.random.Generator or int
        Decides the start. The same one gives the same result.

    Returns
    -------
    float
        inf if no direction has positive curvature.

    Raises
    ------
    TypeError, ValueError
        For other arguments, or gradients that do not fit `x`.
    FloatingPointError
        For gradients that are not finite, or whose squares are not.

    Notes
    -----
    On curvature h gradient descent converges for rates below ``2 / h``, and without passing over
    the minimum up to half of that. Heavy-ball momentum mu raises the limit to ``2 (1 + mu) / h``;
    for Adam it is that of the curvature divided by ``sqrt(v) + eps``. The limit is local:
    training of neural networks on all rows drifts towards the curvature at which its rate is at the
    limit and stays there, at the edge of stability (Cohen et al. 2021), and may as well begin above
    the limit and learn its way out. torch, Keras and optax have no counterpart.
    References: Lanczos 1950; Kuczynski & Wozniakowski 1992 (the number of products); Cohen, Kaur,
    Li, Kolter & Talwalkar 2021.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> curvature = np.array([1.0, 10.0, 100.0])
    >>> round(lrc.stability_limit(lambda x: curvature * x, np.ones(3)), 6)
    0.02
    """
    me = "stability_limit"
    tol = checked(me, "tol", tol, Positive)
    distance = checked(me, "distance", distance, Positive | None)
    if not callable(grad):
        raise TypeError(f"{me}: grad must be callable, got {grad!r:.80}")
    if isinstance(rng, bool) or not isinstance(rng, int | np.random.Generator):
        raise TypeError(f"{me}: rng must be a numpy.random.Generator or an int, got {rng!r:.80}")
    if isinstance(rng, int):
        rng = np.random.default_rng(checked(me, "rng", rng, Natural))
    hessian = _Hessian(grad, x, distance)
    largest = _largest(hessian, tol, rng)
    return 2 / largest if largest > hessian.noise else math.inf


@final
class _Hessian:
    """Products with the Hessian, from gradients at copies of the parameters."""

    def __init__(self, grad: Callable[[Any], Any], x: Any, distance: float | None) -> None:
        self.tree, leaves = trees.flatten(x)
        self.names = [name for name, _ in leaves]
        for name, array in leaves:
            _check_point(name, array)
        self.copies = [array.astype(np.float64) for _, array in leaves]
        self.grad = grad
        self.x = _joined(self.copies)
        self.precision = 2.0**-52  # of the gradients: less if one comes in float32
        if leaves:
            self._gradient(self.x)
        if distance is None:
            # between a third, best for smooth gradients, and a half, which meets fewer kinks
            distance = self.precision**0.4 * max(_length(self.x), 1.0)
        self.distance = distance
        self.noise = 0.0  # what rounding may feign

    def __matmul__(self, v: Vector) -> Vector:
        high, low = (self._gradient(self.x + side * self.distance * v) for side in (1, -1))
        steepest = max(_length(high), _length(low))
        self.noise = max(self.noise, 10 * self.precision * steepest / self.distance)
        return (high - low) / (2 * self.distance)

    def _gradient(self, at: Vector) -> Vector:
        start = 0
        for copy in self.copies:
            copy[...] = at[start : start + copy.size].reshape(copy.shape)
            start += copy.size
        given = trees.in_order(
            self.tree, self.grad(_nested(self.tree, iter(self.copies))), self.names
        )
        gradients = [
            parameters.as_gradient(g, p, name, DTYPES, keep=False)
            for g, p, name in zip(given, self.copies, self.names, strict=True)
        ]
        self.precision = max(self.precision, *(float(np.finfo(g.dtype).eps) for g in gradients))
        found = _joined(gradients)
        if not np.isfinite(found).all():
            raise FloatingPointError("stability_limit: a gradient near x is not finite")
        return found


def _largest(hessian: _Hessian, tol: float, rng: np.random.Generator) -> float:
    """The largest eigenvalue, by the recurrence of Lanczos without reorthogonalization."""
    size = hessian.x.size
    diagonal: list[float] = []
    beside: list[float] = []
    before, v = np.zeros(size), rng.standard_normal(size)
    v /= max(float(np.linalg.norm(v)), 1e-300)
    highest, wanted = 0.0, min(size, 2)
    while len(diagonal) < wanted:
        w = hessian @ v
        if beside:
            w -= beside[-1] * before
        diagonal.append(float(v @ w))
        w -= diagonal[-1] * v
        beside.append(float(np.linalg.norm(w)))
        ritz = np.linalg.eigvalsh(np.diag(diagonal) + np.diag(beside[:-1], -1))
        highest = float(ritz[-1])
        if beside[-1] <= hessian.noise:
            break
        before, v = v, w / beside[-1]
        span = highest - min(float(ritz[0]), 0.0)  # errors are relative to it
        wanted = min(size, _products(size, tol * highest / span if span > 0 else 0.0))
    return highest


@np.errstate(over="ignore")
def _length(v: Vector) -> float:
    length = float(np.linalg.norm(v))
    if length == math.inf:
        raise FloatingPointError("stability_limit: a square of x or of a gradient overflows")
    return length


def _products(size: int, tol: float) -> int:
    """So many make an error above `tol` improbable: Kuczynski & Wozniakowski 1992."""
    tol = max(tol, 1e-4)  # 1000 products or so, where negative curvature exceeds the positive
    return math.ceil((math.log(1.648 * math.sqrt(size) / _DOUBT) / math.sqrt(tol) + 1) / 2)


def newton_step(params: Any, grads: Any, hessian: Any, *, damping: float = 0.0) -> None:
    """Newton's step in place: ``p -= d`` with ``(H + damping * I) d = g``.

    Parameters
    ----------
    params : ndarray, sequence or mapping
        Of float32 or float64 arrays, n elements together. Changed.
    grads : as `params`
    hessian : ndarray of shape (n, n)
        Second derivatives, symmetric; rows and columns in the order of the elements of all arrays
        of `params`, each in C order.
    damping : float >= 0
        Added to the diagonal: shorter steps, towards the gradient (Levenberg 1944).

    Raises
    ------
    numpy.linalg.LinAlgError
        A ValueError: if ``H + damping * I`` is not positive definite, so that the step might climb.
        It names the smallest eigenvalue, and a damping that suffices.
    TypeError, ValueError
        For arrays that do not fit, or a Hessian that is not symmetric.
    FloatingPointError
        For numbers that are not finite, before the step or after it.
        After an error nothing has changed.

    Notes
    -----
    On a quadratic one step from anywhere ends at the minimum. The learning rate is in H: 1 over
    the curvature, in each direction its own. Solved in float64 by `numpy.linalg.cholesky`, with
    work growing as n**3: for some thousand parameters at the most. torch, Keras and optax have no
    counterpart; SciPy's `minimize(method="trust-exact")` chooses the damping by itself.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> H, w = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([5.0, -7.0])
    >>> lrc.newton_step(w, H @ w, H)
    >>> w.round(12) + 0.0
    array([0., 0.])
    """
    damping = checked("newton_step", "damping", damping, NonNegative)
    tree, leaves = trees.flatten(params)
    names = [name for name, _ in leaves]
    parameters.check_parameters(leaves, params, DTYPES)
    check_distinct(leaves)
    if not leaves:
        return
    arrays: list[Array] = [array for _, array in leaves]
    given = trees.in_order(tree, grads, names)
    gradients = [
        parameters.as_gradient(g, p, name, DTYPES, keep=False)
        for g, p, name in zip(given, arrays, names, strict=True)
    ]
    g = _joined(gradients)
    x = _joined(arrays) - _solved(_symmetric(hessian, g.size), g, damping)
    after = _split(x, arrays)
    if not all(np.isfinite(array).all() for array in after):
        raise FloatingPointError("newton_step: parameters would not be finite; nothing was changed")
    for array, values in zip(arrays, after, strict=True):
        array[...] = values


def _solved(hessian: Vector, g: Vector, damping: float) -> Vector:
    damped = hessian + damping * np.eye(g.size)
    try:
        factor = np.linalg.cholesky(damped)
    except np.linalg.LinAlgError:
        values = np.linalg.eigvalsh(hessian)
        enough = 1e-6 * (float(np.abs(values).max()) or 1.0) - float(values[0])
        raise np.linalg.LinAlgError(
            f"newton_step: hessian + damping is not positive definite; the smallest eigenvalue of "
            f"hessian is {values[0]:.6g}, damping={_rounded_up(enough):g} suffices, "
            f"got {damping:g}"
        ) from None
    solution: Vector = np.linalg.solve(factor.T, np.linalg.solve(factor, g))
    return solution


def _rounded_up(x: float) -> float:
    """To three digits."""
    unit = 10.0 ** (math.floor(math.log10(x)) - 2) if x > 0 else 1e-300
    return math.ceil(x / unit) * unit


def _symmetric(hessian: Any, size: int) -> Vector:
    matrix = np.asarray(hessian)
    if matrix.dtype.kind not in "iuf":
        raise TypeError(f"newton_step: hessian must be real numbers, got dtype {matrix.dtype}")
    if matrix.shape != (size, size):
        raise ValueError(f"newton_step: hessian must have shape {(size, size)}, got {matrix.shape}")
    matrix = matrix.astype(np.float64)
    if not np.isfinite(matrix).all():
        raise FloatingPointError("newton_step: hessian is not finite; nothing was changed")
    apart = float(np.abs(matrix - matrix.T).max(initial=0.0))
    if apart > 1e-5 * float(np.abs(matrix).max(initial=0.0)):  # more than float32 sums differ by
        raise ValueError(f"newton_step: hessian must be symmetric, got differences of {apart:.3g}")
    mean: Vector = (matrix + matrix.T) / 2
    return mean


def _check_point(name: str, array: Any) -> None:
    if not isinstance(array, np.ndarray) or array.dtype not in DTYPES:
        kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise TypeError(f'stability_limit: x "{name}" must be {either(DTYPES)}, got {kind}')
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(f'stability_limit: x "{name}" is a masked array; give its .data')
    if not np.isfinite(array).all():
        raise FloatingPointError(f'stability_limit: x "{name}" is not finite')


def _nested(tree: Tree, arrays: Any) -> Any:
    """Arrays in the structure of `tree`."""
    if tree is None:
        return next(arrays)
    if isinstance(tree, dict):
        return {key: _nested(child, arrays) for key, child in tree.items()}
    return [_nested(child, arrays) for child in tree]


def _joined(arrays: Sequence[Array]) -> Vector:
    parts = [np.asarray(array, np.float64).ravel() for array in arrays]
    return np.concatenate(parts) if parts else np.zeros(0)


def _split(x: Vector, like: Sequence[Array]) -> list[Array]:
    ends = np.cumsum([array.size for array in like])
    with np.errstate(over="ignore"):
        return [
            part.reshape(array.shape).astype(array.dtype)
            for part, array in zip(np.split(x, ends)[: len(like)], like, strict=True)
        ]
