"""Parquet from its footers: schema, row count and statistics, without one data page. Bad bytes become findings."""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from dq.engines.base import Dataset, ParquetPart, reserved
from dq.engines.parquet import pages, statistics, thrift
from dq.engines.parquet.chunks import ANYTHING, chunks_of, copied, filters, spans
from dq.engines.parquet.inspect import excess
from dq.engines.parquet.types import Unsupported, to_type, type_of_value, unify
from dq.engines.ranged import expect, fill, opened
from dq.errors import EngineError
from dq.ir.data import DataFile, Field, Finding, Footer, Kind, Reading, Schema, Type
from dq.ir.ranged import is_ranged

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

_PLAIN, _SEALED = b"PAR1", b"PARE"
_TAIL = 1 << 14, 1 << 18, 512  # one read finds most footers: bytes at least, at most, and else one part in so many
_MESSAGES = {
    "empty_file": "the file has 0 bytes",
    "not_parquet": "the file does not begin as Parquet does",
    "truncated": "the file begins as Parquet and does not end so: it was cut off or is still being written",
    "unreadable": "the Parquet footer cannot be read",
    "encrypted": "the file is encrypted",
    "over_limit": "the footer is larger than is read",
}
_BAD = (
    thrift.Malformed, pa.ArrowException, OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Opened:
    """A sound file: canonical to landed names, statistics, and `layout`: what makes files alike to an engine."""

    file: DataFile
    landed: dict[str, str]
    layout: tuple[tuple[str, str], ...]
    statistics: statistics.FileStatistics
    findings: tuple[Finding, ...]

    @property
    def schema(self) -> Schema:
        return self.statistics.schema


def open_parquet(files: Sequence[DataFile], reading: Reading) -> Dataset:
    """Open what can be opened. Path keys are the last columns of the schema and belong to no part.

    Findings: `empty_file`, `not_parquet`, `truncated`, `unreadable`, `encrypted` and `duplicate_columns` leave a file
    out, `unsupported_type` and `mixed_types` a column of it. Raises EngineError where a file cannot be reached.
    """
    expect(end for f in files if is_ranged(f.location) for end in _ends(f))
    sound: list[_Opened] = []
    findings: list[Finding] = []
    for file in files:
        found = _open(file, reading)
        if isinstance(found, _Opened):
            sound.append(found)
            findings += found.findings
        else:
            findings.append(found)
    types, reach = _union(sound, findings), _Reach(sound)
    keys = tuple(k for k in reading.keys if k[0] not in types)
    schema = Schema(tuple(Field(n, t) for n, t in [*types.items(), *((n, type_of_value(v)) for n, v in keys)]))
    rows = sum(o.statistics.rows for o in sound)
    return Dataset(
        schema=schema,
        file_schemas=tuple((o.file.path, o.schema) for o in sound),
        findings=tuple(findings),
        rows=rows,
        bytes=sum(f.bytes for f in files),
        footer=Footer(
            rows,
            statistics.merge(schema, (o.statistics for o in sound), keys),
            max((o.statistics.group_rows for o in sound), default=0),
        ),
        dialect=replace(reading, format="parquet"),
        keys=reading.keys,
        parts=_parts(sound, types),
        verify=lambda names: _verified(reach, names),
        near=lambda names: _parts(here, types) if (here := reach.near(names)) else None,
        bring=lambda names, folder: _brought(sound, types, names, folder),
    )


def _open(file: DataFile, reading: Reading) -> _Opened | Finding:
    try:
        size, tail = _tail(file.location or file.path, reading.caps.footer_bytes)
    except OSError as error:
        raise EngineError(f"{file.path}: cannot be opened ({type(error).__name__})") from None
    if isinstance(tail, str):
        return Finding(tail, _MESSAGES[tail], file.path)
    try:
        footer, _ = thrift.read(tail[4:-8])
        if 8 in footer:  # encryption algorithm
            return Finding("encrypted", "columns of the file are encrypted", file.path)
        if not statistics.row_groups_fit(footer, size - len(tail) + 4):
            return Finding("unreadable", "the footer does not fit the file: its middle is missing", file.path)
        if too_much := excess(file.location or file.path, size, footer, reading.caps):
            return Finding("over_limit", too_much, file.path)
        # NOTE: no column chunk is asked of pyarrow: it ends the process on a damaged one.
        arrow = pq.ParquetFile(pa.BufferReader(tail), coerce_int96_timestamp_unit="us").schema_arrow
        return _layout(file, arrow, footer, reading)
    except _BAD:
        return Finding("unreadable", _MESSAGES["unreadable"], file.path)


def footer_of(file: DataFile) -> statistics.Struct:
    """The footer of a sound file, by the numbers of its fields."""
    _, tail = _tail(file.location, sys.maxsize)
    assert isinstance(tail, bytes)
    return thrift.read(tail[4:-8])[0]


class _Reach:
    """What of the files lies here, or has been brought here by now."""

    def __init__(self, sound: Sequence[_Opened]) -> None:
        self._sound, self._here = sound, list[_Opened]()
        self._names: frozenset[str] = frozenset()  # columns that `_here` holds
        self.ranged = any(is_ranged(o.file.location) for o in sound)

    def near(self, names: Collection[str]) -> list[_Opened]:
        """The files with these columns on this disk; none where there is no room."""
        if not self._here or not self._names.issuperset(names):
            ranged = [o for o in self._sound if is_ranged(o.file.location)]
            wanted = [(o, _chunks(footer_of(o.file), o, names)) for o in ranged]
            paths = expect((o.file.location, *span) for o, chunks in wanted for span in _spans(o, chunks))
            if len(paths) < len(ranged):
                return []
            fill((o.file.location, at, ANYTHING) for o, chunks in wanted for at in filters(chunks, o.file.bytes))
            self._names |= frozenset(names)
            self._here = [_at(o, paths.get(o.file.location, o.file.location)) for o in self._sound]
        return self._here

    def __call__(self, names: Collection[str]) -> Sequence[_Opened]:
        """The files, wherever these columns are read."""
        return (self.near(names) if self.ranged else []) or self._sound


def _at(one: _Opened, location: str) -> _Opened:
    return replace(one, file=replace(one.file, location=location))


def _spans(one: _Opened, chunks: Iterable[statistics.Struct]) -> Iterator[tuple[int, int]]:
    """All of the file that readers of these column chunks look at, but for their filters."""
    size = one.file.bytes
    yield 0, len(_PLAIN)
    with opened(one.file.location) as stream:
        stream.seek(size - 8)
        yield size - 8 - int.from_bytes(stream.read(4), "little"), size
    for chunk in chunks:
        yield from spans(chunk, size)


def _verified(reach: _Reach, names: Collection[str]) -> tuple[str, tuple[Finding, ...]]:
    """What checksums of pages say of the columns: `Dataset.verify`."""
    seen: set[pages.Checked] = set()
    findings = []
    for one in reach(names):
        if not one.landed.keys() & names:  # nothing of the file is read
            continue
        chunks = [chunk[3] for chunk in _chunks(footer_of(one.file), one, names)]
        try:
            seen.add(pages.check(one.file.location or one.file.path, chunks))
        except pages.Damaged as damage:
            findings.append(Finding("unreadable", str(damage), one.file.path))
        except OSError as error:
            raise EngineError(f"{one.file.path}: cannot be read ({type(error).__name__})") from None
    evidence = [*_EVIDENCE[pages.joined(seen)], *_PINNED[: reach.ranged]]
    return ", ".join(evidence) or "none", tuple(findings)


def _chunks(footer: statistics.Struct, one: _Opened, names: Collection[str]) -> list[statistics.Struct]:
    """The column chunks of these columns."""
    landed = {one.landed[n].encode() for n in names if n in one.landed}
    return [chunk for chunk in chunks_of(footer) if chunk[3][3][0] in landed]


def _brought(
    sound: Iterable[_Opened], types: dict[str, Type], names: Collection[str], folder: str
) -> tuple[ParquetPart, ...]:
    """Files with these columns in the folder, as parts."""
    here = []
    for n, one in enumerate(sound):
        chunks, path = _chunks(footer_of(one.file), one, names), os.path.join(folder, f"{n}.parquet")
        copied(one.file.location, path, _spans(one, chunks), filters(chunks, one.file.bytes))
        here.append(_at(one, path))
    return _parts(here, types)


_EVIDENCE = {"all": ["page checksums"], "some": ["page checksums in part"], "none": []}
_PINNED = ["one object by its ETag"]


def _tail_bytes(size: int) -> int:
    least, most, parts = _TAIL
    return max(least, min(most, size // parts))


def _ends(file: DataFile) -> list[tuple[str, int, int]]:
    """What `_tail` reads of it."""
    head = min(4, file.bytes)
    return [(file.location, 0, head), (file.location, max(head, file.bytes - _tail_bytes(file.bytes)), file.bytes)]


def _tail(location: str, most: int) -> tuple[int, bytes | str]:
    """Size, and the footer as a Parquet file of its own, or the kind of a finding."""
    with opened(location) as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        head = stream.read(4)
        if head != _PLAIN:
            return size, "empty_file" if not size else "encrypted" if head == _SEALED else "not_parquet"
        stream.seek(max(4, size - _tail_bytes(size)))
        tail = stream.read()
        if len(tail) < 8 or tail[-4:] != _PLAIN:
            return size, "truncated"
        wanted = int.from_bytes(tail[-8:-4], "little") + 8
        if wanted > size - 4:
            return size, "unreadable"
        if wanted > most:
            return size, "over_limit"
        if wanted > len(tail):
            stream.seek(size - wanted)
            tail = stream.read()
    return size, _PLAIN + tail[-wanted:]


def _layout(file: DataFile, arrow: pa.Schema, footer: statistics.Struct, reading: Reading) -> _Opened | Finding:
    names = _canonical(arrow.names, reading)
    twins = sorted(n for n, count in Counter(names).items() if count > 1)
    if twins:
        return Finding("duplicate_columns", f"{_quoted(twins)}: two columns of one name", file.path)
    if unfit := reserved(names, file.path):
        return unfit
    intervals = statistics.intervals(footer)
    fields: list[Field] = []
    findings: list[Finding] = []
    for name, field in zip(names, arrow, strict=True):
        try:
            if field.name in intervals:
                raise Unsupported("interval")
            fields.append(Field(name, to_type(field.type), field.nullable))
        except Unsupported as error:
            message = f"{_quoted([name])} is of a type nobody reads: {error}"
            findings.append(Finding("unsupported_type", message, file.path))
    schema = Schema(tuple(fields))
    known = frozenset(schema.names)
    landed = {n: f.name for n, f in zip(names, arrow, strict=True) if n in known}
    found = statistics.of_file(footer, schema, {v: k for k, v in landed.items()})
    return _Opened(file, landed, tuple((f.name, str(f.type)) for f in arrow), found, tuple(findings))


def _canonical(landed: Sequence[str], reading: Reading) -> list[str]:
    """Names under which the columns are known: an alias stands in only where the column itself did not land."""
    declared = {d.name for d in reading.declared}
    renamed: dict[str, str] = {}
    for column in reading.declared:
        if column.name not in landed:
            alias = next((a for a in column.aliases if a in landed and a not in declared and a not in renamed), None)
            if alias is not None:
                renamed[alias] = column.name
    return [renamed.get(name, name) for name in landed]


def _union(opened: Iterable[_Opened], findings: list[Finding]) -> dict[str, Type]:
    """Type of every column over all files, in order of first appearance; what fits nothing is left out and found."""
    types: dict[str, Type] = {}
    for one in opened:
        for field in one.schema.fields:
            known = types.setdefault(field.name, field.type)
            joined = unify(known, field.type)
            if joined is None:
                message = f"{_quoted([field.name])} is {field.type} here and {known} in another file"
                findings.append(Finding("mixed_types", message, one.file.path))
                del one.landed[field.name]
            else:
                types[field.name] = joined
    return types


def _parts(opened: Iterable[_Opened], types: dict[str, Type]) -> tuple[ParquetPart, ...]:
    """Files of one layout together. Every part lists every column but path keys."""
    alike: dict[tuple[tuple[str, str], ...], list[_Opened]] = {}
    for one in opened:
        alike.setdefault(one.layout + tuple(one.landed.items()), []).append(one)
    return tuple(
        ParquetPart(
            tuple(o.file for o in group),
            tuple((n, group[0].landed.get(n), group[0].schema.find((n,)) or Type(Kind.NULL)) for n in types),
        )
        for group in alike.values()
    )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{n}"' for n in names)
