"""State as a .safetensors file, with the checksum of its JSON and arrays in the metadata."""

from __future__ import annotations

import hashlib
from typing import IO, Any, Final

from ..checks.arrays import Array
from .document import LONGEST, Document, bytes_of

_KEY: Final = "lrcore"


def write(file: IO[bytes], text: bytes, arrays: list[Array]) -> None:
    """Write to a new file."""
    # the arrays are contiguous: of others the library would write the elements as they lie
    named = {str(i): array for i, array in enumerate(arrays)}
    # in one entry, since the library writes several in any order
    metadata = {_KEY: f"{_sum_of(text, arrays)} {text.decode()}"}
    file.write(_safetensors().numpy.save(named, metadata))


def read(path: str) -> dict[str, Any]:
    """The tree; a file with anything wrong raises one of many errors."""
    library = _safetensors()
    try:
        with library.safe_open(path, "np") as file:
            ((key, value),) = (file.metadata() or {}).items()
            digest, _, words = value.partition(" ")
            text = words.encode()
            if len(text) > LONGEST:
                raise ValueError(f"{len(text)} bytes of names and numbers")
            document = Document(text)
            if set(file.keys()) != {str(i) for i in range(len(document.arrays))}:
                raise ValueError("its arrays are not those that it names")
            arrays = [file.get_tensor(str(i)) for i in range(len(document.arrays))]
    except library.SafetensorError as error:
        raise ValueError(str(error)) from None
    for array, (kind, shape, _) in zip(arrays, document.arrays, strict=True):
        if array.dtype != kind or array.shape != shape:
            raise ValueError(f"an array is {array.dtype} of shape {array.shape}")
    if key != _KEY or digest != _sum_of(text, arrays):
        raise ValueError("its checksum is wrong")
    return document.fill(arrays)


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ModuleNotFoundError:
        message = "files that end in .safetensors need it: pip install 'lrcore[safetensors]'"
        raise ImportError(message) from None
    return safetensors


def _sum_of(text: bytes, arrays: list[Array]) -> str:
    sum_ = hashlib.sha256(text)
    for array in arrays:
        sum_.update(bytes_of(array))
    return sum_.hexdigest()
