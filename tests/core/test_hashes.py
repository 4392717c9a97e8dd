"""The results of every rule as recorded hashes: the bits of one release are those of the next.

The same on every instruction set, compiler and machine. After a change that CHANGELOG.md announces,
`PYTHONPATH=tests/support python tests/core/test_hashes.py` writes them anew.
"""

import hashlib
import json

import numpy as np
import pytest
from cases import DTYPES, ONE_EACH
from places import DATA

from lrcore.reference import variants

RECORD = DATA / "hashes.json"
CASES = {
    f"{variants.rule_of(cls, options)} {dtype.__name__}": (cls, options, dtype)
    for cls, options in ONE_EACH
    for dtype in DTYPES
}


def stream(n, seed):
    """Numbers in [-4, 4) over some binary decades, exact in float32, the same everywhere."""
    x = (np.arange(n, dtype=np.uint64) + np.uint64(seed * n + 1)) * np.uint64(0x9E3779B97F4A7C15)
    x ^= x >> np.uint64(29)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    mantissa = (x >> np.uint64(42)).astype(np.float64) - 2.0**21
    return np.ldexp(mantissa, -19 - (x & np.uint64(7)).astype(np.int32))


def digest(cls, options, dtype):
    p = stream(1003, 0).astype(dtype)
    opt = cls(p, lr=0.01, clip_norm=20.0, **options)
    for k in range(1, 101):
        opt.step(stream(1003, k).astype(dtype))
    found = hashlib.sha256(p.astype(p.dtype.newbyteorder("<")).tobytes())
    for array in opt.state["0"].values():
        found.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return found.hexdigest()


def test_the_stream_is_the_one_that_was_recorded():
    assert stream(4, 1).tolist() == json.loads(RECORD.read_text())["stream"]


@pytest.mark.parametrize("name", CASES)
def test_a_hundred_steps_have_the_recorded_hash(name):
    assert digest(*CASES[name]) == json.loads(RECORD.read_text())["hashes"][name]


def test_every_recorded_hash_is_checked():
    assert json.loads(RECORD.read_text())["hashes"].keys() == CASES.keys()


if __name__ == "__main__":
    record = {
        "stream": stream(4, 1).tolist(),
        "hashes": {name: digest(*case) for name, case in CASES.items()},
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
