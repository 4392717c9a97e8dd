"""The setup of a run in a user's program: found by name, and what its errors say."""

from __future__ import annotations

import importlib
import sys
import traceback
from inspect import isfunction
from pathlib import Path

from ..checks.suggestions import suggest
from .run import Setup


def load_setup(text: str) -> Setup:
    """The function that ``MODULE:FUNCTION`` names, with the working directory on the path.

    Raises
    ------
    ValueError
        If there is no such module or function, it is not one, or the module cannot be imported.
    """
    module_name, colon, name = text.partition(":")
    if not colon or not module_name.strip(".") or module_name[0] == "." or not name:
        raise ValueError(f"{text!r} is not MODULE:FUNCTION, for example lrcore.demo:digits")
    here = str(Path.cwd())
    if here not in sys.path:
        # a source tree of ours would hide the installed package from processes started later
        sys.path.insert(len(sys.path) if Path("lrcore").is_dir() else 0, here)
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and (module_name + ".").startswith(missing + "."):
            hint = f"; write {module_name[:-3]}:{name}" if module_name.endswith(".py") else ""
            raise ValueError(f"there is no module {module_name!r} here{hint}") from None
        raise ValueError(f"{module_name} cannot be imported: {told(error)}") from error
    found = getattr(module, name, None)
    if not callable(found):
        home = f"{module.__name__}."  # a package may hand on what stands in its modules
        functions = [
            n
            for n, value in vars(module).items()
            if isfunction(value) and n[0] != "_" and f"{value.__module__}.".startswith(home)
        ]
        raise ValueError(f"{module_name} has no function {name!r}; {suggest(name, functions)}")
    return found  # type: ignore[no-any-return]


def told(error: BaseException) -> str:
    """The message, and for an error of the user's program also its kind and place."""
    theirs = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__", "").partition(".")[0] not in ("lrcore", "importlib")
    ]
    if not theirs:
        return str(error)
    file, line = theirs[-1]
    place = f"{Path(file).name}, line {line}"
    return f"{type(error).__name__}: {error} ({place})"
