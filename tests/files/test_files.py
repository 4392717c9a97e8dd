"""Files of state: the same bits back, or an error that leaves everything as it was."""

import gc
import json
import math
import os
import stat
import sys
import zipfile

import numpy as np
import pytest
from cases import ONE_EACH, SUFFIXES, everything, follows_rates, gradients, rated, variant_id
from places import DATA

import lrcore as lrc
from lrcore.files import formats, npz
from lrcore.files.formats import DamagedError

each_rule = pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)
each_format = pytest.mark.parametrize("suffix", SUFFIXES)


def make(cls, options, seed=0):
    rng = np.random.default_rng(seed)
    params = {
        "layers": [
            np.asfortranarray(rng.standard_normal((3, 4)).astype(np.float32)),
            np.array(2.0),
        ],
        "../odd name/\u00fc": rng.standard_normal((5, 2))[::-1],
        "none": np.zeros((0, 3)),
    }
    controllers = [lrc.ReduceOnPlateau(patience=1), lrc.BarzilaiBorwein()]
    acting = controllers if follows_rates(cls) else None
    lr = rated(cls, lrc.CosineAnnealing(0.1, 30))
    return cls(params, lr=lr, controller=acting, **options)


def run(opt, first, last):
    for t in range(first, last):
        rng = np.random.default_rng(t)
        p = opt.params
        grads = {
            "layers": [gradients(rng, (3, 4), np.float32), np.array(gradients(rng, ()))],
            "../odd name/\u00fc": gradients(rng, (5, 2)),
            "none": np.zeros((0, 3)),
        }
        for controller in opt.controllers:
            controller.update(float(abs(p["layers"][1])), grads=grads)
        opt.step(grads)


def example_of_format_1():
    """What format_1.* in tests/data/files were written from; every later version reads these."""
    opt = make(lrc.Adam, {"amsgrad": True})
    run(opt, 0, 5)
    opt.lr_scale = 0.5
    return opt


def example_of_format_2():
    """The same with arrays of two ages, a random generator, and data of the user's."""
    opt = example_of_format_1()
    saved = opt.state_dict()
    young = opt.names[-1]
    saved["carried"][young] = dict.fromkeys(saved["carried"][young], 1.0)
    opt.load_state_dict(saved)
    rng = np.random.default_rng(7)
    return opt, rng, {"log": [0.5, None, "words", {"a": True}], "at": np.arange(3, dtype=np.int16)}


def contents(opt):
    return everything(opt), repr([c.state_dict() for c in opt.controllers])


@each_rule
@each_format
@pytest.mark.parametrize("cut", [0, 7])
def test_a_run_through_a_file_has_the_bits_of_an_unbroken_one(cls, options, suffix, cut, tmp_path):
    whole, first, second = make(cls, options), make(cls, options), make(cls, options, seed=1)
    run(whole, 0, 15)
    run(first, 0, cut)
    first.save(tmp_path / f"state{suffix}", params=True)
    report = second.load(tmp_path / f"state{suffix}", params=True)
    assert report == ((), (), (), ())
    assert contents(second) == contents(first)
    run(second, cut, 15)
    assert contents(second) == contents(whole)


@each_format
def test_without_params_the_parameters_stay(suffix, tmp_path):
    old, new = make(lrc.Adam, {}), make(lrc.Adam, {}, seed=1)
    run(old, 0, 3)
    before = new.params["layers"][1].copy()
    old.save(tmp_path / f"a{suffix}")
    new.load(tmp_path / f"a{suffix}")
    assert new.t == 3
    assert new.params["layers"][1] == before
    with pytest.raises(ValueError, match="no parameters were saved with it"):
        new.load(tmp_path / f"a{suffix}", params=True)


@each_format
def test_any_plain_data_comes_back(suffix, tmp_path):
    tree = {
        "number": {"array": 0, "dict": [1.5, -0.0, 2**70, True, None]},
        "": [math.inf, -math.inf, "\u2028", {"nested": {}}],
        "arrays": [np.ones((2, 0, 3)), np.array(1.5, np.float32), np.arange(6.0).reshape(2, 3).T],
    }
    formats.write(tmp_path / f"x{suffix}", tree)
    back = formats.read(tmp_path / f"x{suffix}")
    arrays, expected = back.pop("arrays"), tree.pop("arrays")
    assert repr(back) == repr(tree)
    for a, b in zip(arrays, expected, strict=True):
        assert a.dtype == b.dtype
        assert a.flags.writeable
        np.testing.assert_array_equal(a, b)


def test_numpy_reads_an_npz_file_without_pickle(tmp_path):
    opt = make(lrc.Adam, {})
    opt.save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        header = json.loads(archive["header"].tobytes())
        assert len(archive.files) == 1 + len(header["arrays"])


@each_format
def test_the_same_state_is_the_same_file(suffix, tmp_path):
    opt = make(lrc.Adam, {})
    opt.save(tmp_path / f"a{suffix}")
    opt.save(tmp_path / f"b{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize("name", ["a.npy", "a", "a.pt", ".npz", "a.NPZ"])
def test_another_ending_is_refused(name, tmp_path):
    opt = make(lrc.Adam, {})
    for action in (opt.save, opt.load):
        with pytest.raises(ValueError, match=r"ends in \.npz or \.safetensors"):
            action(tmp_path / name)


def test_a_missing_directory_or_file_is_named(tmp_path):
    opt = make(lrc.Adam, {})
    with pytest.raises(FileNotFoundError, match=r"nowhere/a\.npz"):
        opt.save(tmp_path / "nowhere/a.npz")
    with pytest.raises(FileNotFoundError, match=r"b\.npz"):
        opt.load(tmp_path / "b.npz")


@each_format
def test_what_cannot_be_written_leaves_the_old_file(suffix, tmp_path):
    class Odd(lrc.Controller):
        scale = 1.0

        def update(self, value, step=None, *, grads=None):
            return False

        def state_dict(self):
            return {"odd": object()}

        def load_state_dict(self, d):
            pass

    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"old")
    opt = lrc.SGD(np.ones(1), controller=Odd())
    with pytest.raises(TypeError, match="a object is no plain data"):
        opt.save(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("open_", ["none", "member"])
def test_an_archive_left_unfinished_is_freed_in_silence(open_, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    with open(tmp_path / "state.npz", "x+b") as file:
        archive = npz._Archive(npz._Target(file), "w")
        member = archive.open("0.npy", "w")
        member.write(b"1")
        if open_ == "none":
            member.close()
    del archive, member
    gc.collect()
    assert not told


def test_permissions_and_links_stay(tmp_path):
    opt = make(lrc.Adam, {})
    path, link = tmp_path / "a.npz", tmp_path / "link.npz"
    opt.save(path)
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    path.chmod(0o600)
    link.symlink_to(path)
    opt.save(link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["a.npz", "link.npz"]


@each_format
def test_every_truncation_and_every_flipped_bit_is_refused(suffix, tmp_path):
    opt = lrc.Adam({"w": np.array([1.0, 2.0])}, lr=0.5)
    opt.step({"w": np.ones(2)})
    path = tmp_path / f"a{suffix}"
    opt.save(path)
    whole = path.read_bytes()

    def refused():
        with pytest.raises(DamagedError, match="not a file of lrcore's, or damaged"):
            formats.read(path)

    with path.open("r+b", buffering=0) as file:
        for i, byte in enumerate(whole):
            for bit in range(8):
                os.pwrite(file.fileno(), bytes([byte ^ 1 << bit]), i)
                refused()
            os.pwrite(file.fileno(), bytes([byte]), i)
        assert path.read_bytes() == whole
        for n in reversed(range(len(whole))):
            file.truncate(n)
            refused()
    for data in (whole + b"x", b"x" + whole, whole + whole):
        path.write_bytes(data)
        refused()
    path.write_bytes(whole)
    opt.load(path)


def rewritten(path, change):
    """An .npz file with a right checksum and other members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    compression = members.pop("compression", zipfile.ZIP_STORED)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.comment = npz._COMMENT + b"0" * 64
    seal(path)


def seal(path):
    with path.open("r+b") as file:
        length = path.stat().st_size - 64
        digest = npz._digest(file, length)
        file.seek(length)
        file.write(digest)


def header(**changes):
    def change(members):
        text = json.dumps(json.loads(members["header.npy"][128:]) | changes).encode()
        start = npz._npy_start(np.dtype(np.uint8), (len(text),))
        members["header.npy"] = start + text

    return change


def kind(name, *shape):
    return {"kind": name, "shape": shape}


CRAFTED = {
    "another format": (header(format=3), "its format is 3"),
    "no tree": (header(tree=[{"array": 0}, {"array": 1}]), "it holds no names"),
    "a tree of other things": (header(tree={"dict": [["a", {"b": 1}]]}), "there is no 'b'"),
    "a key twice": (header(tree={"dict": [["a", 1], ["a", 2]]}), "the same key twice"),
    "an array twice": (
        header(tree={"dict": [["a", {"array": 0}], ["b", {"array": 0}], ["c", {"array": 1}]]}),
        "not each of the 2 arrays in one place",
    ),
    "an array twice, another nowhere": (
        header(tree={"dict": [["a", {"array": 0}], ["b", {"array": 0}]]}),
        "not each of the 2 arrays in one place",
    ),
    "an unknown array": (header(tree={"dict": [["a", {"array": 5}]]}), "there is no array 5"),
    "a huge shape": (
        header(arrays=[kind("float64", 2**40), kind("float64", 2)]),
        "0.npy is not float64 of shape",
    ),
    "a negative shape": (header(arrays=[kind("float64", -1), kind("float64", 2)]), "is no shape"),
    "an object array": (
        header(arrays=[kind("object", 2), kind("float64", 2)]),
        "no arrays of 'object'",
    ),
    "other entries": (header(more=1), "its entries are"),
    "fewer arrays": (header(arrays=[kind("float64", 2)]), "not those that it names"),
    "no header": (lambda members: members.pop("header.npy"), "its parts are not those"),
    "a member more": (lambda members: members.update(more=b""), "not those that it names"),
    "compressed": (lambda members: members.update(compression=8), "is compressed"),
    "an array cut": (
        lambda members: members.update({"0.npy": members["0.npy"][:-1]}),
        "0.npy is not float64",
    ),
    "nesting": (
        lambda members: members.update({"header.npy": members["header.npy"][:128] + b"[" * 10**5}),
        "header.npy is not uint8",
    ),
}


@pytest.mark.parametrize("case", CRAFTED)
def test_a_crafted_file_with_a_right_checksum_is_refused(case, tmp_path):
    opt = lrc.Adam({"w": np.array([1.0, 2.0])}, lr=0.5)
    path = tmp_path / "a.npz"
    opt.save(path)
    change, message = CRAFTED[case]
    rewritten(path, change)
    with pytest.raises(DamagedError, match=message):
        opt.load(path)


def test_a_file_whose_parts_would_begin_before_it_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    lrc.SGD({"w": np.ones(2)}).save(path)
    whole = bytearray(path.read_bytes())
    place = whole.rindex(b"PK\5\6") + 16  # where the list of parts is said to begin
    whole[place : place + 4] = (10**6).to_bytes(4, "little")
    path.write_bytes(whole)
    seal(path)
    with pytest.raises(DamagedError, match="not a file of lrcore's, or damaged"):
        formats.read(path)


def test_rewriting_alone_is_not_what_is_refused(tmp_path):
    opt = lrc.Adam({"w": np.array([1.0, 2.0])}, lr=0.5)
    path = tmp_path / "a.npz"
    opt.save(path)
    rewritten(path, header())
    opt.load(path)


@each_format
def test_a_file_of_something_else_is_no_state(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    formats.write(path, {"weights": np.ones(3)})
    with pytest.raises(ValueError, match=r"does not fit: it holds \['weights'\], no state"):
        lrc.SGD(np.ones(3)).load(path)


def test_a_state_of_another_optimizer_in_a_file_is_refused(tmp_path):
    lrc.SGD(np.ones(3)).save(tmp_path / "a.npz")
    with pytest.raises(ValueError, match="it is of SGD"):
        lrc.Adam(np.ones(3)).load(tmp_path / "a.npz")


@each_format
def test_files_of_format_1_are_read(suffix):
    written, opt = example_of_format_1(), make(lrc.Adam, {"amsgrad": True}, seed=1)
    report = opt.load(DATA / "files" / f"format_1{suffix}", params=True)
    assert report == ((), (), (), ())
    assert contents(opt) == contents(written)
    assert opt.lr_scale == 0.5


@each_format
def test_files_of_format_2_are_read(suffix):
    (written, wanted, extra), opt = example_of_format_2(), make(lrc.Adam, {"amsgrad": True}, seed=1)
    rng = np.random.default_rng(0)
    place = DATA / "files" / f"format_2{suffix}"
    report = opt.load(place, params=True, rng=rng)
    assert report == ((), (), (), ())
    assert contents(opt) == contents(written)
    assert opt.state_dict()["carried"] == written.state_dict()["carried"]
    assert rng.bit_generator.state == wanted.bit_generator.state
    assert repr(report.extra) == repr(extra)


def test_a_file_of_format_2_is_written_again_with_the_same_bytes(tmp_path):
    opt, rng, extra = example_of_format_2()
    opt.save(tmp_path / "again.npz", params=True, rng=rng, extra=extra)
    kept = DATA / "files" / "format_2.npz"
    assert (tmp_path / "again.npz").read_bytes() == kept.read_bytes()


def test_a_kind_of_array_that_is_not_known_is_named(tmp_path):
    lrc.SGD(np.ones(2)).save(tmp_path / "a.npz", params=True)
    rewritten(tmp_path / "a.npz", header(arrays=[kind("bfloat16", 2)]))
    with pytest.raises(DamagedError, match="no arrays of 'bfloat16'"):
        lrc.SGD(np.ones(2)).load(tmp_path / "a.npz")
