"""What was validated, by content: no path, no name and no time of it, so that it is known again wherever it lies."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq.errors import ContractViolation, UsageError, said_by_system

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dq.ir.data import DataFile

FILE = "dq-pretrain.json"


def digest_of(file: DataFile) -> str:
    """SHA-256 of its bytes. Raises UsageError."""
    try:
        with open(file.location, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(said_by_system(error)) from None


def fingerprint(digests: Iterable[str]) -> str:
    """Of files in whatever order and under whatever names."""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def read(path: str | Path) -> dict[str, Any]:
    """Raises UsageError for what is no record."""
    try:
        found: Any = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; dq pretrain writes it") from None
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("schema") != "dq.pretrain/1":
        raise UsageError(f"{path} is no record of dq pretrain")
    return found


def held_against(record: dict[str, Any], digests: list[str], said: str, where: str, split: str | None) -> str:
    """The split that the files are. Raises ContractViolation where they are none, or did not pass."""
    known = {s["name"]: s for s in record["splits"]}
    if split is not None and split not in known:
        raise UsageError(f"{where} knows no split {split}; it has {', '.join(known)}")
    found = fingerprint(digests)
    match: str | None = next((n for n, s in known.items() if s["digest"] == found and split in (None, n)), None)
    if match is None:
        raise ContractViolation(f"{said} is not what {where} validated{_nearly(known, digests, split)}")
    if not record["success"]:
        failed = [c["id"] for c in record["checks"] if c["status"] == "fail"]
        raise ContractViolation(f"{said} was validated and failed ({where}): {', '.join(failed[:5])}")
    return match


def _nearly(known: dict[str, Any], digests: list[str], split: str | None) -> str:
    """Which other split it is, or how many of the files are those of a split."""
    other = next((n for n, s in known.items() if s["digest"] == fingerprint(digests)), None)
    if other is not None:
        return f" as {split}: it is {other}"
    for name, one in known.items():
        theirs = {f["digest"] for f in one["files"]}
        shared = len(theirs & set(digests))
        if shared and split in (None, name):
            return f": {shared} of its {len(digests)} files are among the {len(theirs)} of {name}"
    return ": none of its files is known"
