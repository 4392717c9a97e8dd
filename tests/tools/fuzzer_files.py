"""Changed files of state, read and loaded: one that does no harm is refused, or is as it says.

    python tests/tools/fuzzer_files.py --seconds 600 --seed 1

Files of several optimizers are changed at random (fuzz_mutations.py), most of them with their
checksum made right again; those that reach new lines of the readers are changed further. Each is
read and loaded, and must either fail with a ValueError or an OSError that leaves the optimizer as
it was, or be what a new file of the same content is. Longer than `PATIENCE` or more memory than
`allowed` is a finding as well. The exit code says whether there are any.
"""

from __future__ import annotations

import argparse
import math
import random
import signal
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple

import numpy as np
from fuzz_mutations import changed

import lrcore as lrc
from lrcore.files import document, formats, npz, tensors
from lrcore.optimizers import checkpoint, options_as_data, saved_controllers, saved_state
from lrcore.optimizers.base import Optimizer
from lrcore.schedules import from_data

READERS: Final = (
    npz,
    checkpoint,
    document,
    formats,
    from_data,
    saved_controllers,
    saved_state,
    options_as_data,
    tensors,
)
EXTRA: Final = {"log": [0.5, None, {"words": True}], "at": np.arange(3, dtype=np.int16)}
PATIENCE: Final = 10  # seconds
SPARE: Final = 1 << 22  # bytes that any file may take
MEASURED: Final = 8  # of so many files, the memory of one
Edge = tuple[CodeType, int, int]


class Timeout(BaseException):
    """Nothing in the library catches it."""


class Sample(NamedTuple):
    """Bytes of a file, its ending, and what makes an optimizer that such a file could be of."""

    data: bytes
    suffix: str
    make: Callable[[], Optimizer]


class Finding(NamedTuple):
    """What is wrong, and the file that shows it."""

    what: str
    data: bytes


class Result(NamedTuple):
    """Figures of a run."""

    executions: int
    accepted: int
    edges: int
    lines: int
    kept: int
    findings: dict[str, Finding]


def _params(*shapes: tuple[int, ...]) -> dict[str, Any]:
    return {f"w{i}": np.linspace(-1, 1, int(np.prod(s))).reshape(s) for i, s in enumerate(shapes)}


def _adam() -> Optimizer:
    rate = lrc.CosineAnnealing(0.1, 9).warmup(2).then(lrc.Constant(0.01), 8)
    controllers = [lrc.ReduceOnPlateau(patience=1), lrc.EarlyStopping()]
    return lrc.Adam(_params((2, 3), ()), rate, amsgrad=True, controller=controllers)


def _groups() -> Optimizer:
    groups = [
        lrc.Group(_params((3,)), momentum=0.5),
        lrc.Group({"b": np.ones(2, np.float32)}, lr_scale=0.5),
    ]
    return lrc.SGD(groups, lr=lambda t: 0.1, momentum=0.9, controller=lrc.Polyak())


def _following() -> Optimizer:
    controllers = [lrc.BarzilaiBorwein(), lrc.Hypergradient(), lrc.DoG()]
    return lrc.RMSprop(_params((4,)), centered=True, clip_norm=1.0, controller=controllers)


def _scheduled() -> Optimizer:
    return lrc.AdamW(_params((2,), (0,)), betas=(lrc.Linear(0.5, 0.9, 5), 0.99))


MAKERS: Final = (_adam, _groups, _following, _scheduled)


def run_some(opt: Optimizer) -> None:
    """Three updates."""
    for k in range(3):
        grads = [np.full(p.shape, k - 0.5, p.dtype) for p in opt.roster.arrays.values()]
        for controller in opt.controllers:
            controller.update(1.0, grads=nested(opt, grads))
        opt.step(nested(opt, grads))


def nested(opt: Optimizer, grads: list[Any]) -> Any:
    """Gradients in the structure of the parameters."""
    flat = iter(grads)
    groups = [opt.roster.members(i) for i in range(len(opt.roster.groups))]
    trees = [{name.split(".")[-1]: next(flat) for name in names} for names in groups]
    return trees if len(trees) > 1 else trees[0]


def samples(directory: Path) -> list[Sample]:
    """Files as the library writes them."""
    found = []
    for make in MAKERS:
        opt = make()
        for updates in (0, 3):
            if updates:
                run_some(opt)
            for suffix in formats.FORMATS:
                path = directory / f"seed{suffix}"
                with suppress(ImportError):  # of the library that one of the formats needs
                    opt.save(path, params=True, extra=EXTRA, rng=np.random.default_rng(0))
                    found.append(Sample(path.read_bytes(), suffix, make))
    return found


@contextmanager
def traced(edges: set[Edge]) -> Iterator[None]:
    """Collects the pairs of lines that follow one another in the readers."""
    names = {str(module.__file__) for module in READERS}
    last: dict[FrameType, int] = {}

    def local(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            edges.add((frame.f_code, last.get(frame, 0), frame.f_lineno))
            last[frame] = frame.f_lineno
        elif event == "return":
            last.pop(frame, None)
        return local

    def enter(frame: FrameType, event: str, _: Any) -> Any:
        return local if frame.f_code.co_filename in names else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


def _late(*_: object) -> None:
    raise Timeout


@contextmanager
def bounded(size: int, *, measured: bool) -> Iterator[None]:
    """Fails for too long a time or, if it is measured, too much memory: that takes time itself."""
    before = signal.signal(signal.SIGALRM, _late)
    signal.alarm(PATIENCE)
    if measured:
        tracemalloc.start()
    try:
        yield
        taken = tracemalloc.get_traced_memory()[1]
        assert taken <= allowed(size), f"{taken} bytes of memory for a file of {size}"
    finally:
        signal.alarm(0)
        tracemalloc.stop()
        signal.signal(signal.SIGALRM, before)


def allowed(size: int) -> int:
    """Bytes of memory that a file of this size may take."""
    return 2 * size + SPARE


def accepted(sample: Sample, path: Path, untouched: bool, edges: set[Edge], way: int) -> bool:
    """Whether the file is read and loaded; `untouched` if its checksum was left as it was."""
    try:
        with traced(edges):
            tree = formats.read(path)
    except (ValueError, OSError):
        return False
    if untouched:
        path.write_bytes(sample.data)
        assert content_of(tree) == content_of(formats.read(path)), "changed, with the old checksum"
    formats.write(path, tree)
    assert content_of(tree) == content_of(formats.read(path)), "other content when written again"
    opt = sample.make()
    before = state_of(opt)
    ways: dict[str, Any] = {
        "strict": bool(way & 1),
        "hyperparameters": bool(way & 2),
        "params": bool(way & 4),
        "rng": np.random.default_rng(1) if way & 8 else None,
    }
    try:
        with traced(edges):
            opt.load(path, **ways)
    except (ValueError, OSError):
        assert state_of(opt) == before, "a refused file changed something"
        return False
    state = state_of(opt)
    opt.save(path, params=True)
    opt.load(path, params=True)
    assert state_of(opt) == state, "another state when saved and loaded again"
    return True


def content_of(tree: dict[str, Any]) -> tuple[bytes, list[bytes]]:
    words, arrays = document.encode(tree)
    return words, [array.tobytes() for array in arrays]


def state_of(opt: Optimizer) -> tuple[bytes, list[bytes]]:
    """Parameters, state and settings."""
    saved = opt.snapshot()
    return content_of({"state": saved.state, "params": saved.params})


def fuzz(seed: int, directory: Path, *, executions: float, seconds: float = math.inf) -> Result:
    """Changes, reads and loads so many files, or as many as the time allows."""
    rng = random.Random(seed)
    seeds = samples(directory)
    corpus = list(seeds)
    edges: set[Edge] = set()
    findings: dict[str, Finding] = {}
    done = taken = 0
    end = time.monotonic() + seconds
    while done < executions and time.monotonic() < end:
        untouched = rng.random() < 0.15
        if done < len(seeds):
            sample, data = seeds[done], seeds[done].data
        else:
            sample = rng.choice(corpus)
            data = changed(rng, sample.data, mend=not untouched)
        path = directory / f"case{sample.suffix}"
        path.write_bytes(data)
        known = len(edges)
        try:
            with bounded(len(data), measured=done % MEASURED == 0):
                taken += accepted(sample, path, untouched, edges, rng.randrange(16))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a panic of compiled code is no Exception
            findings.setdefault(_title(error), Finding(repr(error)[:300], data))
        if len(edges) > known and len(data) < 1 << 16 and done >= len(seeds):
            corpus.append(sample._replace(data=data))
        done += 1
    lines = {(code.co_filename, line) for code, _, line in edges}
    return Result(done, taken, len(edges), len(lines), len(corpus), findings)


def _title(error: BaseException) -> str:
    """The same for all findings of a kind: the error, and the last line of the library."""
    place, trace = "", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if "lrcore" in code.co_filename or not place:
            place = f"{Path(code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a directory for the files that show findings")
    given = parser.parse_args(arguments)
    memory = Path("/dev/shm")  # where there is one, writing does not wait for a disk
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
        result = fuzz(given.seed, Path(directory), executions=math.inf, seconds=given.seconds)
    print(f"{result.executions} files, {result.accepted} of them accepted")
    print(f"{result.lines} lines and {result.edges} pairs of them reached")
    print(f"{result.kept} files kept to change further")
    print(f"{len(result.findings)} findings")
    for i, (title, finding) in enumerate(result.findings.items()):
        print(f"  {title}: {finding.what}")
        if given.keep is not None:
            given.keep.mkdir(exist_ok=True)
            (given.keep / str(i)).write_bytes(finding.data)
    return 1 if result.findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
