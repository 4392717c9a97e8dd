"""Standard output for one document alone, while a program of the user's runs and may print."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

Answer = Callable[[str], None]

_OUT, _ERR = 1, 2  # file descriptors


@contextmanager
def document(wanted: bool, *, for_good: bool = False) -> Iterator[Answer]:
    """A function that prints a command's answer; if `wanted`, nothing else gets to stdout.

    What is printed inside goes to stderr then: by Python, by C, or by processes that are started
    here. With `for_good` it goes there after the end too, for functions of atexit and threads
    that are left over print later than the answer.
    """
    if not wanted:
        yield print
        return
    stream: TextIO | None = sys.stdout
    if stream is not None:  # None: closed before the start
        stream.flush()
    kept = _redirected()
    if sys.stderr is not None:
        sys.stdout = sys.stderr
    try:
        yield lambda text: _print(text, stream, kept)
    finally:
        if not for_good:
            _flush()
            sys.stdout = stream
            if kept is not None:
                os.dup2(kept, _OUT)
            os.close(_OUT if kept is None else kept)


def _redirected() -> int | None:
    """Makes the first descriptor another one for stderr, and keeps it as what is returned."""
    if sys.stderr is None:  # closed before the start: a file opened now would take its place
        os.open(os.devnull, os.O_WRONLY)
    try:
        kept = os.dup(_OUT)  # other processes do not inherit it
    except OSError:  # closed before the start, too
        kept = None
    os.dup2(_ERR, _OUT)
    return kept


def _print(text: str, stream: TextIO | None, kept: int | None) -> None:
    if stream is None:
        return
    descriptor = None
    with suppress(OSError):  # a stream of the caller's that is no file
        descriptor = stream.fileno()
    if descriptor != _OUT or kept is None:
        print(text, file=stream, flush=True)
        return
    with open(kept, "w", encoding="utf-8", closefd=False) as file:
        print(text, file=file)


def _flush() -> None:
    """What the streams of Python and C still hold was printed inside."""
    import ctypes

    for stream in (sys.stdout, sys.__stdout__):
        if stream is not None and not stream.closed:
            stream.flush()
    ctypes.CDLL(None).fflush(None)
