"""What the README says, held against the library."""

import re

import pytest
from places import ROOT

import lrcore as lrc
from lrcore.controllers.catalogue import CONTROLLERS
from lrcore.optimizers.catalogue import OPTIMIZERS
from lrcore.schedules.catalogue import SCHEDULES

README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    ("header", "names"),
    [("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("controller", CONTROLLERS)],
    ids=lambda x: str(x)[:9],
)
def test_the_table_lists_what_the_library_has(header, names):
    table = README.split(f"| {header} |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(names)


def test_every_listed_name_is_exported():
    for name in [*OPTIMIZERS, *SCHEDULES, *CONTROLLERS]:
        assert hasattr(lrc, name)


def test_the_example_runs():
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(compile(block, "README.md", "exec"), {})
