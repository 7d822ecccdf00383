"""Marks in history of what somebody said has changed and nobody has settled: any worker looks there again soon. They
only make it quick: what a lost one leaves out, the next look at everything finds."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING
from urllib.parse import unquote
from uuid import uuid4

from dq.ir.layout import file_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dq.stores.base import Store

_FOLDER = "dirty"


class Dirty:
    """In the zone of history. Each mark has a name of its own: who clears those that he saw before he looked leaves the
    ones that came meanwhile."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, source: str, partition: str = "") -> None:
        """Durable when it returns; without a partition the whole source is meant."""
        folder = "/".join(map(file_path, (source, *([partition] if partition else ()))))
        self._store.put_if_absent(f"{_FOLDER}/{folder}/{uuid4().hex}", b"")

    def marks(self) -> dict[str, dict[str, list[str]]]:
        """Paths of all marks, by source and partition."""
        found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for entry in self._store.list(_FOLDER):
            _, source, *partition, _ = (unquote(p) for p in entry.path.split("/"))
            found[source]["/".join(partition)].append(entry.path)
        return found

    def clear(self, marks: Mapping[str, Iterable[str]], but: Iterable[str]) -> None:
        """Of one source, all but those on partitions that are still open."""
        kept = set(but)
        for partition, paths in marks.items():
            for path in paths if partition not in kept else ():
                self._store.remove(path)
