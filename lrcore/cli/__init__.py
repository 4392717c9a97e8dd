"""The command line: `lrcore.cli:main`."""

from .commands import main as main
