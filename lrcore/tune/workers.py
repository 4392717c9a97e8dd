"""Calls shared among processes, each with its part of the threads."""

from __future__ import annotations

import pickle
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..checks.arguments import Count, checked
from ..threads import get_num_threads, set_num_threads

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

Watch: TypeAlias = Callable[[Any], None]
Crew: TypeAlias = Callable[[Sequence[tuple[Any, ...]], Watch], list[Any]]

_task: Any = None  # in a worker: what it calls, as bytes until the first call


@contextmanager
def crew(owner: str, f: Any, task: Callable[..., Any], n_jobs: int) -> Iterator[Crew]:
    """A function that calls `task` (made of the user's `f`) for rows of arguments.

    It returns the results in the order of the rows and shows each to a watcher as it comes. The
    first error, Ctrl-C included, ends the other calls at once.

    Raises
    ------
    TypeError, ValueError
        Before anything starts: for what is no number of jobs, and if `f` cannot go to a process.
    RuntimeError
        If a process is gone.
    """
    if not callable(f):
        raise TypeError(f"{owner}: f must be callable, got {f!r:.80}")
    if checked(owner, "n_jobs", n_jobs, Count) == 1:
        yield lambda rows, watch: [_shown(task(*row), watch) for row in rows]
        return
    import multiprocessing  # slow to load, and of no use to a single process
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    # A forked child would inherit locks that other threads hold, those of BLAS for example; a
    # fresh interpreter is safe, and the same on every system.
    pool = ProcessPoolExecutor(
        n_jobs,
        multiprocessing.get_context("spawn"),
        _begin,
        (_pickled(owner, f, task, n_jobs), get_num_threads(), n_jobs, np.geterr()),
    )
    try:
        yield lambda rows, watch: _shared(pool, rows, watch)
        pool.shutdown()
    except BrokenProcessPool:
        raise RuntimeError(
            f"{owner}: a process of n_jobs={n_jobs} has ended before its time. In a script, the "
            'call belongs under if __name__ == "__main__":; otherwise memory may have run out.'
        ) from None
    finally:
        _end(pool)


def _shown(result: Any, watch: Watch) -> Any:
    watch(result)
    return result


def _pickled(owner: str, f: Any, task: Any, n_jobs: int) -> bytes:
    why = f"{owner}: with n_jobs={n_jobs}, f goes to other processes"
    program = getattr(sys.modules["__main__"], "__file__", None)
    typed = program is None and getattr(getattr(f, "setup", f), "__module__", "") == "__main__"
    # a program from standard input has a name, but no file that a process could read
    if typed or (program is not None and not Path(program).exists()):
        raise ValueError(f"{why}, which cannot see what was typed: put it into a module")
    try:
        return pickle.dumps(task)
    except Exception as error:
        raise TypeError(
            f"{why}: it must be a function at the top level of a module, or tune.objective or "
            f"tune.resumable of one ({error})"
        ) from None


def _shared(pool: ProcessPoolExecutor, rows: Sequence[tuple[Any, ...]], watch: Watch) -> list[Any]:
    from concurrent.futures import as_completed

    futures: list[Future[Any]] = []
    # Workers inherit the mask: Ctrl-C in a terminal reaches all, and one process answers.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        futures += [pool.submit(_call, row) for row in rows]
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    for done in as_completed(futures):
        watch(done.result())
    return [future.result() for future in futures]


def _end(pool: ProcessPoolExecutor) -> None:
    """Ends the processes of a pool in the midst of their calls; Python 3.14 has it as a method."""
    for process in list((pool._processes or {}).values()):
        process.terminate()
    pool.shutdown(cancel_futures=True)


def _begin(task: bytes, threads: int, n_jobs: int, errors: Any) -> None:
    global _task
    _task = task
    np.seterr(**errors)
    set_num_threads(max(threads // n_jobs, 1))
    try:
        from threadpoolctl import ThreadpoolController
    except ModuleNotFoundError:
        return
    for library in ThreadpoolController().lib_controllers:
        if library.user_api != "lrcore":
            library.set_num_threads(max(library.num_threads // n_jobs, 1))


def _call(row: tuple[Any, ...]) -> Any:
    global _task
    if isinstance(_task, bytes):
        _task = pickle.loads(_task)
    return _task(*row)
