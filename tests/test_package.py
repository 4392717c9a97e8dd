"""The package as it is installed: what it holds, what it needs, and what loading it does."""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import numpy as np
import pytest

import lrcore as lrc
from lrcore import _core

PACKAGE = Path(lrc.__file__).parent
SOURCE = Path(__file__).parent.parent / "src"
EXTENSION = _core.__file__


def test_no_process_of_the_tests_takes_the_sources_for_the_package():
    """Where the sources are the working directory, only -P finds what was installed."""
    tests = Path(__file__).parent.rglob("*.py")
    named = {path.stem for path in tests if "sys.executable" in path.read_text()}
    assert named == {"processes", "test_package", "test_lessons"}


def run(code, *flags, cwd, **environment):
    """Runs `code` in a fresh interpreter that does not look for modules in its directory."""
    return subprocess.run(
        [sys.executable, *(flags or ["-P"]), "-c", code],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def output_of(tool, *arguments):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    return subprocess.run([tool, *arguments], capture_output=True, text=True, check=True).stdout


def test_import_needs_numpy_alone(tmp_path):
    code = """if True:
        import sys
        before = set(sys.modules)
        import lrcore
        print(*{name.partition(".")[0] for name in set(sys.modules) - before})
    """
    done = run(code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split()) - set(sys.stdlib_module_names)
    cython = {name for name in loaded if re.fullmatch(r"cython_runtime|_cython_[\d_]+", name)}
    assert loaded - cython == {"numpy", "lrcore"}


def test_the_source_tree_without_the_compiled_part_says_what_to_do(tmp_path):
    (tmp_path / "lrcore").mkdir()
    for file in PACKAGE.glob("*.py"):
        shutil.copy(file, tmp_path / "lrcore")
    done = run("import lrcore", "-S", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "ImportError: lrcore's compiled part is missing" in done.stderr
    assert "pip install -e ." in done.stderr


def test_an_unknown_instruction_set_is_refused_with_those_that_are_usable(tmp_path):
    done = run("import lrcore", cwd=tmp_path, LRCORE_ISA="abacus")
    assert done.returncode == 1
    usable = ", ".join(lrc.build_info()["isas"])
    assert f"LRCORE_ISA=abacus: this machine runs {usable}" in done.stderr


@pytest.mark.parametrize("isa", [*lrc.build_info()["isas"], ""])
def test_the_instruction_set_that_is_asked_for_is_used(tmp_path, isa):
    code = "import json, lrcore; print(json.dumps(lrcore.build_info()))"
    done = run(code, cwd=tmp_path, LRCORE_ISA=isa)
    info = json.loads(done.stdout)
    assert info["isa"] == (isa or info["isas"][-1])


def test_build_info_has_the_keys_that_are_documented():
    assert list(lrc.build_info()) == ["version", "compiler", "isa", "isas", "num_threads"]


def test_the_version_is_that_of_the_installed_package():
    assert lrc.__version__ == importlib.metadata.version("lrcore")


def test_the_version_is_that_of_pyproject_toml():
    if not (file := SOURCE.parent / "pyproject.toml").is_file():
        pytest.skip("there is no source beside the tests")
    assert lrc.__version__ == tomllib.loads(file.read_text())["project"]["version"]


def keeps_denormals():
    tiny = np.finfo(np.float32).tiny
    denormal = np.full(64, tiny) / np.float32(4)
    return bool((denormal > 0).all() and (denormal * np.float32(4) == tiny).all())


def test_denormal_numbers_stay_what_they_are_in_every_thread():
    lrc.Adam(np.ones(64, np.float32)).step(np.ones(64, np.float32))
    found = [keeps_denormals()]
    thread = threading.Thread(target=lambda: found.append(keeps_denormals()))
    thread.start()
    thread.join()
    assert found == [True, True]


def test_the_extension_shows_its_module_and_the_number_of_threads_alone():
    symbols = {
        line.split()[-1] for line in output_of("nm", "-D", "--defined-only", EXTENSION).splitlines()
    }
    assert symbols - {"_init", "_fini"} == {
        "PyInit__core",
        "lrc_get_num_threads",
        "lrc_set_num_threads",
    }


# A second visible function compiled for AVX may be the copy that the linker keeps for all.
def test_an_object_for_one_instruction_set_shows_its_table_alone(tmp_path):
    if not SOURCE.is_dir():
        pytest.skip("there is no source beside the tests")
    flags = ["-std=c11", "-O2", "-fno-math-errno", "-fopenmp-simd", "-DLRC_TABLE=the_table"]
    flags.append(f"-I{SOURCE / 'rules'}")
    output = str(tmp_path / "kernels.o")
    output_of("cc", *flags, "-c", str(SOURCE / "kernels/kernels.c"), "-o", output)
    shown = output_of("nm", "-g", "--defined-only", output).splitlines()
    assert [line.split()[-1].lstrip("_") for line in shown] == ["the_table"]


def test_no_instruction_multiplies_and_adds_at_once():
    listing = output_of("objdump", "-d", EXTENSION)
    assert "ret" in listing
    assert not re.findall(r"\b(?:vfn?m(?:add|sub)\w*|fn?m(?:add|sub|la|ls))\b", listing)


def test_nothing_is_installed_but_modules_types_and_the_extension():
    distribution = importlib.metadata.distribution("lrcore")
    if '"editable": true' in (distribution.read_text("direct_url.json") or ""):
        pytest.skip("an editable install holds no files")
    assert distribution.files is not None
    names = {str(file) for file in distribution.files if file.suffix != ".pyc"}
    known = r"lrcore/(?:\w+/)*\w+\.pyi?|lrcore/py\.typed|lrcore/_core\.[\w.-]+\.(?:so|pyd)"
    rest = {name for name in names if not re.fullmatch(known, name)}
    info = f"lrcore-{lrc.__version__}.dist-info/"
    assert {name for name in rest if not name.startswith(info)} <= {"../../../bin/lrcore"}
    assert {"lrcore/py.typed", "lrcore/_core.pyi", "lrcore/__init__.py"} <= names
    assert f"lrcore/{Path(EXTENSION).name}" in names
