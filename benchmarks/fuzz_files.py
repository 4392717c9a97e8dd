"""Changed files of state, read and loaded: one that does no harm is refused, or is as it says.

    python benchmarks/fuzz_files.py --seconds 600 --seed 1

Files of several optimizers are changed at random (fuzz_mutations.py), most of them with their
checksum made right again; those that reach new lines of the readers are changed further. Each is
read and loaded, and must either fail with a ValueError or an OSError that leaves the optimizer as
it was, or be what a new file of the same content is. Longer than `PATIENCE` or more memory than
`allowed` is a finding as well. The exit code says whether there are any.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple

import numpy as np
from fuzz_mutations import CHANGES, mended

import lrcore as lrc
from lrcore import archives, checkpoint, document, files, records, settings, tensorfiles

READERS: Final = (archives, checkpoint, document, files, records, settings, tensorfiles)
PATIENCE: Final = 10  # seconds
SPARE: Final = 1 << 22  # bytes that any file may take
Optimizer = lrc.optimizers.Optimizer
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


def _nadam() -> Optimizer:
    return lrc.NAdam(_params((2,), (0,)), betas=(lrc.Linear(0.5, 0.9, 5), 0.99))


MAKERS: Final = (_adam, _groups, _following, _nadam)


def run_some(opt: Optimizer) -> None:
    """Three updates."""
    for k in range(3):
        grads = [np.full(p.shape, k - 0.5, p.dtype) for _, p in opt._arrays()]
        for controller in opt.controllers:
            controller.update(1.0, grads=nested(opt, grads))
        opt.step(nested(opt, grads))


def nested(opt: Optimizer, grads: list[Any]) -> Any:
    """Gradients in the structure of the parameters."""
    flat = iter(grads)
    trees = [{name.split(".")[-1]: next(flat) for name, _ in leaves} for leaves in opt._named]
    return trees if len(trees) > 1 else trees[0]


def samples(directory: Path) -> list[Sample]:
    """Files as the library writes them."""
    found = []
    for make in MAKERS:
        opt = make()
        for updates in (0, 3):
            if updates:
                run_some(opt)
            for suffix in files.FORMATS:
                path = directory / f"seed{suffix}"
                opt.save(path, params=True)
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
def bounded(size: int) -> Iterator[None]:
    """Fails for too long a time or too much memory."""
    before = signal.signal(signal.SIGALRM, _late)
    signal.alarm(PATIENCE)
    tracemalloc.reset_peak()
    start = tracemalloc.get_traced_memory()[0]
    try:
        yield
        taken = tracemalloc.get_traced_memory()[1] - start
        assert taken <= allowed(size), f"more memory than allowed, by {size} bytes"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def allowed(size: int) -> int:
    """Bytes of memory that a file of this size may take."""
    return 2 * size + SPARE


def tried(sample: Sample, path: Path, untouched: bytes | None, rng: random.Random) -> bool:
    """Whether the file is accepted. `untouched` is what it was, if its checksum was left alone."""
    try:
        tree = files.read(path)
    except (ValueError, OSError):
        return False
    words, arrays = document.encode(tree)
    content = words, [array.tobytes() for array in arrays]
    again = path.with_name(f"again{sample.suffix}")
    files.write(again, tree)
    words, arrays = document.encode(files.read(again))
    assert content == (words, [array.tobytes() for array in arrays]), "other content when rewritten"
    if untouched is not None:
        path.write_bytes(untouched)
        words, arrays = document.encode(files.read(path))
        assert content == (words, [a.tobytes() for a in arrays]), "other content, right checksum"
    return loaded(sample, again, rng)


def loaded(sample: Sample, path: Path, rng: random.Random) -> bool:
    opt = sample.make()
    ways: dict[str, Any] = {"strict": rng.random() < 0.5, "hyperparameters": rng.random() < 0.5}
    ways["params"] = rng.random() < 0.5
    before = state_of(opt)
    try:
        opt.load(path, **ways)
    except (ValueError, OSError):
        assert state_of(opt) == before, "a refused file changed something"
        return False
    state_of(opt)
    opt.save(path)  # what was accepted can be written
    opt.load(path)
    return True


def state_of(opt: Optimizer) -> tuple[bytes, list[bytes]]:
    """Parameters, state and settings."""
    saved = opt.snapshot()
    words, arrays = document.encode({"state": saved.state, "params": saved.params})
    return words, [array.tobytes() for array in arrays]


def fuzz(seconds: float, seed: int, directory: Path, executions: int = sys.maxsize) -> Result:
    """Changes, reads and loads files for so long, or so often."""
    rng = random.Random(seed)
    corpus = samples(directory)
    edges: set[Edge] = set()
    findings: dict[str, Finding] = {}
    done = accepted = 0
    tracemalloc.start()
    end = time.monotonic() + seconds
    while done < executions and time.monotonic() < end:
        sample = rng.choice(corpus)
        data = sample.data
        if done >= len(corpus):
            for _ in range(rng.choice([1, 1, 2, 3])):
                data = rng.choice(CHANGES)(rng, data)
        else:
            sample = corpus[done]
            data = sample.data
        honest = rng.random() < 0.15
        data = data if honest else mended(data)
        path = directory / f"case{sample.suffix}"
        path.write_bytes(data)
        known = len(edges)
        try:
            with traced(edges), bounded(len(data)):
                accepted += tried(sample, path, sample.data if honest else None, rng)
        except (Exception, Timeout) as error:
            findings.setdefault(_title(error), Finding(repr(error)[:300], data))
        if len(edges) > known and len(data) < 1 << 16 and done >= len(corpus):
            corpus.append(sample._replace(data=data))
        done += 1
    tracemalloc.stop()
    return Result(done, accepted, len(edges), len(corpus), findings)


def _title(error: BaseException) -> str:
    """One for all findings of a kind: the error, and the last line of the library that raised it."""
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
    with tempfile.TemporaryDirectory() as directory:
        result = fuzz(given.seconds, given.seed, Path(directory))
    print(f"{result.executions} files, {result.accepted} of them accepted")
    print(f"{result.edges} pairs of lines reached, {result.kept} files kept to change further")
    print(f"{len(result.findings)} findings")
    for i, (title, finding) in enumerate(result.findings.items()):
        print(f"  {title}: {finding.what}")
        if given.keep is not None:
            given.keep.mkdir(exist_ok=True)
            (given.keep / str(i)).write_bytes(finding.data)
    return 1 if result.findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
