"""The first rows of every file or frame: quick, the same every time, and at the positions that they have."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from dq.opening import format_of, is_path
from dq.reach import access_of, brought

if TYPE_CHECKING:
    from dq.config import Config
    from dq.ir.data import Partition, Reading


def sample(data: Any, partition: Partition, rows: int, reading: Reading, folder: str, settings: Config) -> Any:
    """Data that holds the first `rows` rows of every file of `data`, below `folder` and under the same names.
    `partition` is what `partition_of` made of it."""
    if not is_path(data):
        first = next(getattr(data, n) for n in ("head", "limit", "slice") if hasattr(data, n))
        return first(0, rows) if first.__name__ == "slice" else first(rows)
    from dq.engines.head import write_head

    found = []
    with brought(partition, settings.limits, access_of(settings)) as here:
        for file, local in zip(partition.files, here.files, strict=True):
            target = os.path.join(folder, file.location.replace("://", "/").lstrip("/"))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            kind = reading.format or format_of(local.location) or ""
            found.append(target if write_head(local.location, target, kind, rows, reading) else file.location)
    return found
