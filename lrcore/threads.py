"""How many threads a large step uses."""

from __future__ import annotations

import math
import os
import sys
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from . import _core
from .checks.arguments import Range, checked, range_of

Threads = Annotated[int, Range(int, 1, 256)]
_VARIABLES = ("LRCORE_NUM_THREADS", "OMP_NUM_THREADS")


def _asked_for() -> int | None:
    """What the environment asks for; OMP_NUM_THREADS may list one number for each level."""
    for variable in _VARIABLES:
        text = os.environ.get(variable, "").split(",")[0].strip()
        if text:
            try:
                return int(checked("environment", variable, int(text), Threads))
            except ValueError:
                if variable.startswith("LRCORE"):
                    wanted = range_of(Threads)
                    raise ValueError(f"{variable} must be {wanted}, got {text!r}") from None
    return None


def _allowed() -> int:
    """Processors that this process may use, by affinity and by its control group's quota."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # no such file, or no quota
        pass
    return max(1, min(cores, int(range_of(Threads).high)))


def get_num_threads() -> int:
    """The most threads that one step may use.

    Decided at the first call or large step: ``LRCORE_NUM_THREADS``, else ``OMP_NUM_THREADS``, else
    the processors that the process may use. Steps of fewer than 64k elements use one, and so do
    those of fewer than 512k that do not follow another within 50 us: waking a thread takes longer.
    Threads that nothing follows sleep. The bits are the same for every number.

    Examples
    --------
    >>> import lrcore as lrc
    >>> lrc.get_num_threads() >= 1
    True
    """
    if _core.get_num_threads() == 0:
        _core.set_num_threads(_asked_for() or _allowed())
        register_with_threadpoolctl()
    return _core.get_num_threads()


def set_num_threads(n: int) -> None:
    """Let one step use up to `n` threads, from now on.

    Parameters
    ----------
    n : int
        1 to 256. An optimizer's ``num_threads=`` wins over it.

    Raises
    ------
    TypeError, ValueError
        For what is not a whole number in that range.
    """
    _core.set_num_threads(checked("set_num_threads", "n", n, Threads))


def number_or_none(owner: str, value: Any) -> int:
    """A checked `num_threads` argument; 0 for None, which leaves it to `get_num_threads`."""
    return checked(owner, "num_threads", value, Threads | None) or 0


@cache
def _registered() -> None:
    threadpoolctl = sys.modules["threadpoolctl"]
    threadpoolctl.register(_controller(threadpoolctl.LibController))


def register_with_threadpoolctl() -> None:
    """Make the pool known to threadpoolctl, if that has been imported."""
    if hasattr(sys.modules.get("threadpoolctl"), "register"):
        _registered()


def _controller(base: Any) -> Any:
    class LrcoreController(base):  # type: ignore[misc]
        user_api = "lrcore"
        internal_api = "lrcore"
        filename_prefixes = ("_core",)
        check_symbols = ("lrc_get_num_threads", "lrc_set_num_threads")

        def get_num_threads(self) -> int:
            return get_num_threads()

        def set_num_threads(self, num_threads: int) -> None:
            set_num_threads(num_threads)

        def get_version(self) -> str:
            return _core.VERSION

    return LrcoreController
