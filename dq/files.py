"""Files as files: when they were written last, and what they hold by any digest."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dq.errors import StoreError, said_by_system
from dq.ir.metric import FileFacts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dq.ir.data import DataFile


def facts_of(files: Iterable[DataFile], algorithms: Iterable[str]) -> tuple[FileFacts, ...]:
    """Raises StoreError where a file does not open."""
    wanted = sorted(algorithms)
    try:
        return tuple(_facts(f, wanted) for f in files)
    except OSError as error:
        raise StoreError(said_by_system(error)) from None


def _facts(file: DataFile, algorithms: list[str]) -> FileFacts:
    seconds = os.stat(file.location).st_mtime if file.modified is None else file.modified
    digests = tuple((name, _digest(file.location, name)) for name in algorithms)
    return FileFacts(file.path, file.bytes, datetime.fromtimestamp(seconds, UTC), digests)


def _digest(path: str, algorithm: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
