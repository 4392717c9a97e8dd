"""What else a run needs, in the same file: `extra`, and the state of a random generator."""

import math
import re

import numpy as np
import pytest
from cases import SUFFIXES
from hypothesis import given, settings
from hypothesis import strategies as st

import lrcore as lrc
from lrcore.checks import generators
from lrcore.files import formats
from lrcore.files.document import FORMAT, KINDS
from lrcore.optimizers import checkpoint

each_format = pytest.mark.parametrize("suffix", SUFFIXES)
each_generator = pytest.mark.parametrize(
    "kind",
    [getattr(np.random, n) for n in ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")],
    ids=lambda kind: kind.__name__,
)

NUMBERS = st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none() | st.text()
DATA = st.recursive(
    NUMBERS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def written(extra, path):
    lrc.SGD(np.ones(2)).save(path, extra=extra)
    return lrc.SGD(np.ones(2)).load(path).extra


@each_format
@given(extra=DATA)
@settings(deadline=None)
def test_plain_data_comes_back_as_it_was(suffix, extra, tmp_path_factory):
    back = written(extra, tmp_path_factory.getbasetemp() / f"extra{suffix}")
    assert repr(back) == repr(extra)


@each_format
@pytest.mark.parametrize("kind", KINDS[FORMAT])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_arrays_of_every_real_kind_come_back_with_their_bytes(suffix, kind, shape, tmp_path):
    array = np.arange(math.prod(shape)).reshape(shape).astype(kind)
    back = written({"a": array, "b": [array.T]}, tmp_path / f"a{suffix}")
    for found, wanted in ((back["a"], array), (back["b"][0], array.T)):
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        assert found.tobytes() == wanted.tobytes()


def test_numbers_of_numpy_come_back_as_numbers_and_tuples_as_lists(tmp_path):
    extra = {"log": [np.float32(0.5), np.int64(3), np.True_, math.nan, math.inf], "at": (1, 2)}
    back = written(extra, tmp_path / "a.npz")
    assert repr(back) == "{'log': [0.5, 3, True, nan, inf], 'at': [1, 2]}"


REFUSED = {
    "a set": ({"a": {1}}, "a set is no plain data"),
    "a function": ({"a": print}, "a builtin_function_or_method is no plain data"),
    "a complex number": ({"a": 1j}, "a complex is no plain data"),
    "a complex array": ({"a": np.ones(2, complex)}, "an array of complex128 is no plain data"),
    "objects": ({"a": np.array([None])}, "an array of object is no plain data"),
    "a time": ({"a": np.datetime64("2020-01-01", "ns")}, "a datetime64 is no plain data"),
    "a key": ({1: "a"}, "the key 1 is not a string"),
    "a masked array": ({"a": np.ma.masked_array([1.0, 2.0], [0, 1])}, "a masked array is no plain"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_plain_data_is_not_written(case, tmp_path):
    extra, message = REFUSED[case]
    (tmp_path / "a.npz").write_bytes(b"old")
    with pytest.raises(TypeError, match=message):
        lrc.SGD(np.ones(2)).save(tmp_path / "a.npz", extra=extra)
    assert (tmp_path / "a.npz").read_bytes() == b"old"


def test_without_extra_the_report_has_none(tmp_path):
    opt = lrc.SGD(np.ones(2))
    opt.save(tmp_path / "a.npz")
    assert opt.load(tmp_path / "a.npz").extra is None
    assert opt.load_state_dict(opt.state_dict()).extra is None


@each_format
@each_generator
def test_a_generator_goes_on_with_the_numbers_that_would_have_come(suffix, kind, tmp_path):
    rng, path = np.random.Generator(kind(1)), tmp_path / f"a{suffix}"
    opt = lrc.SGD(np.ones(2))

    def following(rng):
        return rng.integers(10, size=7, dtype=np.int32).tolist(), rng.standard_normal(5).tolist()

    rng.integers(10, size=3, dtype=np.int32)  # half of a word is left
    opt.save(path, rng=rng)
    wanted = following(rng)
    again = np.random.Generator(kind(2))
    lrc.SGD(np.ones(2)).load(path, rng=again)
    assert following(again) == wanted


@pytest.mark.parametrize(
    "rng", [np.random.RandomState(0), 3, np.random.PCG64(0)], ids=["old", "3", "bits"]
)
@pytest.mark.parametrize("use", ["save", "load"])
def test_what_is_no_generator_is_refused(rng, use, tmp_path):
    opt = lrc.SGD(np.ones(2))
    opt.save(tmp_path / "a.npz")
    with pytest.raises(TypeError, match=r"SGD: rng must be a numpy.random.Generator"):
        getattr(opt, use)(tmp_path / "a.npz", rng=rng)


def trained(path, **options):
    opt = lrc.Adam(np.ones(2))
    opt.step(np.ones(2))
    opt.save(path, **options)


MISFITS = {
    "of another kind": (
        {"rng": np.random.Generator(np.random.MT19937(0))},
        "none for PCG64: bit_generator is|none for PCG64: state must have",
    ),
    "of none": ({}, r"no random generator was saved with it: save\(path, rng=rng\)"),
}


STATES = {
    "no mapping": (3, "state must have the entries"),
    "another name": ({"bit_generator": "PCG64"}, "bit_generator is 'PCG64'"),
    "a position beyond the end": ({"state": {"pos": 625}}, r"pos must be an integer in \[0, 624\]"),
    "no integer": ({"state": {"pos": 1.0}}, "pos must be an integer"),
    "fewer numbers": ({"state": {"key": np.ones(3, np.uint32)}}, "key must be 624 integers"),
    "no numbers": ({"state": {"key": [1]}}, "key must be 624 integers"),
    "floats": ({"state": {"key": np.ones(624)}}, "key must be 624 integers"),
}


@pytest.mark.parametrize("case", STATES)
def test_a_state_that_is_none_of_a_generator_is_refused(case):
    change, message = STATES[case]
    rng = np.random.Generator(np.random.MT19937(0))
    saved = {**rng.bit_generator.state}
    if not isinstance(change, dict):
        saved = change
    elif "state" in change:
        saved["state"] = {**saved["state"], **change["state"]}
    else:
        saved |= change
    (problem,) = generators.problems(rng, saved)
    assert re.search(message, problem)


@pytest.mark.parametrize("case", MISFITS)
def test_a_generator_that_does_not_fit_leaves_everything(case, tmp_path):
    options, message = MISFITS[case]
    trained(tmp_path / "a.npz", **options)
    opt, rng = lrc.Adam(np.ones(2)), np.random.default_rng(3)
    before = rng.bit_generator.state
    with pytest.raises(ValueError, match=message):
        opt.load(tmp_path / "a.npz", rng=rng)
    assert (opt.t, rng.bit_generator.state) == (0, before)


def test_a_state_that_does_not_fit_leaves_the_generator(tmp_path):
    trained(tmp_path / "a.npz", rng=np.random.default_rng(0))
    opt, rng = lrc.Adam(np.ones(3)), np.random.default_rng(3)
    before = rng.bit_generator.state
    with pytest.raises(ValueError, match=r"m of .* has shape"):
        opt.load(tmp_path / "a.npz", rng=rng)
    assert (opt.t, rng.bit_generator.state) == (0, before)


def test_a_generator_that_was_saved_need_not_be_taken(tmp_path):
    trained(tmp_path / "a.npz", rng=np.random.default_rng(0), extra=[1])
    assert lrc.Adam(np.ones(2)).load(tmp_path / "a.npz").extra == [1]


@each_format
@pytest.mark.parametrize("cut", [0, 1, 17])
def test_a_whole_run_goes_on_from_one_file(suffix, cut, tmp_path):
    X = np.random.default_rng(0).standard_normal((64, 3))

    def start():
        params = {"w": np.zeros(3)}
        return lrc.Adam(params, lr=0.1), np.random.default_rng(1), []

    def train(opt, rng, log, updates):
        while opt.t < updates:
            rows = rng.integers(64, size=8)
            error = X[rows] @ (opt.params["w"] - 1)
            opt.step({"w": X[rows].T @ error / 8})
            log.append(error @ error / 16)

    whole = start()
    train(*whole, 40)
    opt, rng, log = start()
    train(opt, rng, log, cut)
    opt.save(tmp_path / f"a{suffix}", params=True, rng=rng, extra={"log": log})
    opt, rng, _ = start()
    log = opt.load(tmp_path / f"a{suffix}", params=True, rng=rng).extra["log"]
    train(opt, rng, log, 40)
    assert (opt.params["w"].tobytes(), log) == (whole[0].params["w"].tobytes(), whole[2])


def test_data_that_holds_itself_is_not_written(tmp_path):
    extra = []
    extra.append(extra)
    with pytest.raises(ValueError, match="within one another without an end, or too deep"):
        lrc.SGD(np.ones(2)).save(tmp_path / "a.npz", extra=extra)


def test_an_interrupt_after_the_change_leaves_generator_and_optimizer_together(tmp_path):
    trained(tmp_path / "a.npz", rng=np.random.default_rng(0))
    opt, rng = lrc.Adam(np.ones(2)), np.random.default_rng(3)
    saved = formats.read(tmp_path / "a.npz")

    def commit(*arguments, **options):
        checkpoint_commit(*arguments, **options)
        raise KeyboardInterrupt

    checkpoint_commit = checkpoint.commit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "commit", commit)
        with pytest.raises(KeyboardInterrupt):
            opt.load(tmp_path / "a.npz", rng=rng)
    assert (opt.t, rng.bit_generator.state) == (1, saved["rng"])
