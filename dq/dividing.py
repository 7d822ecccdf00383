"""Reading and writing for a split, in this process and on local disk."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dq import engines, split
from dq.errors import EngineError
from dq.isolation.folder import private_folder
from dq.judge import scan
from dq.opening import Engines, TextParser, open_files
from dq.others import Others

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq.engines.base import Dataset
    from dq.ir.check import Suite
    from dq.ir.data import Partition
    from dq.ir.limits import Budget
    from dq.ir.positions import Selection
    from dq.judge import Asking, Scanned


class Divider:
    """`split.Divider`. Engines and a folder are made when the first partition is split; the folder holds the parts of
    the last one, so that what was judged need not be written again to be published."""

    def __init__(self, locations: Sequence[str], budget: Budget, asking: Asking) -> None:
        self._locations, self._budget, self._asking = locations, budget, asking
        self._kept = ExitStack()
        self._held: tuple[Partition, Selection, split.Parts] | None = None

    @cached_property
    def _room(self) -> Path:
        room = Path(self._kept.enter_context(private_folder(self._budget.temp))) / "parts"
        room.mkdir()
        return room

    @cached_property
    def _engines(self) -> Engines:
        return Engines(self._asking.engine, self._budget)

    @cached_property
    def _others(self) -> Others:
        return Others(self._asking.referenced, self._budget)

    @cached_property
    def _parser(self) -> TextParser:
        return TextParser([*self._locations, *self._others.locations, str(self._room)], self._budget)

    def _open(self, partition: Partition, suite: Suite) -> Dataset:
        reading = replace(suite.reading, keys=partition.values)
        return self._others.join(open_files(partition.files, reading, self._budget, self._parser), suite)

    def scan(self, partition: Partition, suite: Suite) -> Scanned:
        return scan(partition, suite, lambda: self._open(partition, suite), self._asking, self._engines)

    def select(self, partition: Partition, suite: Suite, ids: frozenset[str], most_ratio: float) -> Selection:
        with closing(self._open(partition, suite)) as dataset:
            return split.select(suite, dataset, ids, most_ratio, self._asking, self._engines)

    def part(self, partition: Partition, selection: Selection) -> split.Parts:
        if self._held is None or self._held[:2] != (partition, selection):
            shutil.rmtree(self._room)
            self._room.mkdir()
            try:
                self._held = (partition, selection, split.part(partition, selection, self._room, engines.part))
            except OSError as error:
                raise EngineError(f"{partition.key}: parting its files failed ({error.strerror})") from error
        return self._held[2]

    def close(self) -> None:
        made = vars(self)
        for name in ("_parser", "_engines", "_others"):
            if name in made:
                made[name].close()
        self._kept.close()
