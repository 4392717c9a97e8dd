"""What other processes of the tests need."""

import os
import subprocess
import sys
from pathlib import Path

# Python with the lrcore that is installed, not the sources where they are the working directory.
PYTHON = (sys.executable, "-P")


def environment(**more: str) -> dict[str, str]:
    """The environment of a process that finds the modules of the tests, and the same lrcore.

    No part of PYTHONPATH may be empty: that would be the working directory. Its lines are not
    counted: after an interrupt in a lock of its own, coverage.py waits for ever.
    """
    path = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    inherited = {k: v for k, v in os.environ.items() if k != "COVERAGE_PROCESS_START"}
    return {**inherited, "PYTHONPATH": os.pathsep.join(path), **more}


def run_python(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    """What a process of this code comes to, with more in its environment."""
    return subprocess.run(
        [*PYTHON, "-c", code],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
