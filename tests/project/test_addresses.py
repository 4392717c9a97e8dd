"""The addresses that texts name, such as `lrcore.optimizers.options.Common`, lead somewhere."""

import importlib
import inspect
import pkgutil
import re

import pytest
from places import DOCS, ROOT

import lrcore

PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
ADDRESS = re.compile(r"(?<![\w.\"/-])lrcore(?:\.[A-Za-z_]\w*)+(?::\w+)?")
MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(lrcore.__path__, "lrcore.")
    if "torch" not in found.name and not found.name.endswith("__main__")
)
FOREIGN = {"lrcore.StepLR"}  # the example of a name that answers with the way
FILES = (".py", ".npz", ".safetensors", ".json", ".csv", ".svg", ".png", ".pyx")


def addresses(text):
    return {a for a in ADDRESS.findall(text) if not a.endswith(FILES)} - FOREIGN


def leads_somewhere(address):
    """As an import of what can be imported, and attributes from there."""
    found, *rest = re.split("[.:]", address)
    at = importlib.import_module(found)
    for name in rest:
        if not hasattr(at, name):
            try:
                importlib.import_module(f"{at.__name__}.{name}")
            except (ImportError, AttributeError):
                return False
        at = getattr(at, name)
    return True


def docstrings(module):
    """Those of a module, of its classes and functions, and of their methods."""
    owners = [module, *(v for v in vars(module).values() if of(v, module))]
    inner = [v for c in owners if inspect.isclass(c) for v in vars(c).values()]
    return [text for owner in [*owners, *inner] if isinstance(text := owner.__doc__, str)]


def of(value, module):
    return getattr(value, "__module__", None) == module.__name__ and callable(value)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_address_on_a_page_leads_somewhere(page):
    assert [a for a in sorted(addresses(page.read_text())) if not leads_somewhere(a)] == []


@pytest.mark.parametrize("name", ["lrcore", *MODULES])
def test_every_address_in_a_docstring_leads_somewhere(name):
    texts = docstrings(importlib.import_module(name))
    found = set().union(*map(addresses, texts)) if texts else set()
    assert [a for a in sorted(found) if not leads_somewhere(a)] == []


def test_an_address_that_leads_nowhere_is_noticed():
    text = "see `lrcore.base.Common`, lrcore.optimizers.options.Common and lrcore.demo:digits."
    assert [a for a in sorted(addresses(text)) if not leads_somewhere(a)] == ["lrcore.base.Common"]
    assert len(addresses(text)) == 3
