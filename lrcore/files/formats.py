"""Files of plain data: numbers, words and arrays, never code. Written whole or not at all."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import IO, Any, Final

from .document import encode

# The modules beside this one, each loaded when a file of its kind is first met: `import lrcore`
# does without archives and checksums.
FORMATS: Final[Mapping[str, str]] = {".npz": "npz", ".safetensors": "tensors"}
# What the readers of archives and of JSON raise for files that are not what they claim to be; the
# first also for a compression that is not known.
_DAMAGE = (
    RuntimeError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    TypeError,
    OverflowError,
    RecursionError,
    struct.error,
)


class DamagedError(ValueError):
    """The file is not one of these, or not as it was written."""


def write(path: str | os.PathLike[str], tree: Mapping[str, Any]) -> None:
    """Write dicts, lists, numbers, words and float arrays to a file, or leave what is there.

    Raises
    ------
    TypeError, ValueError
        For a name that does not end in one of `FORMATS`, and for what is no such data.
    OSError
        If it cannot be written.
    """
    place, format_ = _format_of(path)
    text, arrays = encode(tree)
    with _replacing(place) as file:
        format_.write(file, text, arrays)


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What `write` has written. Memory is asked for in proportion to its length.

    Raises
    ------
    DamagedError
        A ValueError, for anything else: truncated, changed, of another format, or no such file.
    OSError
        If it cannot be read.
    """
    place, format_ = _format_of(path)
    try:
        tree: dict[str, Any] = format_.read(str(place))
    except _DAMAGE as error:
        message = f"{place}: not a file of lrcore's, or damaged: {error!s:.200}"
        raise DamagedError(message) from None
    return tree


def _format_of(path: str | os.PathLike[str]) -> tuple[Path, ModuleType]:
    place = Path(path)
    if place.suffix not in FORMATS:
        raise ValueError(f"{place}: the name of a file of state ends in {' or '.join(FORMATS)}")
    return Path(os.path.realpath(place)), import_module(f"{__package__}.{FORMATS[place.suffix]}")


@contextmanager
def _replacing(place: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the place of the old one at once, when all of it is on the disk."""
    if not place.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(place))
    mode = _mode(place)
    opener = partial(os.open, mode=0o666 if mode is None else mode)
    name = place.with_name(f".{place.name[:50]}.{os.urandom(16).hex()}")  # nobody else's
    try:
        with open(name, "x+b", opener=opener) as file:
            yield file
            file.flush()
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(name, place)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    _sync_directory(place.parent)


def _mode(place: Path) -> int | None:
    """The permissions of the old file, if there is one."""
    with suppress(OSError):
        return place.stat().st_mode & 0o777
    return None


def _sync_directory(directory: Path) -> None:
    with suppress(OSError):  # not every file system can
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
