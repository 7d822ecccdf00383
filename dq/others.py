"""Data sets to compare with, opened when a check first needs them and kept for the next partition."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING

from dq.errors import HoldError
from dq.ir.data import DataFile, Reading
from dq.ir.other import Referenced
from dq.opening import TextParser, open_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq.engines.base import Dataset
    from dq.ir.check import Suite
    from dq.ir.limits import Budget

_STEP = "see to it that it can be read, then run the gate again"


class Others:
    """Opened, each is Parquet: text is parsed once, into a private folder. `locations` are what has to be readable."""

    def __init__(self, referenced: Sequence[Referenced], budget: Budget) -> None:
        self._referenced = {r.name: r for r in referenced}
        self._budget = budget
        self._kept = ExitStack()
        self._opened: dict[str, Dataset | Referenced] = {}
        self.locations = [f.location for r in referenced for f in r.files]
        if self.locations:
            folder = tempfile.TemporaryDirectory(prefix="dq-others-", dir=budget.temp)
            self._folder = self._kept.enter_context(folder)
            self.locations.append(self._folder)

    def join(self, dataset: Dataset, suite: Suite) -> Dataset:
        """The dataset with those beside it that the suite's checks compare with."""
        if not dataset.readable or not self._referenced:
            return dataset
        wanted = frozenset().union(*(c.metric.references() for c in suite.checks))
        for name in sorted(wanted & self._referenced.keys()):
            found = self._open(self._referenced[name])
            if isinstance(found, Referenced):
                dataset.lacking += (found,)
            else:
                dataset.others[name] = found
                dataset.referenced += (self._referenced[name],)
        return dataset

    def _open(self, one: Referenced) -> Dataset | Referenced:
        if one.name not in self._opened:
            self._opened[one.name] = one if one.fault else self._read(one)
        return self._opened[one.name]

    def _read(self, one: Referenced) -> Dataset | Referenced:
        """Faults of what is compared with are no faults of the data that is judged."""
        try:
            dataset = self._parquet(one)
        except HoldError as error:
            return replace(one, fault=f'"{one.name}" ({one.place}) cannot be read: {error}', step=_STEP)
        if dataset.findings or not dataset.readable:
            told = "; ".join(f.said for f in dataset.findings[:3]) or "no data"
            return replace(one, fault=f'"{one.name}" ({one.place}) cannot be read: {told}', step=_STEP)
        self._kept.callback(dataset.close)
        return dataset

    def _parquet(self, one: Referenced) -> Dataset:
        from dq.engines.duckdb.stored import write_parquet

        with closing(TextParser(self.locations, self._budget)) as parser:
            opened = open_files(one.files, one.reading, self._budget, parser)
            if not opened.table or opened.findings:
                return opened
            path = os.path.join(self._folder, f"{len(self._opened)}.parquet")
            write_parquet(opened, path)
            opened.close()
        kept = DataFile(one.files[0].path, os.path.getsize(path), path)
        return open_files((kept,), Reading(format="parquet"), self._budget)

    def close(self) -> None:
        self._kept.close()
