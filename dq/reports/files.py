"""How a report becomes a file."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def write(path: str | Path, text: str) -> None:
    """Whole or not at all. A link stays a link, and a pipe or a device is written to, not replaced. Raises OSError."""
    place = os.path.realpath(path)
    if os.path.exists(place) and not stat.S_ISREG(os.stat(place).st_mode):
        _write(place, text)
        return
    temporary = f"{place}.{os.getpid()}"
    try:
        _write(temporary, text)
        os.replace(temporary, place)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
