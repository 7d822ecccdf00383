"""What lies in landing: partitions with their files, and strays that match no layout. Lists, and opens nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from dq.ir.data import DataFile, Partition
from dq.ir.layout import PARTS, moment, parse_layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dq.ir.contract import Contract
    from dq.ir.expr import Scalar
    from dq.stores.base import Entry, Store

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True)
class Landed:
    """A partition as listed, not hashed yet. `fault`: it can only be quarantined; `waiting`: why it is not ready."""

    partition: Partition
    fault: str = ""
    waiting: str = ""


def scan(landing: Store, prefix: str, contract: Contract, now_seconds: float) -> list[Landed]:
    """Partitions in key order, strays last. `prefix` is the source's folder in the zone; keys are paths below it."""
    layout = parse_layout(contract.layout) if contract.layout else None
    groups: dict[str, list[Entry]] = {}
    values: dict[str, Mapping[str, Scalar]] = {}
    faults: dict[str, str] = {}
    marks: dict[str, Entry] = {}
    for entry in landing.list(prefix):
        path = entry.path.removeprefix(prefix).lstrip("/")
        if not is_data(path, entry.bytes):
            marks[path] = entry
            continue
        parts = tuple(path.split("/"))
        found = layout.match(parts) if layout else {}
        if found is None or HIVE_NULL in path:
            faults[path] = f'path "{path}" does not fit the layout "{contract.layout}"'
            groups[path] = [entry]
            continue
        key = path if layout is None or layout.single_file else "/".join(parts[: layout.depth])
        groups.setdefault(key, []).append(entry)
        values[key] = found
    for path in landing.irregular(prefix):
        faults.setdefault(path.removeprefix(prefix).lstrip("/"), "neither a file nor a folder (link, pipe or device)")
    landed = []
    for key, fault in faults.items():
        landed.append(Landed(_partition(landing, contract, prefix, key, groups.pop(key, []), {}), fault=fault))
    for key in groups:
        partition = _partition(landing, contract, prefix, key, groups[key], values[key])
        landed.append(Landed(partition, waiting=_waiting(contract, key, groups[key], marks, now_seconds)))
    return sorted(landed, key=lambda one: (bool(one.fault), order(one.partition)))


def order(partition: Partition) -> tuple[str, tuple[str, ...], str]:
    """Key order within a source: by time where the key has one, then by the other values."""
    when = moment(dict(partition.values))
    others = tuple(f"{v:020d}" if isinstance(v, int) else str(v) for v in series(partition))
    return ("" if when is None else when.isoformat(), others, partition.key)


def series(partition: Partition) -> tuple[Scalar, ...]:
    """Values of the non-time keys: partitions of one series follow each other."""
    timed = moment(dict(partition.values)) is not None
    return tuple(v for n, v in partition.values if not isinstance(v, date) and not (timed and n in PARTS))


def is_data(path: str, size: int) -> bool:
    """Not data: hidden and underscored names anywhere below the source, checksums, folder markers."""
    if any(p.startswith(("_", ".")) for p in path.split("/") if p != HIVE_NULL and "=" not in p):
        return False
    return not (path.endswith((".crc", "_$folder$", "/")) or (size == 0 and path.endswith("/")))


def _partition(
    landing: Store, contract: Contract, prefix: str, key: str, entries: Iterable[Entry], values: Mapping[str, Scalar]
) -> Partition:
    base = f"{prefix}/{key}".strip("/")
    files = []
    for entry in sorted(entries, key=lambda e: e.path):
        inside = entry.path.removeprefix(base).lstrip("/") or key.rsplit("/", 1)[-1]
        files.append(DataFile(inside, entry.bytes, landing.location(entry.path), entry.signature))
    single = len(files) == 1 and landing.location(base) == files[0].location
    return Partition(contract.source, key, tuple(values.items()), tuple(files), single)


def _waiting(contract: Contract, key: str, entries: list[Entry], marks: Mapping[str, Entry], now_seconds: float) -> str:
    """Why the partition is not ready, or nothing."""
    newest = max((e.modified for e in entries), default=0.0)
    ready = contract.ready
    if ready.marker:
        folders = [key, *("/".join(key.split("/")[:-i]) for i in range(1, key.count("/") + 2))]
        found = [m for f in folders if (m := marks.get(f"{f}/{ready.marker}".lstrip("/")))]
        if not found:
            return f"no {ready.marker} yet"
        if max(m.modified for m in found) < newest:
            return f"{ready.marker} is older than the newest file"
    if ready.quiet_seconds is not None and now_seconds - newest < ready.quiet_seconds:
        return f"changed {max(0, now_seconds - newest):.0f} s ago, quiet for {ready.quiet_seconds:.0f} s is asked"
    if ready.manifest and f"{key}/{ready.manifest}".lstrip("/") not in marks:
        return f"no {ready.manifest} yet"
    return ""


def identify(partition: Partition, landing: Store, known: Iterable[tuple[DataFile, ...]], prefix: str) -> Partition:
    """The partition with digests. Files whose signatures are all recorded in `known` are not hashed again."""
    seen = {tuple((f.path, f.bytes, f.signature) for f in files): files for files in known}
    wanted = tuple((f.path, f.bytes, f.signature) for f in partition.files)
    if wanted in seen:
        hashed = tuple(
            replace(f, digest=old.digest) for f, old in zip(partition.files, seen[wanted], strict=True)
        )  # fmt: skip
    else:
        base = f"{prefix}/{partition.key}".strip("/")
        hashed = tuple(
            replace(f, digest=landing.digest(base if partition.single_file else f"{base}/{f.path}"))
            for f in partition.files
        )
    return partition.with_files(hashed, identity(hashed))


def identity(files: tuple[DataFile, ...]) -> str:
    """Who a partition is: SHA-256 over sorted path, size and content digest."""
    body = json.dumps(sorted([f.path, f.bytes, f.digest] for f in files))
    return hashlib.sha256(body.encode()).hexdigest()


def content(files: tuple[DataFile, ...]) -> str:
    """What a partition holds, whatever its files are called."""
    return hashlib.sha256("\n".join(sorted(f.digest for f in files)).encode()).hexdigest()
