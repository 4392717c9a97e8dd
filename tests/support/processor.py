"""The control bits of the processor's floating-point unit; imports nothing of the library."""

import ctypes
import ctypes.util
import platform
import sys

# Of each machine: where fegetenv of Linux puts the control bits, which they are (rounding, traps,
# denormals to zero), and the number by which fesetround knows rounding up.
LAYOUTS = {"x86_64": (28, 0xFFC0, 0x800), "aarch64": (0, 0x7FFFFFF, 0x400000)}
KNOWN = sys.platform == "linux" and platform.machine() in LAYOUTS


def libm() -> ctypes.CDLL:
    return ctypes.CDLL(ctypes.util.find_library("m"))


def control_bits() -> int:
    env = (ctypes.c_uint8 * 64)()
    assert libm().fegetenv(env) == 0
    offset, mask, _ = LAYOUTS[platform.machine()]
    return int.from_bytes(bytes(env[offset : offset + 4]), "little") & mask


def round_up() -> int:
    """Makes this thread round up; returns how it rounded before."""
    before = int(libm().fegetround())
    assert libm().fesetround(LAYOUTS[platform.machine()][2]) == 0
    return before
