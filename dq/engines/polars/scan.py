"""Parquet as a Polars frame for people: columns under their canonical names, nothing hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dq.engines.polars.source import dtype

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dq.engines.base import ParquetPart


def scan(parts: Iterable[ParquetPart]) -> pl.LazyFrame:
    """Scanned where they lie."""
    return pl.concat([_part(part) for part in parts], how="diagonal_relaxed")


def _part(part: ParquetPart) -> pl.LazyFrame:
    frame = pl.scan_parquet([f.location for f in part.files], glob=False, hive_partitioning=False)
    columns = [
        pl.lit(None, dtype(kind)).alias(name) if landed is None else pl.nth(_at(frame, landed)).alias(name)
        for name, landed, kind in part.columns
    ]
    return frame.select(columns)


def _at(frame: pl.LazyFrame, name: str) -> int:
    """By place: Polars takes some names for patterns."""
    return frame.collect_schema().names().index(name)
