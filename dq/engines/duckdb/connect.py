"""The one way to a DuckDB connection: locked to the files it was made for, in UTC, without extensions from outside."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import duckdb

from dq.engines.ranged import GAP_BYTES
from dq.ir.ranged import is_ranged

if TYPE_CHECKING:
    from collections.abc import Iterable


def connect(
    locations: Iterable[str] = (), *, threads: int | None = None, memory_bytes: int | None = None, temp: str,
    temp_bytes: int | None = None,
) -> duckdb.DuckDBPyConnection:  # fmt: skip
    """An in-memory database that may read `locations` (files, or directories with all below them), and nothing else.

    What is read in ranges is allowed by its name. `temp` is a private directory of the caller: it is allowed too, and
    tables spill below it. DuckDB follows symbolic links before it compares, so a link leads nowhere that is not
    allowed. Nothing of this can be changed afterwards.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoload_known_extensions": False,
        "autoinstall_known_extensions": False,
        "allow_community_extensions": False,
        "allow_persistent_secrets": False,
        "python_enable_replacements": False,
        "temp_directory": os.path.join(temp, "spill"),
    }
    if threads is not None:
        config["threads"] = threads
    if memory_bytes is not None:
        config["memory_limit"] = f"{memory_bytes}B"
    if temp_bytes is not None:
        config["max_temp_directory_size"] = f"{temp_bytes}B"
    elsewhere, here = set[str](), set[str]()
    for location in locations:
        (elsewhere if is_ranged(location) else here).add(location)
    places = {os.path.realpath(location) for location in here}
    folders = sorted(p for p in places if os.path.isdir(p))
    connection = duckdb.connect(":memory:", config=config)
    if elsewhere:
        from dq.engines.duckdb.remote import Remote

        connection.register_filesystem(Remote())
        connection.execute(f"SET parquet_prefetch_column_gap = {GAP_BYTES}")  # by itself it reads megabytes between
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")  # which is on where no main file is: in notebooks, in workers
    connection.execute(f"SET allowed_directories = {literals([os.path.realpath(temp), *folders])}")
    connection.execute(f"SET allowed_paths = {literals(sorted(elsewhere | places.difference(folders)))}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Iterable[str]) -> str:
    return "[" + ", ".join(map(literal, texts)) + "]"


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
