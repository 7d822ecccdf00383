"""A process and all below it, as /proc tells: what they hold and what they have used."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_EVERY_SECONDS = 0.01


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third on; nothing of a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def tree(root: int) -> list[int]:
    """The process and its descendants."""
    found, pending = [], [root]
    while pending:
        pid = pending.pop()
        found.append(pid)
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                pending += map(int, task.read_text().split())
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of all that are alive, and of those they waited for."""
    return sum(sum(map(int, stat[11:15])) for pid in tree(root) if (stat := _stat(pid))) / _TICKS


def resident_bytes(root: int) -> int:
    return sum(int(stat[21]) * _PAGE for pid in tree(root) if (stat := _stat(pid)))


@contextmanager
def peak(root: int) -> Iterator[list[int]]:
    """A list of one number: the most bytes that the tree held at any look, every hundredth of a second."""
    most, ended = [0], threading.Event()

    def look() -> None:
        while not ended.wait(_EVERY_SECONDS):
            most[0] = max(most[0], resident_bytes(root))

    looker = threading.Thread(target=look)
    looker.start()
    try:
        yield most
    finally:
        ended.set()
        looker.join()
