"""`python -m tests.bench.near [ROWS ...]`: near duplicates in two splits, the second of a tenth of the rows; prints the
table of tests/bench/PRETRAIN.md.

A row is a text of 40 words and a number, and one in fifty says nearly the same as another; or it is a row of
`data.splits`, of which none does.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb

from tests.bench import data, tree

ROWS = (100_000, 300_000, 1_000_000)
MEMORY_BYTES = 3_000_000_000
RUN = f"""
import os, sys
import dq
from dq.config import Limits
limits = Limits(memory_bytes={MEMORY_BYTES})
found = dq.pretrain(sys.argv[1], test=sys.argv[2], label="y", also="near_duplicates", limits=limits)
print(next(c["rows"] for c in found.checks if c["check"] == "near_duplicates"), sum(os.times()[:4]))
"""


def texts(rows: int) -> tuple[Path, Path]:
    """Of each 50 rows the 8th has the words of an earlier row of train, but for one."""
    found = []
    for name, low, high in (("train", 0, rows), ("test", 1_000_000_000, 1_000_000_000 + rows // 10)):
        path = data.FOLDER / f"texts-{name}-{rows}.parquet"
        if not path.exists():
            data.FOLDER.mkdir(exist_ok=True)
            own, twin = (
                " || ' ' || ".join(f"'w' || (hash({n} * 41 + {k}) % 5000)" if k != 20 else one for k in range(40))
                for n, one in (("i", "'w' || (hash(i * 41 + 20) % 5000)"), ("(i % 1000000000 // 50)", "'x' || i"))
            )
            query = f"SELECT CASE WHEN i % 50 = 7 THEN {twin} ELSE {own} END AS text, (hash(i) % 100)::INTEGER AS a, "
            query += f"(hash(i + 3) % 2)::INTEGER AS y FROM range({low}, {high}) t(i)"
            duckdb.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
        found.append(path)
    return found[0], found[1]


def measured(what: str, rows: int) -> str:
    """A row of the table."""
    splits = texts(rows) if what == "texts" else data.splits(rows)
    command = [sys.executable, "-c", RUN, *map(str, splits)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        with tree.peak(process.pid) as most:
            told = process.stdout.read().split()
    if process.returncode:
        return f"| {what} | {rows:,} | ended with {process.returncode} | | |"
    return f"| {what} | {rows:,} | {int(told[0]):,} | {float(told[1]):.1f} | {most[0] / 1e9:.2f} |"


if __name__ == "__main__":
    print("| rows of | rows of train | found | CPU seconds | peak GB |\n| --- | --- | --- | --- | --- |")
    for rows in map(int, sys.argv[1:] or ROWS):
        for what in ("texts", "52 columns"):
            print(measured(what, rows), flush=True)
