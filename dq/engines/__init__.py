"""Engines by name, loaded when asked for: no third-party library is imported before."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dq.errors import UsageError, nearest

if TYPE_CHECKING:
    from dq.engines.base import Engine

ENGINES: dict[str, str] = {
    "duckdb": "dq.engines.duckdb.engine:DuckDB",
    "polars": "dq.engines.polars:Polars",
    "reference": "dq.engines.reference:Reference",
}


def engine(name: str, **limits: Any) -> Engine:
    """A new engine. `limits` (threads, memory_bytes, temp) reach the one that has such: DuckDB. Polars takes its
    threads from the environment, once in a process, and is asked only for what fits into memory.

    Raises UsageError for a name that is none.
    """
    if name not in ENGINES:
        raise UsageError(f'no engine "{name}"{nearest(name, ENGINES)}; engines are {", ".join(ENGINES)}')
    if limits.get("threads"):
        os.environ.setdefault("POLARS_MAX_THREADS", str(limits["threads"]))
    module, attribute = ENGINES[name].split(":")
    made: Engine = getattr(import_module(module), attribute)(**(limits if name == "duckdb" else {}))
    return made
