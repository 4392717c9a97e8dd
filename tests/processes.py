"""What other processes of the tests need."""

import os
from pathlib import Path


def environment(**more):
    """The environment of a process that finds the modules of the tests, and the same lrcore.

    No part of PYTHONPATH may be empty: that would be the working directory.
    """
    path = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), **more}
