"""What this build is."""

from __future__ import annotations

from ._core import COMPILER, ISA, ISAS, VERSION
from .threads import get_num_threads

__version__ = VERSION


def build_info() -> dict[str, object]:
    """Version, compiler, instruction set in use, those usable here, and threads of a step."""
    return {
        "version": __version__,
        "compiler": COMPILER,
        "isa": ISA,
        "isas": ISAS,
        "num_threads": get_num_threads(),
    }
