"""Partitions of one source, scanned one after the other by engines and a text parser that stay warm."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING

from dq.dividing import Divider
from dq.judge import Asking, Scanned, scan
from dq.opening import Engines, TextParser, open_files
from dq.others import Others

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq.engines.base import Dataset
    from dq.ir.check import Suite
    from dq.ir.data import Partition
    from dq.ir.limits import Budget


class Scanner:
    """In this process. `locations` are the files and folders that text may be read from."""

    def __init__(self, locations: Sequence[str], budget: Budget, asking: Asking) -> None:
        self._budget, self._asking = budget, asking
        self._engines = Engines(asking.engine, budget)
        self._others = Others(asking.referenced, budget)
        self._parser = TextParser([*locations, *self._others.locations], budget)
        self.divider = Divider(locations, budget, asking)

    def open(self, partition: Partition, suite: Suite) -> Dataset:
        reading = replace(suite.reading, keys=partition.values)
        return self._others.join(open_files(partition.files, reading, self._budget, self._parser), suite)

    def scan(self, partition: Partition, suite: Suite) -> Scanned:
        return scan(partition, suite, lambda: self.open(partition, suite), self._asking, self._engines)

    def submit(self, partition: Partition, suite: Suite) -> Future[Scanned]:
        """The scan as something to wait for; here it is done at once."""
        done: Future[Scanned] = Future()
        done.set_result(self.scan(partition, suite))
        return done

    def close(self) -> None:
        self.divider.close()
        self._parser.close()
        self._engines.close()
        self._others.close()
