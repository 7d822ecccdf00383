"""Engines by name, loaded when asked for: no third-party library is imported before."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dq.errors import UsageError, nearest

if TYPE_CHECKING:
    from dq.engines.base import Engine, Parted
    from dq.ir.data import DataFile
    from dq.ir.positions import FileSplit

ENGINES: dict[str, str] = {
    "duckdb": "dq.engines.duckdb.engine:DuckDB",
    "polars": "dq.engines.polars:Polars",
    "reference": "dq.engines.reference:Reference",
}

TOOLS = {"gx": "dq.engines.gx:GreatExpectations"}  # other tools, for what only they can judge

PARTING = {"parquet": "dq.engines.parquet.rewrite:part", "text": "dq.engines.duckdb.lines:part"}


def engine(name: str, **limits: Any) -> Engine:
    """A new engine. `limits` (threads, memory_bytes, temp, temp_bytes, deadline_seconds) reach those that have such:
    DuckDB and the tools. Polars takes its threads from the environment, once in a process, and is asked only for
    what fits into memory.

    Raises UsageError for a name that is none.
    """
    if name not in {**ENGINES, **TOOLS}:
        raise UsageError(f'no engine "{name}"{nearest(name, ENGINES)}; engines are {", ".join(ENGINES)}')
    if limits.get("threads"):
        os.environ.setdefault("POLARS_MAX_THREADS", str(limits["threads"]))
    deadline = limits.pop("deadline_seconds", None)
    module, attribute = {**ENGINES, **TOOLS}[name].split(":")
    own = limits if name == "duckdb" else {**limits, "deadline_seconds": deadline} if name in TOOLS else {}
    made: Engine = getattr(import_module(module), attribute)(**own)
    return made


def part(file: DataFile, split: FileSplit, good: str, bad: str, rules: str) -> Parted:
    """Write the records of a file that are to be withheld to `bad`, the others to `good`. The rules they broke are a
    column of `bad`, or beside lines of text in `rules`.

    Raises Indivisible where they cannot be taken apart, EngineError where they are not what was read.
    """
    module, attribute = PARTING["text" if split.text else "parquet"].split(":")
    parted: Parted = getattr(import_module(module), attribute)(file, split, good, bad, rules)
    return parted
