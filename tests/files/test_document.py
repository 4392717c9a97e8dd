"""Trees of plain data as words and arrays: what is taken, and what is refused unwritten."""

import numpy as np
import pytest

from lrcore.files import document


def test_a_number_of_numpy_is_written_as_the_number_it_is():
    assert document.encode({"a": np.float32(0.5)}) == document.encode({"a": 0.5})
    assert document.encode({"a": np.int64(3)}) == document.encode({"a": 3})


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"a": np.ones(2, complex)}, "an array of complex128 is no plain data, which are float32"),
        ({"a": {1: 2}}, "the key 1 is not a string"),
        ({"a": {2, 3}}, "a set is no plain data"),
    ],
)
def test_what_is_no_plain_data_is_refused(tree, message):
    with pytest.raises(TypeError, match=message):
        document.encode(tree)


def test_more_words_than_can_be_read_are_not_written(monkeypatch):
    monkeypatch.setattr(document, "LONGEST", 100)
    with pytest.raises(ValueError, match="bytes of names and numbers, at most 100"):
        document.encode({"a": "x" * 100})
