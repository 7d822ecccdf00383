"""A data set of paths as a frame: opened in a judge process, since nobody knows what the files are."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq.errors import UsageError
from dq.ir.data import DataFile, Reading
from dq.opening import TextParser, open_files

if TYPE_CHECKING:
    from dq.config import Limits
    from dq.engines.base import Dataset
    from dq.ir.data import Partition
    from dq.ir.limits import Budget


@dataclass(frozen=True, slots=True)
class Request:
    """`kept` is where text is written to as Parquet."""

    files: tuple[DataFile, ...]
    reading: Reading
    kept: str


def scanned(here: Partition, reading: Reading, kept: str, limits: Limits) -> Any:
    """A Polars LazyFrame. Raises UsageError where any of it cannot be read as the contract says."""
    from dq.engines.base import ParquetPart
    from dq.engines.polars.scan import scan
    from dq.isolation.apart import work

    asked, budget = Request(here.files, reading, kept), limits.budget()
    parts = work("dq.pytest_plugin.reading:opened", asked, budget) if limits.isolated else opened(asked, budget)
    return scan(ParquetPart(*part) for part in parts)


def opened(asked: Request, budget: Budget) -> list[tuple[Any, Any]]:
    """The Parquet files that hold the data, each with its columns: fields of `ParquetPart`."""
    parser = TextParser([*(f.location for f in asked.files), asked.kept], budget)
    with closing(parser), closing(open_files(asked.files, asked.reading, budget, parser)) as dataset:
        if dataset.findings or not dataset.readable:
            raise UsageError("; ".join(f.said for f in dataset.findings) or "no data")
        if not dataset.table:
            return _plain(dataset)
        from dq.engines.duckdb.stored import write_parquet

        write_parquet(dataset, asked.kept)
    file = DataFile(os.path.basename(asked.kept), os.path.getsize(asked.kept), asked.kept)
    with closing(open_files((file,), Reading(format="parquet"), budget)) as kept:
        return _plain(kept)


def _plain(dataset: Dataset) -> list[tuple[Any, Any]]:
    return [(part.files, part.columns) for part in dataset.parts]
