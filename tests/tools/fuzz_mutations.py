"""Changes of files of state: of bytes, of the JSON inside, of the fields of archives.

Each takes a random generator and the bytes of a file, of either format, and gives other bytes; the
checksum can be made right again afterwards, so that what stands behind it is reached.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import re
import struct
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import numpy as np

from lrcore.files.npz import _COMMENT, _DIGITS, _npy_start

NUMBERS: Final = (0, 1, -1, 2, 127, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64)
VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, "", "nan", "format", "array", "number", "x" * 300, "\ud800", "\0"),
    *(0.5, -0.0, 1e308, 5e-324, 1e-300, 10**400, -(2**70), float("nan"), float("inf")),
    *([], {}, [[]], [0], {"array": 0}, {"array": -1}, {"array": True}, {"number": "nan"}),
    *({"number": "inf"}, {"number": []}, {"dict": []}, {"dict": [["a"]]}, {"dict": [[1, 2]]}),
    *({"dict": [["schedule", "Constant"], ["lr", 0.1]]}, {"dict": [["function", "f"]]}),
    *({"a": 1, "b": 2}, "float32", "float64", "object", [2**62, 4], [0, 2**62], [1] * 33),
)
MARKS: Final = (b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7")
LONGEST_FIELDS: Final = 60  # bytes from the mark of a record to the end of its fixed fields


def bytes_changed(rng: random.Random, data: bytes) -> bytes:
    """A few bits, bytes or pieces changed, taken out, doubled or moved."""
    out = bytearray(data)
    for _ in range(1 << rng.randrange(4)):
        i, n = rng.randrange(len(out) + 1), rng.choice([1, 1, 2, 4, 8, 64, 1000])
        kind = rng.randrange(6)
        if kind == 0 and i < len(out):
            out[i] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[i : i + n] = rng.randbytes(n)
        elif kind == 2:
            del out[i : i + n]
        elif kind == 3:
            out[i:i] = out[i : i + n]
        elif kind == 4:
            out[i : i + 4] = struct.pack("<Q", rng.choice(NUMBERS) % 2**64)[:4]
        else:
            j = rng.randrange(len(out) + 1)
            out[i : i + n] = out[j : j + n]
    return bytes(out)


def fields_changed(rng: random.Random, data: bytes) -> bytes:
    """Sizes, offsets, flags, methods or lengths in the records of an archive changed."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        mark = rng.choice(MARKS)
        starts = [found.start() for found in re.finditer(re.escape(mark), out)]
        if not starts:
            continue
        at = rng.choice(starts) + rng.randrange(4, LONGEST_FIELDS)
        kind = rng.choice("BHIQ")
        size = struct.calcsize(kind)
        if at + size > len(out):
            continue
        (old,) = struct.unpack_from(f"<{kind}", out, at)
        new = rng.choice([old + 1, old - 1, old * 2, len(out), *NUMBERS, rng.getrandbits(16)])
        struct.pack_into(f"<{kind}", out, at, new % 256**size)
    return bytes(out)


def members_changed(rng: random.Random, data: bytes) -> bytes:
    """Members of an archive written again, doubled, renamed, deflated, cut or with extra fields."""
    members = _members(data)
    if not members:
        return bytes_changed(rng, data)
    i = rng.randrange(len(members))
    name, content = members[i]
    kind = rng.randrange(7)
    if kind == 0:
        members.insert(rng.randrange(len(members)), members[i])
    elif kind == 1:
        members[i] = (rng.choice(["../x", "/etc/x", "0.npy", "9.npy", "x\0y", "", "d/"]), content)
    elif kind == 2:
        del members[i]
    elif kind == 3:
        members[i] = (name, bytes_changed(rng, content))
    elif kind == 4:
        members[i] = (name, content + bytes(rng.choice([1, 8, 1 << 20])))
    elif kind == 5:
        members[i] = (name, content[: rng.randrange(len(content) + 1)])
    return _archive(members, lambda info: _bent(rng, info) if kind == 6 else None)


def _bent(rng: random.Random, info: zipfile.ZipInfo) -> None:
    if rng.random() < 0.5:
        info.compress_type = rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    else:
        size = rng.choice([0, 8, 16, 24, 28])
        content = b"".join(struct.pack("<Q", rng.choice(NUMBERS) % 2**64) for _ in range(4))[:size]
        info.extra = struct.pack("<HH", rng.choice([1, 1, 0x5455]), size) + content


def words_changed(rng: random.Random, data: bytes) -> bytes:
    """Values of the JSON in either format replaced, doubled, moved or nested, or its letters."""
    text = _text(data)
    if text is None:
        return bytes_changed(rng, data)
    if rng.random() < 0.1:
        return _with_text(data, bytes_changed(rng, text))
    document = json.loads(text)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        _change_one(rng, document)
    return _with_text(data, json.dumps(document).encode())


def _change_one(rng: random.Random, document: Any) -> None:
    places = list(_places(document))
    numbers = [(box, key) for box, key in places if type(box[key]) in (bool, int, float)]
    kind = rng.randrange(9)
    if not places or (kind > 5 and not numbers):
        return
    box, key = rng.choice(numbers if kind > 5 else places)
    if kind == 0 and isinstance(box, list):
        box.insert(key, box[key])
    elif kind == 1:
        del box[key]
    elif kind == 2:
        other, there = rng.choice(places)
        box[key] = json.loads(json.dumps(other[there]))
    elif kind == 3:
        for _ in range(rng.choice([1, 2, 90, 110, 300, 480])):
            box[key] = rng.choice([[box[key]], {"dict": [["a", box[key]]]}])
    elif kind > 5:  # the others seldom leave something that can be loaded
        box[key] = rng.choice([-box[key], box[key] + 1, box[key] * 1e30, *NUMBERS])
    else:
        box[key] = json.loads(json.dumps(rng.choice(VALUES)))


def _places(value: Any) -> Any:
    """Every list or dict with every index or key in it."""
    waiting = [value]
    while waiting:
        box = waiting.pop()
        keys = range(len(box)) if isinstance(box, list) else list(box)
        for key in keys:
            yield box, key
            if isinstance(box[key], list | dict):
                waiting.append(box[key])


def tensors_changed(rng: random.Random, data: bytes) -> bytes:
    """Types, shapes and places of tensors, and the metadata, of a .safetensors file changed."""
    parts = _parts(data)
    if parts is None:
        return bytes_changed(rng, data)
    header, rest = parts
    _change_one(rng, header)
    return _safetensors(header, rest)


def changed(rng: random.Random, data: bytes, *, mend: bool) -> bytes:
    """Changed once or a few times; what is changed beyond understanding is changed no further."""
    for _ in range(rng.choice([1, 1, 2, 3])):
        with suppress(Exception):
            data = rng.choice(CHANGES)(rng, data)
    with suppress(Exception):
        data = mended(data) if mend else data
    return data


def mended(data: bytes) -> bytes:
    """With the checksum made right, wherever that can be told."""
    if data[-_DIGITS - len(_COMMENT) :].startswith(_COMMENT):
        whole = data[:-_DIGITS]
        return whole + hashlib.sha256(whole).hexdigest().encode()
    parts = _parts(data)
    if parts is None:
        return data
    header, rest = parts
    metadata = header.get("__metadata__")
    if isinstance(metadata, dict) and isinstance(metadata.get("lrcore"), str):
        text = metadata["lrcore"].partition(" ")[2]
        metadata["lrcore"] = f"{_sum_of(header, rest, text)} {text}"
    return _safetensors(header, rest)


def _sum_of(header: dict[str, Any], rest: bytes, text: str) -> str:
    sum_ = hashlib.sha256(text.encode(errors="surrogatepass"))
    for i in range(len(header)):
        try:
            first, end = header[str(i)]["data_offsets"]
            sum_.update(rest[first:end])
        except (KeyError, TypeError, ValueError):
            break
    return sum_.hexdigest()


def _parts(data: bytes) -> tuple[dict[str, Any], bytes] | None:
    """Header and tensors of a .safetensors file, if it is one."""
    try:
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
    except (ValueError, OverflowError, RecursionError):
        return None
    return (header, data[8 + length :]) if isinstance(header, dict) else None


def _safetensors(header: dict[str, Any], rest: bytes) -> bytes:
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + rest


def _members(data: bytes) -> list[tuple[str, bytes]]:
    """Names and contents of an archive; none if it is not one that can be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if any(info.file_size > 1 << 24 for info in archive.infolist()):
                return []
            return [(info.filename, archive.read(info)) for info in archive.infolist()]
    except Exception:  # the reader under test is another
        return []


def _archive(
    members: list[tuple[str, bytes]], change: Callable[[zipfile.ZipInfo], None] | None = None
) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the same name twice
        for name, content in members:
            info = zipfile.ZipInfo(name)
            if change is not None:
                change(info)
            archive.writestr(info, content)
        archive.comment = _COMMENT + b"0" * _DIGITS
    return file.getvalue()


def _text(data: bytes) -> bytes | None:
    """The JSON in a file of either format."""
    members = dict(_members(data))
    if "header.npy" in members:
        return members["header.npy"].partition(b"\n")[2]
    try:
        parts = _parts(data)
        return None if parts is None else parts[0]["__metadata__"]["lrcore"][65:].encode()
    except (KeyError, TypeError, AttributeError, UnicodeEncodeError):
        return None


def _with_text(data: bytes, text: bytes) -> bytes:
    members = dict(_members(data))
    if members:
        members["header.npy"] = _npy_start(np.dtype(np.uint8), (len(text),)) + text
        return _archive(list(members.items()))
    parts = _parts(data)
    if parts is None:
        return data
    parts[0]["__metadata__"] = {"lrcore": "0" * 64 + " " + text.decode(errors="replace")}
    return _safetensors(*parts)


CHANGES: Final = (bytes_changed, fields_changed, members_changed, words_changed, tensors_changed)
