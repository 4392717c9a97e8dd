"""Where things of the repository are, wherever the file stands that asks."""

from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
DATA = TESTS / "data"
DOCS = ROOT / "docs"
SOURCE = ROOT / "src"
SUPPORT = TESTS / "support"
