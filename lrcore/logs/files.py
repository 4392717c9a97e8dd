"""Logs of training, from bytes to a table."""

from __future__ import annotations

import csv
import re
from typing import Final

from .bars import last_states
from .cells import Table
from .json import read_json
from .tables import read_blanks, read_table
from .text import plain, read_pairs
from .vocabulary import is_error, of_training

_WANTED: Final = "a text file with the loss of each update or epoch is wanted"
_BINARY: Final = {
    b"PK\x03\x04": "a zip archive (a spreadsheet, NumPy's npz or a model of torch)",
    b"\x1f\x8b": "compressed by gzip",
    b"\x93NUMPY": "an array of NumPy; np.savetxt writes it as text",
    b"SQLite format 3\x00": "a database of SQLite",
    b"PAR1": "a table of Parquet",
    b"\x89HDF": "an HDF5 file",
    b"\x80": "a pickle",
}


def read_log(data: bytes) -> Table:
    """The table that is in a file, whatever wrote it.

    Raises
    ------
    ValueError
        If there is none, or it is broken: says what the file is, or names the line.
    """
    text = plain(_decoded(data))
    if not text.strip():
        raise ValueError("there are no losses: the file is empty")
    try:
        table = read_json(text) or read_table(text) or _printed(text)
    except csv.Error as error:
        raise ValueError(f"it is no table: {error}") from None
    if table is None:
        first = next(line.strip() for line in text.split("\n") if line.strip())
        raise ValueError(
            f"there are no losses: it is text without columns of numbers, and begins with "
            f"{first!r:.60}; wanted are a table with a column of losses, JSON, or lines such as "
            "`loss: 0.5`"
        )
    return table


def _printed(text: str) -> Table | None:
    """Numbers beside names where more than one line has a loss so; or else a table."""
    text = last_states(text)
    pairs = read_pairs(text)
    losses = (c for c in pairs.columns if is_error(c.name) or of_training(c.name))
    lines = max((len(column.cells) for column in losses), default=0)
    table = None if lines > 1 else read_blanks(text)
    return table or (pairs if lines else None)


def _decoded(data: bytes) -> str:
    if b"brain.Event:" in data[:64]:
        raise ValueError(
            "it is an event file of TensorBoard, which is binary: in its page of scalars, download "
            "the training loss as CSV (Show data download links) and judge that"
        )
    for magic, what in _BINARY.items():
        if data.startswith(magic):
            raise ValueError(f"it is {what}: {_WANTED}")
    try:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # as PowerShell writes text
            return data.decode("utf-16")
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # numbers are the same in all of its kin
    if re.search(r"[\x00-\x06\x0e-\x1a]", text):
        raise ValueError(f"it is binary: {_WANTED}")
    return text
