#!/usr/bin/env bash
# What surprises: `pandas.read_csv(..., sep=None)` takes letters of the header for separators: a log
# with the one column "lr" gets the columns "l" and "Unnamed: 1", one with "loss" three columns.
# Why it matters: `sep=None` is how one reads logs of any kind; a file of one column, losses only, is
# the simplest of them, and is read without an error. `frame["loss"]` then fails, `frame.iloc[:, -1]`
# is all NaN.
# What one expects: "detect the separator": where there is none, one column.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check pandas==3.1.1 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import io

import pandas as pd

print("pandas", pd.__version__)
found = {}
for name in ("lr", "loss", "value"):
    text = f"{name}\n0.5\n0.25\n"
    found[name] = list(pd.read_csv(io.StringIO(text), sep=None, engine="python").columns)
    print(repr(text), "->", found[name])
assert found["lr"] == ["l", "Unnamed: 1"], "the behaviour has changed"
assert found["loss"] == ["lo", "Unnamed: 1", "Unnamed: 2"], "the behaviour has changed"
PROGRAM
