"""What a store is: one zone, addressed by relative POSIX paths. No path leaves the zone, no symlink is followed.

Writers make a thing visible in one step: `put_if_absent` for records, `commit` for a staged folder, `swap` for a
pointer. Everything else may be half done when the power fails, and is done again.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from dq.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

T = TypeVar("T")
R = TypeVar("R")
# How readers find a partition: `flat`, its files lie where its name says; `generations`, a pointer lies there.
Layout = Literal["flat", "generations"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular file. `signature` changes when anybody changes it; `modified` is seconds since 1970; `unreadable` says
    why it cannot be read yet; it is `archived` where `restore` would bring it back. Of what is `tiered` only `stat`
    tells that, and no listing."""

    path: str
    bytes: int
    signature: str
    modified: float
    unreadable: str = ""
    archived: bool = False
    tiered: bool = False


class Store(Protocol):
    """Raises StoreError where the zone does not answer; PublishUnknown where a commit or a swap may have happened."""

    url: str
    renames: bool  # whether `move` takes one step, whatever is moved
    at_once: int  # copies and reads that are best on their way at the same time

    @property
    def layout(self) -> Layout:
        """`flat` where `commit` can exchange two folders in one step; found out once, by trying it in the zone."""
        ...

    def clock(self) -> float:
        """Seconds since 1970, by the clock that says when entries were modified."""
        ...

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Regular files below the prefix, sorted by path; nothing when it is absent. Files that go meanwhile are left
        out."""
        ...

    def irregular(self, prefix: str = "") -> Iterator[str]:
        """What is neither file nor folder (links, pipes, devices) below the prefix: never opened."""
        ...

    def stat(self, path: str) -> Entry | None:
        """The regular file at the path, or None."""
        ...

    def location(self, path: str) -> str:
        """Where an engine opens the file."""
        ...

    def read(self, path: str) -> bytes | None:
        """Content, or None when absent."""
        ...

    def digest(self, path: str) -> str:
        """SHA-256 of the content, hexadecimal."""
        ...

    def exists(self, path: str) -> bool: ...

    def put_if_absent(self, path: str, content: bytes) -> bool:
        """Durable and atomic; False when something stands there already, and then nothing is changed."""
        ...

    def takes(self, location: str) -> bool:
        """Whether `copy_in` copies from there."""
        ...

    def copy_in(self, location: str, path: str, signature: str = "", judged: str = "") -> str:
        """Copy a file into the zone, its content durable; SHA-256 of what was copied. Replaces an earlier attempt.
        Raises SourceChanged where it can tell that the file no longer has the signature. Where the digest that
        was `judged` is no SHA-256 it is returned if the zone vouches that the copy is what it tells of."""
        ...

    def keeps_versions(self) -> bool:
        """Whether a file that is replaced can still be read."""
        ...

    def pin(self, location: str, signature: str) -> str:
        """The location of this very version of a file of the zone, which stays what it is. Raises SourceChanged where
        the file no longer has the signature, StoreError where the zone keeps no versions."""
        ...

    def move(self, staged: str, target: str) -> None:
        """Rename a file or folder with all below it to a name where nothing stands, durably; in one step where the
        zone `renames`."""
        ...

    def commit(self, staged: str, target: str, superseded: str) -> None:
        """Make a staged file or folder visible as `target` in one step, durably. What stood there is at `superseded`
        from that step on; nothing may stand there before."""
        ...

    def swap(self, path: str, content: bytes, expected: bytes | None) -> bool:
        """Write a small file in one step, durably, if it still is as `expected` (None: absent); else False. Of several
        swaps from one state one wins, and no state comes back once it was swapped."""
        ...

    def unfinished(self, prefix: str = "") -> Iterator[Entry]:
        """What was begun to be written below the prefix and is no file yet, though it takes room."""
        ...

    def abandon(self, entry: Entry) -> None:
        """Remove what is `unfinished`."""
        ...

    def restore(self, path: str) -> None:
        """Ask that an archived file be brought back, which takes hours; nothing where that was asked before."""
        ...

    def settle(self, path: str) -> None:
        """Make durable that the file or folder stands there: whoever put it there may have been killed before that."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file or folder; nothing when absent."""
        ...

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Held by one process at a time where the zone has locks: for efficiency, never for safety."""
        ...

    def is_locked(self, name: str) -> bool:
        """Whether somebody holds the lock now, as far as the zone knows."""
        ...


class Folder:
    """What zones have in common that are folders: no versions, no archive, no uploads that are open."""

    url: str

    def keeps_versions(self) -> bool:
        return False

    def pin(self, location: str, signature: str) -> str:
        raise StoreError(f"{self.url} keeps no versions of what lies there")

    def unfinished(self, prefix: str = "") -> Iterator[Entry]:
        yield from ()

    def abandon(self, entry: Entry) -> None:
        raise StoreError(f"{self.url}: {entry.path}: nothing is unfinished here")

    def restore(self, path: str) -> None:
        raise StoreError(f"{self.url}: {path}: nothing is archived here")


def answers(zone: Store, ask: Callable[[T], R], of: Iterable[T]) -> Iterator[R]:
    """In order; as many are asked for at the same time as is best for the zone. What is raised ends the others."""
    if zone.at_once == 1:
        yield from map(ask, of)
        return
    pool = ThreadPoolExecutor(zone.at_once)
    try:
        yield from pool.map(ask, of)
    finally:
        pool.shutdown(cancel_futures=True)


def parts_of(path: str, zone: str) -> tuple[str, ...]:
    """Segments of a path below the zone. Raises StoreError on a path that would leave it."""
    parts = PurePosixPath(path).parts
    if any(p in ("..", "/", "//") or "\0" in p for p in parts):
        raise StoreError(f"path {path!r} leaves the zone {zone}")
    return parts
