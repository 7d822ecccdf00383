"""What a store is: one zone, addressed by relative POSIX paths. No path leaves the zone, no symlink is followed.

Writers make a thing visible in one step: `put_if_absent` for records, `commit` for staged data. Everything else may be
half done when the power fails, and is done again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular file. `signature` changes when anybody touches it; `modified` is seconds since 1970."""

    path: str
    bytes: int
    signature: str
    modified: float


class Store(Protocol):
    """Raises StoreError where the zone does not answer; PublishUnknown where a commit may have happened."""

    url: str

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Regular files below the prefix, sorted by path; nothing when it is absent."""
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

    def copy_in(self, location: str, path: str) -> str:
        """Copy a file into the zone, durably; SHA-256 of what was copied. Replaces an earlier attempt."""
        ...

    def commit(self, staged: str, target: str, superseded: str) -> None:
        """Make a staged file or folder visible as `target` in one step; what stood there moves to `superseded`."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file or folder; nothing when absent."""
        ...

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Held by one process at a time: for efficiency, never for safety."""
        ...
