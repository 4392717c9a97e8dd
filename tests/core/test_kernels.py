"""The loops as the compiler leaves them: vectorised on every instruction set, nothing else visible.

Compiles kernels.c with the flags of CMakeLists.txt, so it needs a compiler and binutils.
"""

import platform
import re
import shutil
import subprocess

import pytest
from places import ROOT, SOURCE

from lrcore._core import RULES

CMAKE = (ROOT / "CMakeLists.txt").read_text()
CC = shutil.which("gcc") or shutil.which("cc")
REGISTERS = {"baseline": "xmm", "avx2": "ymm", "avx512": "zmm"}

pytestmark = [
    pytest.mark.skipif(
        not (CC and shutil.which("objdump") and shutil.which("nm")),
        reason="needs a C compiler and binutils",
    ),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="reads x86-64 assembly"),
]


def _flags(pattern):
    (found,) = re.findall(pattern, CMAKE)
    return found.split()


def isa_rows():
    """Name and flags of each instruction set, as CMakeLists.txt lists them for x86-64."""
    rows = re.findall(r"lrc_isa\((\w+)\s+(-[^)]*)\)", CMAKE)
    return {name: flags.split() for name, flags in rows}


@pytest.fixture(scope="module", params=isa_rows())
def compiled(request, tmp_path_factory):
    """An instruction set and the object made for it."""
    name = request.param
    path = tmp_path_factory.mktemp("kernels") / f"{name}.o"
    flags = [
        *_flags(r"add_compile_options\(([^)]*)\)"),
        *_flags(r"set\(kernel_options ([^)]*)\)"),
        *isa_rows()[name],
        f"-DLRC_TABLE=lrc_kernels_{name}",
        f"-I{SOURCE / 'rules'}",
    ]
    subprocess.run(
        [CC, "-std=c11", "-O3", "-fPIC", *flags, "-c", SOURCE / "kernels/kernels.c", "-o", path],
        check=True,
    )
    return name, path


@pytest.fixture(scope="module")
def assembly(compiled):
    """The instructions of each function."""
    name, path = compiled
    text = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", str(path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    parts = re.split(r"^[0-9a-f]+ <([\w.]+)>:$", text, flags=re.MULTILINE)
    return name, dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_cmake_rows_are_the_instruction_sets_known_here():
    assert set(isa_rows()) == set(REGISTERS)


def test_every_rule_is_vectorised_to_the_full_width(assembly):
    isa, functions = assembly
    for rule in RULES:
        for suffix, letter in (("f32", "s"), ("f64", "d")):
            code = functions[f"{rule}_{suffix}"]
            width = REGISTERS[isa]
            assert re.search(rf"v?mulp{letter} .*%{width}", code), f"{rule}_{suffix} on {isa}"
            for slow in ("div", "sqrt"):
                if re.search(rf"v?{slow}s{letter} ", code):  # the rest of the loop
                    packed = rf"v?{slow}p{letter} .*%{width}"
                    assert re.search(packed, code), f"{slow} in {rule}_{suffix} on {isa}"
            assert "call" not in code, f"{rule}_{suffix} on {isa} calls a function"


def test_no_loop_fuses_a_multiplication_with_an_addition(assembly):
    _, functions = assembly
    for function, code in functions.items():
        assert not re.search(r"vfn?m(add|sub)", code), function


def test_an_object_shows_its_table_and_nothing_else(compiled):
    isa, path = compiled
    listed = subprocess.run(
        ["nm", "--extern-only", "--defined-only", str(path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert [line.split()[-1] for line in listed.splitlines()] == [f"lrc_kernels_{isa}"]


WIDE = """
SCALARS(wide, HYPER(lr, h1, h2, h3, h4, h5, h6, h7, h8, h9), CARRIED(k0, k1), STARTS(1, 0),
       FOLDED(c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12))
RULE(wide, wide, STATE(s0, s1, s2, s3, s4))
SUMS(wide, MEASURED(x0, x1, x2, x3, x4, x5, x6, x7, x8), KEPT(y0, y1, y2), STARTS(0, 0, 1),
     PER_ARRAY)
"""
SIZES = """
#include "job.h"
#include <stdio.h>
int main(void)
{
    printf("%d %d %d %d %d", LRC_MAX_SCALARS, LRC_MAX_STATES, LRC_MAX_SUMS, LRC_MAX_KEPT,
           (sizeof(lrc_folded) / sizeof(double) >= 13) + (sizeof(((lrc_recipe *)0)->hyper) >= 80) +
               (sizeof(((lrc_tensor *)0)->array) >= 7 * sizeof(void *)));
}
"""


def test_a_row_wider_than_all_others_finds_room(tmp_path):
    source = tmp_path / "src"
    shutil.copytree(SOURCE, source)
    with (source / "rules/adam.def").open("a") as rules:
        rules.write(WIDE)
    (source / "step/sizes.c").write_text(SIZES)
    floors = [f"-I{source / floor}" for floor in ("rules", "kernels", "tensors")]
    command = [CC, "-std=c11", "-Wall", "-Werror", *floors, source / "step/sizes.c"]
    subprocess.run([*command, "-o", tmp_path / "sizes"], check=True)
    done = subprocess.run([tmp_path / "sizes"], capture_output=True, text=True, check=True)
    assert done.stdout == "13 5 9 3 3"


@pytest.mark.parametrize(
    ("right", "wrong"), [("STARTS(1, 0)", "STARTS(1)"), ("STARTS(0, 0, 1)", "STARTS(0, 0, 1, 1)")]
)
def test_a_row_without_a_start_for_each_scalar_does_not_compile(tmp_path, right, wrong):
    floors = [f"-I{tmp_path / floor}" for floor in ("rules", "kernels")]
    command = [CC, "-std=c11", "-fsyntax-only", *floors, tmp_path / "api/names.c"]
    shutil.copytree(SOURCE, tmp_path, dirs_exist_ok=True)
    family = tmp_path / "rules/adam.def"
    rows = family.read_text() + WIDE
    family.write_text(rows)
    subprocess.run(command, check=True)
    family.write_text(rows.replace(right, wrong))
    done = subprocess.run(command, capture_output=True, text=True)
    assert "one for each scalar" in done.stderr
