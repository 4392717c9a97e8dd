"""Changed files do no harm, and the search for such a file finds one where there is one.

`python tests/tools/fuzzer_files.py --seconds 600` searches longer.
"""

import json
import tracemalloc
import zipfile

import numpy as np
import pytest
from fuzz_mutations import mended
from fuzzer_files import fuzz

import lrcore as lrc
from lrcore.files import formats, npz

FILES = 600


def test_no_changed_file_does_harm(tmp_path):
    result = fuzz(0, tmp_path, executions=FILES)
    assert FILES > result.accepted > 0
    assert not result.findings


def test_a_reader_that_lets_other_errors_out_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "_DAMAGE", (OSError,))
    assert fuzz(0, tmp_path, executions=FILES // 2).findings


def bomb(path, compression, claimed):
    """An archive whose first array is 16 MiB of zeros, in far fewer bytes or said to be."""
    opt = lrc.SGD(np.ones(1), momentum=0.9)
    opt.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    text = json.loads(members["header.npy"].partition(b"\n")[2])
    text["arrays"][0] = ["float64", [1 << 21]]
    words = json.dumps(text).encode()
    members["header.npy"] = npz._npy_start(np.dtype(np.uint8), (len(words),)) + words
    start = npz._npy_start(np.dtype("<f8"), (1 << 21,))
    members["0.npy"] = start + (b"" if claimed else bytes(1 << 24))
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            kind = compression if name == "0.npy" else zipfile.ZIP_STORED
            archive.writestr(zipfile.ZipInfo(name), data, kind)
        if claimed:
            info = archive.getinfo("0.npy")
            info.file_size = info.compress_size = len(start) + (1 << 24)
        archive.comment = npz._COMMENT + b"0" * npz._DIGITS
    path.write_bytes(mended(path.read_bytes()))


@pytest.mark.parametrize(
    ("compression", "claimed", "message"),
    [
        (zipfile.ZIP_DEFLATED, False, "is compressed"),
        (zipfile.ZIP_BZIP2, False, "is compressed"),
        (zipfile.ZIP_STORED, True, "longer than the whole"),
    ],
    ids=["deflated", "bzip2", "claimed"],
)
def test_a_small_file_that_would_be_large_is_refused_in_little_memory(
    compression, claimed, message, tmp_path
):
    path = tmp_path / "a.npz"
    bomb(path, compression, claimed)
    assert path.stat().st_size < 1 << 18
    tracemalloc.start()
    try:
        with pytest.raises(formats.DamagedError, match=message):
            formats.read(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 21
    finally:
        tracemalloc.stop()
