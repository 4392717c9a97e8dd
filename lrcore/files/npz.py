"""State as an .npz file: an archive without compression, which `numpy.load` reads too.

Its comment, at the end, is a checksum of all that stands before.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from types import NoneType
from typing import IO, Any, Final

import numpy as np

from ..checks.arrays import Array
from .document import LONGEST, Document, bytes_of

_HEADER: Final = "header.npy"
_COMMENT: Final = b"lrcore sha256 "
_DIGITS: Final = 64
_PIECE: Final = 1 << 22  # bytes at a time


def write(file: IO[bytes], text: bytes, arrays: list[Array]) -> None:
    """Write to a new file, open for reading too."""
    members = {_HEADER: np.frombuffer(text, np.uint8)}
    members |= {f"{i}.npy": array for i, array in enumerate(arrays)}
    archive = _Archive(_Target(file), "w", zipfile.ZIP_STORED)
    for name, array in members.items():
        start, data = _npy_start(array.dtype, array.shape), bytes_of(array)
        # without a time, and in 64 bits only where it must: the same state is the same file
        info = zipfile.ZipInfo(name)
        info.file_size = len(start) + len(data)
        with archive.open(info, "w") as member:
            member.write(start)
            for k in range(0, len(data), _PIECE):
                member.write(data[k : k + _PIECE])
    archive.comment = _COMMENT + b"0" * _DIGITS
    archive.close()
    length = file.tell() - _DIGITS
    file.seek(0)
    digest = _digest(file, length)
    file.seek(length)
    file.write(digest)


class _Archive(zipfile.ZipFile):
    """A ZipFile that is not closed when it is freed: nothing can be finished after an interrupt."""

    __del__: Any = staticmethod(NoneType)  # not in Python, which would swallow an interrupt there


class _Target:
    """The file as long as it is open: a member left unfinished is written when it is freed."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def write(self, data: bytes) -> int:
        return 0 if self.file.closed else self.file.write(data)

    def seek(self, offset: int) -> int:
        return 0 if self.file.closed else self.file.seek(offset)

    def tell(self) -> int:
        return 0 if self.file.closed else self.file.tell()

    def flush(self) -> None: ...

    def close(self) -> None: ...


def read(path: str) -> dict[str, Any]:
    """The tree; a file with anything wrong raises one of many errors."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        ending = len(_COMMENT) + _DIGITS
        file.seek(max(size - ending, 0))
        comment = file.read(ending)
        if not comment.startswith(_COMMENT) or len(comment) < ending:
            raise ValueError("it does not end in a checksum")
        file.seek(0)
        if _digest(file, size - _DIGITS) != comment[-_DIGITS:]:
            raise ValueError("its checksum is wrong")
        try:
            with _Archive(file) as archive:
                return _read_members(archive, size)
        except (zipfile.BadZipFile, zipfile.LargeZipFile) as error:
            raise ValueError(str(error)) from None


def _digest(file: IO[bytes], length: int) -> bytes:
    """The checksum of the next `length` bytes, in digits."""
    sum_ = hashlib.sha256()
    while length > 0:
        piece = file.read(min(length, _PIECE))
        if not piece:
            raise EOFError("it has become shorter")
        sum_.update(piece)
        length -= len(piece)
    return sum_.hexdigest().encode()


def _read_members(archive: zipfile.ZipFile, size: int) -> dict[str, Any]:
    infos = {info.filename: info for info in archive.infolist()}
    if len(infos) != len(archive.infolist()) or _HEADER not in infos:
        raise ValueError("its parts are not those of such a file")
    for info in infos.values():
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise ValueError(f"{info.filename!r:.40} is compressed")
        if not 0 <= info.header_offset < size:
            raise ValueError(f"{info.filename!r:.40} begins outside of the file")
    if sum(info.file_size for info in infos.values()) > size:
        raise ValueError("its parts are longer than the whole")
    header = infos.pop(_HEADER)
    length = header.file_size - len(_npy_start(np.dtype(np.uint8), (1,)))
    if not 0 <= length <= LONGEST:
        raise ValueError(f"{length} bytes of names and numbers")
    text = _read_array(archive, header, np.dtype(np.uint8), (length,), length)
    document = Document(text.tobytes())
    if infos.keys() != {f"{i}.npy" for i in range(len(document.arrays))}:
        raise ValueError("its arrays are not those that it names")
    return document.fill(
        [_read_array(archive, infos[f"{i}.npy"], *entry) for i, entry in enumerate(document.arrays)]
    )


def _read_array(
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    kind: np.dtype[Any],
    shape: tuple[int, ...],
    length: int,
) -> Array:
    start = _npy_start(kind, shape)
    if info.file_size != len(start) + length:
        raise ValueError(f"{info.filename} is not {kind.name} of shape {shape!s:.80}")
    with archive.open(info) as member:
        if member.read(len(start)) != start:
            raise ValueError(f"{info.filename} is not {kind.name} of shape {shape!s:.80}")
        array = np.empty(shape, kind)
        data = bytes_of(array)
        done = 0
        while done < length:
            piece = member.read(min(length - done, _PIECE))
            if not piece:
                raise EOFError(f"{info.filename} ends early")
            data[done : done + len(piece)] = piece
            done += len(piece)
        if member.read(1):  # at the end the archive holds the data against its own checksum
            raise ValueError(f"{info.filename} is too long")
    return array


def _npy_start(kind: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """What stands before the elements in the .npy format."""
    start = io.BytesIO()
    description = {"descr": kind.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(start, description)
    return start.getvalue()
