"""Files that are read in ranges, as DuckDB opens them: read-only, by their names alone, nothing kept between reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fsspec import AbstractFileSystem

from dq.engines.ranged import RangedFile, noted
from dq.ir.ranged import SCHEME, size_of

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # what a location names does not change


class Remote(AbstractFileSystem):  # type: ignore[misc]
    protocol = SCHEME.removesuffix("://")
    cachable = False

    def glob(self, path: str, **_: Any) -> list[str]:
        return [path]

    def _told(self, path: str, **_: Any) -> dict[str, Any]:
        return {"name": path, "size": size_of(path), "type": "file"}

    info = _told  # as fsspec calls it

    def modified(self, _: str) -> datetime:
        return _NEVER

    def open(self, path: str, mode: str = "rb", **_: Any) -> RangedFile:
        if mode != "rb":
            raise PermissionError("read only")
        return RangedFile(path, noted)
