"""A split, read and written where data is read, into a folder of this process."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dq.isolation.folder import private_folder

if TYPE_CHECKING:
    from dq.ir.check import Suite
    from dq.ir.data import Partition
    from dq.ir.positions import Parts, Selection
    from dq.judge import Scanned
    from dq.scanning import Scanning


class Divider:
    """`split.Divider`. A folder below `temp` is made when the first partition is split; it holds the parts of the last
    one, so that what was judged need not be written again to be published."""

    def __init__(self, scanning: Scanning, temp: str | None) -> None:
        self._scanning, self._temp = scanning, temp
        self._kept = ExitStack()
        self._held: tuple[Partition, Selection, Parts] | None = None

    @cached_property
    def _room(self) -> Path:
        room = Path(self._kept.enter_context(private_folder(self._temp))) / "parts"
        room.mkdir()
        self._scanning.admit(str(room))
        return room

    def select(self, partition: Partition, suite: Suite, ids: frozenset[str], most_ratio: float) -> Selection:
        found: Selection = self._scanning.ask("select", partition, suite, ids, most_ratio)
        return found

    def part(self, partition: Partition, selection: Selection) -> Parts:
        if self._held is None or self._held[:2] != (partition, selection):
            self._held = None
            shutil.rmtree(self._room)
            self._room.mkdir()
            parts = self._scanning.ask("part", partition, None, selection, str(self._room))
            self._held = (partition, selection, parts)
        return self._held[2]

    def scan(self, partition: Partition, suite: Suite) -> Scanned:
        return self._scanning.submit(partition, suite).result()

    def close(self) -> None:
        self._kept.close()
