from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self, TypeAlias, TypeVar, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

_T = TypeVar("_T")
_Cells: TypeAlias = list[tuple["Cell", Any]]
_Copies: TypeAlias = list[tuple[NDArray[Any], NDArray[Any]]]

class Rule(NamedTuple):
    index: int  # type: ignore[assignment]
    state: tuple[str, ...]
    hyper: tuple[str, ...]
    carried: tuple[str, ...]
    starts: tuple[float, ...]
    sums: tuple[str, ...]
    kept: tuple[str, ...]
    shapes: tuple[str, ...]
    shared: bool

RULES: dict[str, Rule]
DTYPES: tuple[np.dtype[Any], ...]
COMPUTED: tuple[int, ...]
POLICIES: tuple[str, ...]
ISAS: tuple[str, ...]
ISA: str
VERSION: str
COMPILER: str
LANES: int
BLOCK: int
CHUNK: int
SMALL_SUM: float
ENLARGE: float
OBSERVED: tuple[str, ...]

def get_num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def global_norm(arrays: list[NDArray[Any]]) -> tuple[float, float]: ...
def address(array: NDArray[Any]) -> int: ...
def extent(array: NDArray[Any]) -> tuple[int, int]: ...
def commit(cells: _Cells, copies: _Copies = ..., *, attach: Attachment | None = None) -> None: ...
def controlled(controllers: Sequence[Any], lr: float) -> float: ...
def each_sin(x: NDArray[np.float64]) -> NDArray[np.float64]: ...
def each_exp(x: NDArray[np.float64]) -> NDArray[np.float64]: ...
def each_log1p(x: NDArray[np.float64]) -> NDArray[np.float64]: ...
def each_power(
    base: NDArray[np.float64] | float, n: NDArray[np.float64] | float
) -> NDArray[np.float64]: ...

@final
class Cell:
    def __init__(self, value: Any = None) -> None: ...
    @property
    def value(self) -> Any: ...

@final
class Attachment:
    @property
    def done(self) -> bool: ...
    def __init__(
        self,
        *args: Any,
        clip_norm: float,
        clip_value: float,
        maximize: bool,
        accumulate: int,
        nonfinite: str,
        controllers: list[Any],
        num_threads: int,
        default_threads: Callable[[], int],
    ) -> None: ...
    def go_back(
        self,
        *,
        t: int,
        skipped: int,
        pending: int,
        last_lr: float,
        lr_scale: float,
    ) -> None: ...

@final
class Hyper:
    def __init__(
        self,
        name: str,
        given: float | Callable[[int], float],
        check: Callable[[str, Any], float],
        *,
        high: float,
        narrow: float,
        pure: bool,
    ) -> None: ...

@final
class Tally:
    @property
    def n(self) -> int: ...

@disjoint_base
class Serial:
    def _alone(self, function: Callable[[], _T]) -> _T: ...
    def _between(self, function: Callable[[], _T]) -> _T: ...

@disjoint_base
class Holder(Serial):
    @property
    def t(self) -> int: ...
    @property
    def skipped(self) -> int: ...
    @property
    def pending(self) -> int: ...
    @property
    def last_lr(self) -> float: ...
    @property
    def _refusals(self) -> Tally: ...
    def _is_attached(self) -> bool: ...
    def _check_replaced(self) -> None: ...
    def _prepare(
        self,
        rates: list[tuple[Hyper, float]],
        recipes: list[tuple[Any, ...]],
        tensors: list[tuple[Any, ...]],
        trees: tuple[Any, Any],
        params: Any,
        leaves: list[tuple[str, NDArray[Any], bool]],
        scalars: list[tuple[dict[str, float], dict[str, float]]],
        common: dict[str, Any],
        *,
        keep_bound: bool = False,
    ) -> Attachment: ...
    def _prepare_rates(self, rates: list[tuple[Hyper, float]]) -> Attachment: ...
    def _get_carried(self, rules: Sequence[Rule]) -> list[dict[str, float]]: ...
    def _get_applied(self, rules: Sequence[Rule]) -> list[dict[str, float]]: ...
    @property
    def _cell(self) -> Cell: ...
    @property
    def _watcher(self) -> Any: ...
    def _observe(self, every: int | None, keep: int, watcher: Any = None) -> None: ...
    def _observed(
        self,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[str, ...]] | None: ...
    @property
    def _imposed(self) -> float | None: ...

class Stepper(Holder):
    @property
    def lr_scale(self) -> float: ...
    @lr_scale.setter
    def lr_scale(self, value: float) -> None: ...
    def step(self, grads: Any = None, *, lr: float | None = None) -> bool: ...
    def bind(self, grads: Any) -> None: ...
    def _step_rows(
        self,
        given: list[tuple[NDArray[np.int64], NDArray[Any]] | None],
        dense: list[Any],
        lr: float | None,
    ) -> bool: ...
    def _alone(self, function: Callable[[], _T], *, reading: bool = False) -> _T: ...
    def _next_rate(self, group: int) -> float: ...
    def _impose(self, rate: float | None) -> None: ...

def joint_norm(partials: Callable[[float], NDArray[np.float64]]) -> tuple[float, float]: ...

@final
class OpenStep:
    def __init__(self, stepper: Stepper, grads: Any = None, *, lr: float | None = None) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...
    def partials(self, factor: float = 1.0) -> NDArray[np.float64]: ...
    def apply(self, norm: float | None = None, factor: float = 1.0) -> bool: ...

@final
class Evaluation:
    def __init__(
        self,
        stepper: Stepper,
        points: Callable[[], list[tuple[str, NDArray[Any], NDArray[Any] | None]]],
    ) -> None: ...
    def __enter__(self) -> None: ...
    def __exit__(self, *error: object) -> None: ...
