"""System calls of a gate, as strace tells them, and the order they must come in for a power cut to lose nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)")
_PATH = re.compile(r'"((?:[^"\\]|\\.)*)"|\d+<([^>]*)>')


@dataclass(frozen=True)
class Event:
    """A call that succeeded. Of two paths the second is the new name."""

    call: str
    paths: tuple[str, ...]
    exchange: bool = False
    writes: bool = False


def parse(lines: Iterable[str], below: str) -> list[Event]:
    """Calls about paths below a folder, in order; from the output of `strace -y`."""
    found = []
    for line in lines:
        match = _CALL.match(line)
        if match is None or match[3].startswith("-"):
            continue
        paths = tuple(a or b for a, b in _PATH.findall(match[2]) if (a or b).startswith(below))
        if paths:
            found.append(Event(match[1], paths, "RENAME_EXCHANGE" in line, "O_WRONLY" in line or "O_RDWR" in line))
    return found


def parent(path: str) -> str:
    return path.rpartition("/")[0]


class Disk:
    """What would be left after a power cut: contents and names that were not fsynced are not."""

    def __init__(self) -> None:
        self.contents: set[str] = set()  # files written and not fsynced
        self.names: set[str] = set()  # names made and not fsynced in their folder

    def run(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yields each rename and link with the disk as it is just before it."""
        for event in events:
            path = event.paths[-1]
            if event.call in ("write", "pwrite64", "copy_file_range", "sendfile"):
                self.contents.add(path)
            elif event.call in ("fsync", "fdatasync"):
                self.contents.discard(path)
                self.names = {n for n in self.names if parent(n) != path}
            elif event.call in ("mkdir", "mkdirat") or (event.call in ("open", "openat", "creat") and event.writes):
                self.names.add(path)
            elif event.call in ("unlink", "unlinkat", "rmdir"):
                self.names.discard(path)
                self.contents.discard(path)
            elif event.call.startswith(("rename", "link")):
                yield event
                self._rename(event)

    def _rename(self, event: Event) -> None:
        old, new = event.paths
        if event.call.startswith("rename"):
            self.names = {_moved(n, old, new) for n in self.names} - {old}
            self.contents = {_moved(n, old, new) for n in self.contents}
        self.names |= {new, old} if event.exchange else {new}

    def unsafe(self, path: str) -> set[str]:
        """What a power cut would take of a file or folder: contents, and names below it."""
        below = f"{path}/"
        return {c for c in self.contents if c == path or c.startswith(below)} | {
            n for n in self.names if n.startswith(below)
        }


def _moved(path: str, old: str, new: str) -> str:
    return new + path.removeprefix(old) if path == old or path.startswith(f"{old}/") else path
