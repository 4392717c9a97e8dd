"""The floors of src/: each finds the headers of those that it stands on, and no others.

Reads the table of floors in CMakeLists.txt, and what CMake makes of it where there is one.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT, SOURCE
from rooms import drawn

CC = shutil.which("gcc") or shutil.which("cc")
INCLUDE = re.compile(r'^ *# *include +"([^"]*)"|cdef extern from "([^"]*)"', re.M)

pytestmark = pytest.mark.skipif(not SOURCE.is_dir(), reason="no source beside the tests")


def floors():
    """The floors that each stands on, as CMakeLists.txt lists them from the ground up."""
    text = (ROOT / "CMakeLists.txt").read_text() if SOURCE.is_dir() else ""
    found = {}
    for name, row in re.findall(r"^lrc_floor\((\w+)([^)]*)\)", text, re.M):
        _, _, on = row.partition(" ON ")
        found[name] = set(on.split())
        for below in on.split():
            found[name] |= found[below]
    return found


FLOORS = floors()
HEADERS = {path.name: path.parent.name for path in sorted(SOURCE.glob("*/*.h"))}


def includes():
    """Each file of src/ with a file of ours that it includes."""
    ours = {path.name for path in SOURCE.glob("*/*")}
    for path in sorted(SOURCE.glob("*/*")):
        for found in INCLUDE.findall(path.read_text()):
            name = "".join(found)
            if "/" in name or name in ours:
                yield path, name


def test_every_folder_is_a_floor():
    assert {path.name for path in SOURCE.iterdir() if path.is_dir()} == set(FLOORS)
    assert [path.name for path in SOURCE.iterdir() if path.is_file()] == []


def test_the_floors_are_drawn_as_they_are_built():
    assert drawn("floors") == FLOORS


def test_no_two_headers_have_the_same_name():
    assert len(HEADERS) == len(list(SOURCE.glob("*/*.h")))


def test_no_include_names_a_path():
    assert [(path.name, name) for path, name in includes() if "/" in name] == []


def test_every_include_stays_on_its_floor_or_goes_down():
    lists = {path.name: path.parent.name for path in SOURCE.glob("*/*.def")}
    at = HEADERS | lists
    wrong = [
        (path.name, name)
        for path, name in includes()
        if at[name] not in {path.parent.name, *FLOORS[path.parent.name]}
    ]
    assert wrong == []


def test_the_core_imports_numpy_and_the_ground_alone():
    text = "".join(path.read_text() for path in (SOURCE / "python").glob("*.p*"))
    assert set(re.findall(r"^ *import ([\w.]+)", text, re.M)) == {"numpy", "os"}
    assert set(re.findall(r"^ *from (\.\S*) c?import", text, re.M)) == {".checks"}


def found_from(source, floor, header):
    """Whether a file on that floor can include the header, with the include path of the floor."""
    probe = source / floor / "probe.c"
    probe.write_text(f'#include "{header}"\n')
    path = [f"-I{source / below}" for below in FLOORS[floor]]
    done = subprocess.run([CC, "-E", *path, probe], capture_output=True, text=True)
    if done.returncode:
        assert f"{header}: No such file" in done.stderr or f"'{header}' file not" in done.stderr
    return done.returncode == 0


@pytest.mark.skipif(CC is None, reason="needs a C compiler")
@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_finds_the_headers_below_it_and_no_others(floor, tmp_path):
    source = shutil.copytree(SOURCE, tmp_path / "src")
    for header, owner in HEADERS.items():
        (source / owner / header).write_text("")  # what it includes in turn is its own affair
    for header, owner in HEADERS.items():
        below = owner == floor or owner in FLOORS[floor]
        assert found_from(source, floor, header) == below, f"{header} from {floor}"


@pytest.mark.skipif(not (shutil.which("cmake") and shutil.which("ninja")), reason="needs CMake")
def test_cmake_gives_each_file_the_include_path_of_its_floor(tmp_path):
    options = ["-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", f"-DPython_ROOT_DIR={sys.prefix}"]
    options += ["-DSKBUILD_PROJECT_NAME=lrcore", "-DSKBUILD_PROJECT_VERSION=0"]
    command = ["cmake", "-G", "Ninja", "-S", ROOT, "-B", tmp_path, *options]
    subprocess.run(command, check=True, capture_output=True)
    for entry in json.loads((tmp_path / "compile_commands.json").read_text()):
        found = re.findall(r"(?:-I|-isystem )(\S+)", entry["command"])
        ours = {Path(path).name for path in found if SOURCE in Path(path).parents}
        assert SOURCE not in map(Path, found)
        if SOURCE in Path(entry["file"]).parents:
            floor = Path(entry["file"]).parent.name
            assert ours == FLOORS[floor], entry["file"]
