"""A process killed as it saves, or a disk that is full: the old file or the new one, and whole."""

import errno
import os
import resource
import signal
import sys
import time
import warnings

import numpy as np
import pytest
from cases import EXAMPLES, SUFFIXES

import lrcore as lrc

SIZE = 30_000  # elements
KILLS = max(EXAMPLES // 2, 1)

each_format = pytest.mark.parametrize("suffix", SUFFIXES)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and kills as on Linux")


def make(value=0.0):
    """Parameters and moments that tell which state they are of."""
    p = np.full(SIZE, value)
    opt = lrc.SGD(p, lr=1.0, momentum=0.5)
    opt.state["0"]["b"][...] = value
    opt.lr_scale = value
    return opt


def forked(function):
    """The id of a process that calls function: 0 is its code if that is true."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: fork with threads
        child = os.fork()
    if child:
        return child
    code = 1
    try:
        code = 0 if function() else 1
    finally:
        os._exit(code)


def keep_saving(path):
    opts = make(1.0), make(2.0)
    while True:
        for opt in opts:
            opt.save(path, params=True)


@each_format
def test_a_process_killed_as_it_saves_leaves_a_whole_file(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    rng = np.random.default_rng(0)
    make(1.0).save(path, params=True)
    found = set()
    for _ in range(KILLS):
        child = forked(lambda: keep_saving(path))
        time.sleep(rng.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        opt = make()
        opt.load(path, params=True)
        value = opt.lr_scale
        assert (opt.params == value).all()
        assert (opt.state["0"]["b"] == value).all()
        found.add(value)
    assert found <= {1.0, 2.0}


@each_format
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.9999])
def test_a_full_disk_leaves_the_old_file_alone(suffix, share, tmp_path):
    path = tmp_path / f"a{suffix}"
    make(1.0).save(path, params=True)
    old = path.read_bytes()
    opt = make(2.0)

    def save_without_room():
        limit = int(share * len(old))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            opt.save(path, params=True)
        except OSError as error:
            return error.errno == errno.EFBIG
        return False

    child = forked(save_without_room)
    assert os.waitpid(child, 0)[1] == 0
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == [path.name]
