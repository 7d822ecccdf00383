"""What lies in landing: partitions with their files, and strays that match no layout. Lists, and opens nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from dq.ir.data import DataFile, Partition
from dq.ir.layout import HIVE_NULL, PARTS, Layout, moment, parse_layout
from dq.ir.result import Cause, Reason
from dq.ir.scalar import compare
from dq.ready import Marks, is_unfinished, matches_name, waiting
from dq.stores.base import answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dq.ir.contract import Contract
    from dq.ir.expr import Scalar
    from dq.spool import Spool
    from dq.stores.base import Entry, Store

_DROPPINGS = {"thumbs.db", "desktop.ini"}
_ABANDONED_SECONDS = 86_400.0  # whoever began an upload so long ago is not at it any more
_MISPLACED = "land it where the layout says, or extend `layout` in the contract"


@dataclass(frozen=True, slots=True)
class Landed:
    """A partition as listed, not hashed yet. `fault`: it can only be quarantined; `waiting`: why it is not ready;
    `archived`: files that nobody asked for yet, by path in the zone; `tiered`: those of which the listing does not tell
    whether they are archived."""

    partition: Partition
    fault: Reason | None = None
    waiting: str = ""
    archived: tuple[str, ...] = ()
    tiered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Other:
    """Another source in the same tree: all that lies in its `folder` below this source, or, where both share one
    folder (empty), what fits its layout and not this one's."""

    folder: str
    layout: Layout | None = None


def scan(
    landing: Store, prefix: str, contract: Contract, now_seconds: float, others: Iterable[Other] = ()
) -> list[Landed]:
    """Partitions in key order, strays last. `prefix` is the source's folder in the zone; keys are paths below it."""
    found = _Sorted(contract, tuple(others))
    for entry in landing.list(prefix):
        found.add(entry.path.removeprefix(prefix).lstrip("/"), entry)
    for path in landing.irregular(prefix):
        inside = path.removeprefix(prefix).lstrip("/")
        if is_data(inside, 1) and not found.foreign(inside.split("/")):
            found.fault(inside, "neither a file nor a folder (link, pipe or device)")
    for upload in landing.unfinished(prefix):
        if now_seconds - upload.modified < _ABANDONED_SECONDS:
            found.begin(upload.path.removeprefix(prefix).lstrip("/"), upload)
    found.finish()
    landed = [
        Landed(_partition(landing, contract, prefix, key, found.groups.pop(key, []), {}), fault=fault)
        for key, fault in found.faults.items()
    ]
    for key, entries in found.groups.items():
        partition = _partition(landing, contract, prefix, key, entries, found.values[key])
        sizes = {e.path.removeprefix(prefix).lstrip("/"): e.bytes for e in entries}
        newest = max((e.modified for e in entries), default=0.0)
        why = next((e.unreadable for e in entries if e.unreadable), "") or waiting(
            contract.ready, key, sizes, newest, found.marks, landing, prefix, now_seconds
        )  # fmt: skip
        archived, tiered = (e.path for e in entries if e.archived), (e.path for e in entries if e.tiered)
        landed.append(Landed(partition, waiting=why, archived=tuple(archived), tiered=tuple(tiered)))
    return sorted(landed, key=lambda one: (bool(one.fault), order(one.partition)))


class _Sorted:
    """What was listed, by what it is: files of partitions, marks beside them, faults."""

    def __init__(self, contract: Contract, others: tuple[Other, ...]) -> None:
        self.layout = parse_layout(contract.layout) if contract.layout else None
        self.others = others
        self.beside = (contract.ready.marker, contract.ready.manifest)
        self.complete = contract.ready.marker or contract.ready.manifest
        self.groups: dict[str, list[Entry]] = {}
        self.values: dict[str, Mapping[str, Scalar]] = {}
        self.faults: dict[str, Reason] = {}
        self.marks = Marks()

    def add(self, path: str, entry: Entry) -> None:
        parts = path.split("/")
        if self.others and self.foreign(parts):
            return
        unfinished = is_unfinished(path)
        if matches_name(path, self.beside) or not (unfinished or is_data(path, entry.bytes)):
            return self.marks.add(path, entry)
        values = self.layout.match(parts) if self.layout else {}
        if unfinished:
            return self._begin(path, parts, values, entry)
        key = self._key(path, parts)
        if values is not None:
            self.groups.setdefault(key, []).append(entry)
            self.values[key] = values
        elif self.layout and self.layout.lacks(parts):
            self.groups.setdefault(key, []).append(entry)
            self.fault(key, f'path "{path}": rows without a value of the partition key ({HIVE_NULL})')
        else:
            self.groups[path] = [entry]
            self.fault(path, self._misfit(path, parts))

    def _misfit(self, path: str, parts: list[str]) -> str:
        assert self.layout is not None
        said = f'path "{path}" does not fit the layout "{self.layout.text}"'
        if self.layout.owns(parts):
            return f"{said}: there is no such date or number"
        return said + (": upper and lower case differ" if self.layout.owns(parts, any_case=True) else "")

    def foreign(self, parts: list[str]) -> bool:
        """Whether the file is another source's."""
        for other in self.others:
            depth = other.folder.count("/") + 1
            if other.folder and "/".join(parts[:depth]) == other.folder and len(parts) > depth:
                return True
            if not other.folder and other.layout and other.layout.owns(parts):
                return not (self.layout and self.layout.owns(parts))
        return False

    def _key(self, path: str, parts: list[str]) -> str:
        return path if self.layout is None or self.layout.single_file else "/".join(parts[: self.layout.depth])

    def begin(self, path: str, upload: Entry) -> None:
        """An upload is open, and no file yet."""
        parts = path.split("/")
        if is_data(path, 1) and not self.foreign(parts):
            values = self.layout.match(parts) if self.layout else {}
            self._begin(f"the upload of {path}", parts, values, replace(upload, path=path))

    def _begin(self, said: str, parts: list[str], values: Mapping[str, Scalar] | None, entry: Entry) -> None:
        """Somebody is writing: into a partition, or what may become one."""
        path = "/".join(parts)
        inside = values is not None and self.layout is not None and not self.layout.single_file
        key = self._key(path, parts) if inside else path
        self.groups.setdefault(key, [])
        self.values[key] = values or {}
        self.marks.write(key, said, entry)

    def fault(self, key: str, message: str, step: str = _MISPLACED, kind: str = "layout") -> None:
        self.faults.setdefault(key, Reason(Cause.DATA, f"table.{kind}", message, step))

    def finish(self) -> None:
        """Folders that are said to be complete and hold nothing."""
        self.marks.settle()
        if not (self.complete and self.layout) or self.layout.single_file:
            return
        for path in self.marks.entries:
            parts = path.split("/")
            key = "/".join(parts[: self.layout.depth])
            if key in self.groups or len(parts) <= self.layout.depth or self.layout.match(parts) is None:
                continue
            if matches_name(path, self.beside):
                step = "land its files, or remove the empty folder"
                self.fault(key, f'"{key}" is complete by its {parts[-1]} and holds no data file', step, "not_empty")


def order(partition: Partition) -> tuple[str, tuple[str, ...], str]:
    """Key order within a source: by time where the key has one, then by the other values."""
    when = moment(dict(partition.values))
    others = tuple(f"{v + 10**18:020d}" if isinstance(v, int) else str(v) for v in series(partition))
    return ("" if when is None else when.isoformat(), others, partition.key)


def series(partition: Partition, names: tuple[str, ...] | None = None) -> tuple[Scalar, ...]:
    """Values of the named keys, else of all but those of time: partitions of one series follow each other."""
    if names is not None:
        return tuple(v for n, v in partition.values if n in names)
    timed = moment(dict(partition.values)) is not None
    return tuple(v for n, v in partition.values if not isinstance(v, date) and not (timed and n in PARTS))


def signature(partition: Partition) -> str:
    """Of the files as listed: it changes when anybody touches, adds or removes one. Reads no data."""
    body = json.dumps(sorted([f.path, f.bytes, f.signature] for f in partition.files))
    return hashlib.sha256(body.encode()).hexdigest()


def is_data(path: str, size: int) -> bool:
    """Not data: hidden and underscored names anywhere below the source (a hive key may begin with an underscore),
    checksums, folder markers, what a file manager drops, and what is still being written."""
    parts = path.split("/")
    if any(p.startswith(".") or (p.startswith("_") and "=" not in p and p != HIVE_NULL) for p in parts):
        return False
    if parts[-1].endswith((".crc", "_$folder$")) or parts[-1].lower() in _DROPPINGS or is_unfinished(path):
        return False
    return bool(parts[-1]) or size > 0


def _partition(
    landing: Store, contract: Contract, prefix: str, key: str, entries: Iterable[Entry], values: Mapping[str, Scalar]
) -> Partition:
    base = f"{prefix}/{key}".strip("/")
    files = []
    for entry in sorted(entries, key=lambda e: e.path):
        inside = entry.path.removeprefix(base).lstrip("/") or key.rsplit("/", 1)[-1]
        files.append(
            DataFile(inside, entry.bytes, landing.location(entry.path), entry.signature, modified=entry.modified)
        )
    single = len(files) == 1 and landing.location(base) == files[0].location
    return Partition(contract.source, key, tuple(values.items()), tuple(files), single)


def identify(
    partition: Partition, landing: Store, known: Iterable[tuple[DataFile, ...]], prefix: str, spool: Spool | None = None
) -> Partition:
    """The partition with digests. Files whose signatures are all recorded in `known` are not hashed again; what lies
    elsewhere is kept in the `spool` while it is hashed."""
    seen = {_listed(files): files for files in known}
    wanted = _listed(partition.files)
    if wanted in seen:
        hashed = tuple(
            replace(f, digest=old.digest) for f, old in zip(partition.files, seen[wanted], strict=True)
        )  # fmt: skip
    else:
        base = f"{prefix}/{partition.key}".strip("/")
        digests = (
            spool.digests(partition.files)
            if spool
            else [landing.digest(base if partition.single_file else f"{base}/{f.path}") for f in partition.files]
        )
        hashed = tuple(replace(f, digest=d) for f, d in zip(partition.files, digests, strict=True))
    return partition.with_files(hashed, identity(hashed))


def _listed(files: Iterable[DataFile]) -> tuple[tuple[str, int, str], ...]:
    """What a listing says of them."""
    return tuple((f.path, f.bytes, f.signature) for f in files)


def looked_into(landed: Landed, landing: Store, known: Iterable[tuple[DataFile, ...]]) -> Landed:
    """With what is archived and no listing tells, unless the partition waits anyway, or is `known`: what was decided
    may rest in its archive."""
    if not landed.tiered or landed.waiting or _is_known(landed, known):
        return landed
    away = [e for e in answers(landing, landing.stat, landed.tiered) if e is not None and e.unreadable]
    archived = tuple(e.path for e in away if e.archived)
    return replace(landed, waiting=away[0].unreadable, archived=archived) if away else landed


def restore(landed: Landed, landing: Store, known: Iterable[tuple[DataFile, ...]]) -> str:
    """Ask for its archived files, unless the partition is `known`. Why it is not ready."""
    if not landed.archived or _is_known(landed, known):
        return landed.waiting
    for path in landed.archived:
        landing.restore(path)
    said = f"{landing.location(landed.archived[0])} is archived"
    more = f", and {len(landed.archived) - 1:,} more are" if len(landed.archived) > 1 else ""
    return f"{said}{more}: asked for, to be read within hours"


def _is_known(landed: Landed, known: Iterable[tuple[DataFile, ...]]) -> bool:
    listed = _listed(landed.partition.files)
    return any(_listed(files) == listed for files in known)


def is_unchanged(landing: Store, prefix: str, contract: Contract, partition: Partition) -> bool:
    """Whether landing still holds exactly the partition's files: none touched, none gone, none come late."""
    base = f"{prefix}/{partition.key}".strip("/")
    judged = {f.path: f.signature for f in partition.files}
    if partition.single_file:
        entry = landing.stat(base)
        return entry is not None and entry.signature in judged.values()
    listed = {e.path.removeprefix(f"{base}/"): e for e in landing.list(base)}
    beside = (contract.ready.marker, contract.ready.manifest)
    found = {p: e.signature for p, e in listed.items() if is_data(p, e.bytes) and not matches_name(p, beside)}
    return judged == found


def is_before(partition: Partition, start: date | None) -> bool:
    """Whether the time key lies before the start; what has none does not."""
    at = moment(dict(partition.values)) if start else None
    return at is not None and compare(at, start) < 0


def identity(files: tuple[DataFile, ...]) -> str:
    """Who a partition is: SHA-256 over sorted path, size and content digest."""
    body = json.dumps(sorted([f.path, f.bytes, f.digest] for f in files))
    return hashlib.sha256(body.encode()).hexdigest()


def is_part(files: Iterable[DataFile], of: Iterable[DataFile]) -> bool:
    """Whether some of the files are gone and the others are as they were."""
    return {(f.path, f.digest) for f in files} < {(f.path, f.digest) for f in of}


def content(files: tuple[DataFile, ...]) -> str:
    """What a partition holds, whatever its files are called."""
    return hashlib.sha256("\n".join(sorted(f.digest for f in files)).encode()).hexdigest()
