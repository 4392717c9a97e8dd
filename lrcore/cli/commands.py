"""The command `lrcore`: a row of `COMMANDS` for each subcommand, and the exit codes."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence

import numpy as np

from ..build import __version__, build_info
from ..optimizers.catalogue import OPTIMIZERS
from ..schedules.catalogue import SCHEDULES
from . import (
    bench,
    demo,
    diagnose,
    find,
    schedule,
    sweep,
)
from .parser import Command, Parser, one_of

ERRORS = (ValueError, OSError, ImportError, FloatingPointError, MemoryError)


def _info(options: argparse.Namespace) -> None:
    facts = {
        **build_info(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "optimizers": tuple(OPTIMIZERS),
        "schedules": tuple(SCHEDULES),
    }
    for name, value in facts.items():
        print(f"{name:12}", ", ".join(value) if isinstance(value, tuple) else value)


def _bench_arguments(parser: Parser) -> None:
    parser.epilog = """\
NumPy us are the microseconds of the lines that one writes by hand, and the ratio
is theirs to lrcore's; reference us those of lrcore.reference, which has the same
bits as lrcore.
"""


def _bench(options: argparse.Namespace) -> None:
    del options
    for line in bench.report():
        print(line, flush=True)


COMMANDS = {
    "demo": demo.COMMAND,
    "schedule": schedule.COMMAND,
    "find": find.COMMAND,
    "sweep": sweep.COMMAND,
    "diagnose": diagnose.COMMAND,
    "bench": Command("time every rule beside plain NumPy, here", _bench_arguments, _bench),
    "info": Command("what this build is and what it offers", lambda parser: None, _info),
}


def _run(words: Sequence[str], *, for_good: bool) -> int:
    commands = "\n".join(f"  {name:10}{command.summary}" for name, command in COMMANDS.items())
    top = Parser("lrcore", "Optimizer steps and learning-rate schedules.", f"commands:\n{commands}")
    top.add_argument("--version", action="version", version=f"lrcore {__version__}")
    top.add_argument("command", type=one_of("command", COMMANDS), nargs="?")
    top.add_argument("arguments", nargs=argparse.REMAINDER)
    chosen = top.parse(words)
    if chosen.command is None:
        top.print_help()
        return 0
    command = COMMANDS[chosen.command]
    parser = Parser(f"lrcore {chosen.command}", command.summary)
    command.arguments(parser)
    parser.set_defaults(for_good=for_good)
    return command.run(parser.parse(chosen.arguments)) or 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after the program's name, by default those of this process.

    Returns
    -------
    int
        0, or what the command says (1: `find` found no rate to rely on, `diagnose` something
        wrong), 2 after an error (one line on stderr), 130 after Ctrl-C, 141 if the reader of the
        output has gone.
    """
    try:
        try:
            return _run(sys.argv[1:] if argv is None else argv, for_good=argv is None)
        finally:
            if sys.stdout is not None:  # None: closed before the start
                sys.stdout.flush()
    except KeyboardInterrupt:
        print("lrcore: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the interpreter flushes once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except ERRORS as error:
        print(f"lrcore: error: {_one_line(error)}", file=sys.stderr)
        return 2


def _one_line(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        text = f"not enough memory. {text}"
    return " ".join(text.split())
