#!/usr/bin/env bash
# What surprises: one "nan", as Python and NumPy write it, turns a whole column of a CSV file into text
# in Polars; "NaN" and "inf" leave it a column of floats.
# Why it matters: a run that diverged is the one whose log has a nan. Its losses come back as strings;
# `min` then compares letters, and finds a lowest loss of "10.0" below "9.5".
# What one expects: a column of floats, as pandas and NumPy read it; Polars writes NaN itself, in the
# other spelling, so that no test with its own files shows this.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check polars==2.1.0
cd "$place"
"$place/venv/bin/python" - <<'PROGRAM'
import io

import polars as pl

print("polars", pl.__version__)
types = {}
for word in ("0.5", str(float("nan")), "NaN", str(float("inf"))):
    frame = pl.read_csv(io.StringIO(f"step,loss\n1,9.5\n2,10.0\n3,{word}\n"))
    types[word] = frame["loss"].dtype
    print(f"9.5, 10.0, {word:4}", types[word], "- lowest", repr(frame["loss"].min()))
assert {types[word] for word in ("0.5", "NaN", "inf")} == {pl.Float64}
assert types["nan"] == pl.String and frame["loss"].min() == 9.5, "the behaviour has changed"
PROGRAM
