from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

_T = TypeVar("_T")
_Value: TypeAlias = float | Callable[[int], float]

class Rule(NamedTuple):
    index: int  # type: ignore[assignment]
    state: tuple[str, ...]
    hyper: tuple[str, ...]
    carried: tuple[str, ...]

RULES: dict[str, Rule]
DTYPES: tuple[np.dtype[Any], ...]
POLICIES: tuple[str, ...]
ISAS: tuple[str, ...]
ISA: str
COMPILER: str
BLOCK: int

def get_num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def global_norm(arrays: list[NDArray[Any]]) -> tuple[float, float]: ...
def copy_arrays(targets: list[NDArray[Any]], sources: list[NDArray[Any]]) -> None: ...
def controlled(controllers: Sequence[Any], lr: float) -> float: ...
def each_sin(x: NDArray[np.float64]) -> NDArray[np.float64]: ...
def each_exp(x: NDArray[np.float64]) -> NDArray[np.float64]: ...
def each_log1p(x: NDArray[np.float64]) -> NDArray[np.float64]: ...
def each_power(
    base: NDArray[np.float64] | float, n: NDArray[np.float64] | float
) -> NDArray[np.float64]: ...

@disjoint_base
class Stepper:
    @property
    def t(self) -> int: ...
    @property
    def skipped(self) -> int: ...
    @property
    def last_lr(self) -> float: ...
    @property
    def lr_scale(self) -> float: ...
    @lr_scale.setter
    def lr_scale(self, value: float) -> None: ...
    def step(self, grads: Any = None, *, lr: float | None = None) -> bool: ...
    def bind(self, grads: Any) -> None: ...
    def _is_attached(self) -> bool: ...
    def _configure(
        self,
        *,
        clip_norm: float,
        clip_value: float,
        maximize: bool,
        nonfinite: str,
        controllers: list[Any],
        num_threads: int,
    ) -> None: ...
    def _attach(
        self,
        rates: list[tuple[_Value, float]],
        groups: list[tuple[Any, ...]],
        tensors: list[tuple[Any, ...]],
        tree: Any,
        names: tuple[str, ...],
    ) -> None: ...
    def _next_rate(self, group: int) -> float: ...
    def _replace_rate(self, group: int, value: _Value) -> None: ...
    def _alone(self, function: Callable[[], _T]) -> _T: ...
    def _get_carried(self, rules: Sequence[Rule]) -> list[dict[str, float]]: ...
    def _go_back(
        self,
        targets: list[NDArray[Any]],
        sources: list[NDArray[Any]],
        rules: Sequence[Rule],
        carried: list[dict[str, float]],
        *,
        t: int,
        skipped: int,
        last_lr: float,
        lr_scale: float,
    ) -> None: ...
    def _impose(self, rate: float | None) -> None: ...
