"""CSV and its kin, parsed once into a temp table. What cannot be read is counted, with its line, and never guessed.

Every line of a file is accounted for: header, rows, rejected records and blank lines add up to the lines that landed,
or there is a finding.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import duckdb

from dq.engines.base import Dataset, reserved
from dq.engines.duckdb import ndjson
from dq.engines.duckdb.connect import connect, literal, literals
from dq.engines.duckdb.depth import too_deep
from dq.engines.duckdb.faulty import beyond
from dq.engines.duckdb.landed import Text, compression, discard, land, peek, without_empty
from dq.engines.duckdb.places import LOCATED, Event, Laid, lay_out
from dq.engines.duckdb.sniff import DELIMITERS, EXCEL, below, foreign, looks_like_data, propose, record, records
from dq.engines.duckdb.table import Names, Part, Table
from dq.errors import EngineError, SuiteError
from dq.ir.data import DataFile, Finding, Reading, Schema
from dq.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dq.engines.base import LayOut
    from dq.ir.positions import FileSplit

_EVIDENCE = 5
_SHOWN = 200  # characters of a rejected line
_NO_NULL = "\x01\x02\x01"
_KINDS = {
    "MISSING COLUMNS": "ragged", "TOO MANY COLUMNS": "ragged", "UNQUOTED VALUE": "quote",
    "LINE SIZE OVER MAXIMUM": "line_too_long", "INVALID ENCODING": "encoding", "INVALID STATE": "quote",
}  # fmt: skip
_SAID = {
    "quote": "with a quote that is not closed or not escaped",
    "line_too_long": "longer than a line may be",
    "encoding": "not {encoding}",
    "unreadable": "unreadable",
}


def open_text(
    files: Sequence[DataFile],
    reading: Reading,
    *,
    threads: int | None = None,
    memory_bytes: int | None = None,
    temp: str,
    connection: duckdb.DuckDBPyConnection | None = None,
) -> Dataset:
    """Parse CSV (`reading.format` csv or None) or JSON (json, ndjson) files, which are local.

    Copies and spilled tables go below `temp`. A `connection` that is handed in must be allowed to read the files and
    `temp`, and stays open. A delimiter of None is guessed from the first file. A fault of the data is a finding.

    Raises SuiteError for an encoding, format or zone that does not exist, StoreError where a file cannot be opened,
    EngineError where memory or disk do not suffice.
    """
    own = connection is None
    with ExitStack() as stack:
        if connection is None:
            temp = tempfile.mkdtemp(prefix="dq-", dir=temp)
            stack.callback(shutil.rmtree, temp, ignore_errors=True)
            locations = [f.location for f in files]
            connection = connect(locations, threads=threads, memory_bytes=memory_bytes, temp=temp)
            stack.callback(connection.close)
        _check_zones(connection, reading)
        opener = ndjson.open_json if reading.format in ("json", "ndjson") else _open_csv
        try:
            dataset = opener(connection, files, reading, temp)
        except duckdb.InternalException as error:
            # The connection is lost; whether the data asked too much of it is seen without.
            deep = [f for file in files if opener is ndjson.open_json and (f := too_deep(file, reading.caps))]
            if not deep:
                raise EngineError(f"reading text: {type(error).__name__}") from error
            dataset = Dataset(Schema(), findings=tuple(deep))
        except (duckdb.Error, OSError) as error:
            raise EngineError(f"reading text: {type(error).__name__}") from error
        stack.callback(dataset.close)
        dataset.lay_out = _guarded(dataset.lay_out)
        dataset.bytes = sum(f.bytes for f in files)
        if dataset.readable and all(compression(f.location) == "gzip" for f in files):
            dataset.integrity = "gzip checksums"
        kept = stack.pop_all()
        if own:  # also where nobody closes the dataset
            weakref.finalize(kept, shutil.rmtree, temp, ignore_errors=True)
        dataset.close = kept.close
        return dataset


def _guarded(lay_out: LayOut) -> LayOut:
    def guarded(bad: Mapping[str, bytes]) -> tuple[FileSplit, ...]:
        try:
            return lay_out(bad)
        except duckdb.Error as error:
            raise EngineError(f"finding the lines of records: {type(error).__name__}") from error

    return guarded


def _check_zones(connection: duckdb.DuckDBPyConnection, reading: Reading) -> None:
    zones = {z for d in reading.declared for z in (d.zone, d.type.zone if d.type else None) if z}
    for zone in sorted(zones):
        try:
            connection.execute(f"SELECT timezone({literal(zone)}, TIMESTAMP '2020-01-01')")
        except duckdb.Error:
            raise SuiteError(f'time zone "{zone}" is not known') from None


@dataclass(slots=True)
class _Sheet:
    """A file whose header was read: `before` physical lines stand above the first row, in `records` records."""

    text: Text
    names: tuple[str, ...]
    before: int
    records: int
    laid: Laid | None = None  # where every record lies, once it is known


def _open_csv(connection: duckdb.DuckDBPyConnection, files: Sequence[DataFile], reading: Reading, temp: str) -> Dataset:
    if reading.delimiter is None:
        reading = propose(next((h for h in map(peek, files) if h), b""), reading)
    findings: list[Finding] = []
    names = Names(reading.declared)
    sheets: list[_Sheet] = []
    for file in files:
        text = land(file, reading.encoding, temp, kind="not_csv", caps=reading.caps)
        if isinstance(text, Finding):
            findings.append(text)
            continue
        findings += text.findings
        if sheet := _sheet(text, reading, names, findings):
            sheets.append(sheet)
        else:
            discard(text)
    if sheets and not reading.header:
        findings = without_empty(findings)
    table = Table(connection, tuple(names.columns.values()), reading)
    for sheet in sheets:
        try:
            findings += _load(table, sheet, reading, temp)
        finally:
            discard(sheet.text)
    dialect = replace(
        reading,
        format="csv",
        escape=reading.escape or reading.quote,
        encoding=sheets[0].text.encoding if sheets else reading.encoding,
        names=sheets[0].names if sheets else reading.names,
    )
    dataset = table.finish(findings, dialect)
    laid = [s.laid for s in sheets if s.laid]
    if any(one.events is None for one in laid):
        dataset.findings = tuple(replace(f, records=None) for f in dataset.findings)
    dataset.lay_out = lambda bad: lay_out(table, laid, findings, bad)
    return dataset


def _sheet(text: Text, reading: Reading, names: Names, findings: list[Finding]) -> _Sheet | None:
    """Names of the columns, and what is wrong with the header. None where the file is no CSV at all."""
    path, head = text.file.path, text.head
    if other := foreign(head):
        findings.append(Finding("not_csv", f"{path} is {other}, not CSV", path))
        return None
    delimiter = reading.delimiter or ","
    said = EXCEL.match(head)
    if said and said[1] != delimiter[0]:
        message = f"{path}: its first line says that fields are separated by {_named(said[1])}"
        findings.append(Finding("delimiter", message, path))
        return None
    blank = said.end() if said else 0
    blank = below(head, blank, reading.skip)
    blank += len(head) - blank - len(head[blank:].lstrip("\r\n"))
    leading = max(head[:blank].count("\n"), head[:blank].count("\r"))
    if not head[blank:]:
        findings.append(Finding("empty_file", f"{path} holds only blank lines", path))
        return None
    first, end = record(head, blank, delimiter, reading.quote, reading.escape)
    if reading.header:
        rest = records(head[end:], delimiter, reading.quote, reading.escape)
        faults = _header_faults(path, first, rest, head[blank:end], reading)
        findings += faults
        unnamed = faults and looks_like_data(first, rest)  # values are no names of columns
        landed = [f"column{i}" for i in range(len(first))] if unnamed else first
    else:
        landed = [*reading.names] or [f"column{i}" for i in range(len(first))]
    if len(landed) > reading.caps.columns:
        message = f"{path}: {len(landed):,} columns or more, at most {reading.caps.columns:,} are read"
        findings.append(Finding("over_limit", message, path))
        return None
    if unfit := reserved(landed, path):
        findings.append(unfit)
        return None
    canonical, twice = names.of(landed)
    if twice:
        shown = ", ".join(f'"{n}"' for n in dict.fromkeys(twice))
        message = f"{path}: columns {shown} stand for a column that is there already, case aside"
        findings.append(Finding("duplicate_columns", message, path))
    inside = head[blank:end]
    ends = max(inside.count("\n"), inside.count("\r"), 1) if reading.header else 0
    return _Sheet(text, canonical, leading + ends, leading + (1 if reading.header else 0))


def _header_faults(path: str, first: list[str], rest: list[list[str]], line: str, reading: Reading) -> list[Finding]:
    keys = {name for name, _ in reading.keys}  # they land in the path
    known = {n for d in reading.declared if d.name not in keys for n in (d.name, *d.aliases)}
    line = line.rstrip("\r\n")
    evidence = ((path, 1, line[:_SHOWN]),)
    if len(first) == 1 and first[0] not in known:
        for other in DELIMITERS:
            if other != (reading.delimiter or ",")[0] and len(record(line, 0, other, reading.quote, None)[0]) > 1:
                message = (
                    f"{path}: the header is one field under {_named(reading.delimiter)}, several under {_named(other)}"
                )
                return [Finding("delimiter", message, path, evidence=evidence)]
    if known and not known & set(first):
        message = f"{path}: the first line holds none of the declared columns"
        message += "; it looks like data, not like a header" if looks_like_data(first, rest) else ""
        return [Finding("header", message, path, evidence=evidence)]
    if not known and looks_like_data(first, rest):
        return [
            Finding("header", f"{path}: the first line looks like data, not like a header", path, evidence=evidence)
        ]
    return []


def _named(delimiter: str | None) -> str:
    return {"\t": "tab", " ": "blank"}.get(delimiter or ",", f'"{delimiter or ","}"')


def _load(table: Table, sheet: _Sheet, reading: Reading, temp: str) -> list[Finding]:
    """Append the file's rows; what is wrong with its records."""
    part = Part(sheet.text.file, sheet.names, newline=sheet.text.newline)
    texts = {name: f"c{i}" for i, name in enumerate(sheet.names)}
    rejects, text = "", sheet.text
    try:
        table.insert(part, texts, _source(text.path, sheet, reading))
    except duckdb.InvalidInputException:
        if fault := beyond(text, len(sheet.names), reading):
            return [fault]
        rejects = f"{table.name}_rejects"
        try:
            table.insert(part, texts, _source(text.path, sheet, reading, rejects))
        except duckdb.InvalidInputException:
            _drop(table, rejects)
            # Ends of lines of several kinds stop the parser; with one kind it reads on.
            clean = land(text.file, reading.encoding, temp, kind="not_csv", caps=reading.caps, copy=True)
            if isinstance(clean, Finding):
                return [clean]
            discard(text)
            sheet.text = text = clean
            part.newline = clean.newline
            try:
                table.insert(part, texts, _source(text.path, sheet, reading, rejects))
            except duckdb.InvalidInputException:
                _drop(table, rejects)
                return [Finding("unreadable", f"{text.file.path}: the parser gave up", text.file.path)]
    part.offset = sheet.before + 1 - part.start
    rejected: list[tuple[Any, ...]] = []
    if rejects and text.lines != sheet.before + part.rows:
        gravest = "CASE error_type WHEN 'INVALID ENCODING' THEN 0 WHEN 'UNQUOTED VALUE' THEN 1 ELSE 2 END"
        query = (
            f"SELECT line, arg_min(error_type, {gravest}), any_value(csv_line), min(line_byte_position)"
            f" FROM {rejects} GROUP BY line ORDER BY line"
        )
        rejected = table.connection.execute(query).fetchall()
    if rejects:
        _drop(table, rejects)
    found, events = _account(table, part, sheet, rejected, reading)
    newline = "" if text.copied else text.newline
    sheet.laid = Laid(part, text.encoding, newline, sheet.before, text.lines, events)
    return found


def _drop(table: Table, rejects: str) -> None:
    table.connection.execute(f"DROP TABLE IF EXISTS {rejects}; DROP TABLE IF EXISTS {rejects}_scans")


def _source(path: str, sheet: _Sheet, reading: Reading, rejects: str = "") -> str:
    """Without `rejects`, a table for them, the first faulty record stops the parser."""
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(sheet.names)))
    options = {
        "auto_detect": "false",
        "columns": f"{{{columns}}}",
        "delim": literal(reading.delimiter or ","),
        "quote": literal(reading.quote),
        "escape": literal(reading.escape or reading.quote),
        "header": str(reading.header).lower(),
        "skip": str(sheet.records - reading.header),
        "compression": "'none'",
        "nullstr": literals(["" if "" in reading.null_values else _NO_NULL]),
        "allow_quoted_nulls": "false",
        "max_line_size": str(reading.caps.line_bytes),
    }
    if rejects:
        options |= {"store_rejects": "true", "rejects_limit": "0"}
        options |= {"rejects_table": literal(rejects), "rejects_scan": literal(f"{rejects}_scans")}
    return f"read_csv({literal(path)}, {', '.join(f'{k}={v}' for k, v in options.items())})"


def _account(
    table: Table, part: Part, sheet: _Sheet, rejected: Sequence[tuple[Any, ...]], reading: Reading
) -> tuple[list[Finding], list[Event] | None]:
    """Where each rejected record and blank line stood among the rows, so that every row has its line; None where some
    lines are in no record."""
    text, newline = sheet.text, sheet.text.newline
    inner = [r[2].strip("\r\n").count(newline) for r in rejected]
    missing = text.lines - sheet.before - part.rows - len(rejected) - sum(inner)
    blanks: list[int] = []
    if missing:
        breaks = table.breaks(part.start, newline)
        part.breaks = breaks > 0
        missing -= breaks
    if missing > 0 and len(sheet.names) > 1:
        blanks = [n for n in _blank_lines(text, reading) if n > sheet.records]
        missing -= len(blanks)
    kinds = [_KINDS.get(r[1], "unreadable") for r in rejected]
    events = sorted(
        [(r[0], 1 + n, kind) for r, n, kind in zip(rejected, inner, kinds, strict=True)] + [(n, 1, "") for n in blanks]
    )
    places = {n: n - 1 - sheet.records - i for i, (n, _, _) in enumerate(events)}
    part.jumps = [(places[n], lines) for n, lines, _ in events]
    found = _findings(table, part, sheet, rejected, places)
    if missing > 0 and "line_too_long" not in {f.kind for f in found}:
        kind = "quote" if any(f.kind == "quote" for f in found) else "unreadable"
        message = f"{text.file.path}: {counted(missing, 'line')} of {text.lines:,} in no record"
        found.append(Finding(kind, message, text.file.path, rows=missing))
    return found, None if missing else [Event(places[n], lines, kind) for n, lines, kind in events]


def _blank_lines(text: Text, reading: Reading) -> list[int]:
    """Blank lines outside quotes, in ends of records from 1."""
    found: list[int] = []
    number, inside, quote = 0, False, reading.quote.encode()
    with open(text.path, "rb") as stream:
        for line in stream:
            number += not inside
            if quote and line.count(quote) % 2:
                inside = not inside
            elif not inside and not line.rstrip(b"\r\n"):
                found.append(number)
    return found


def _findings(
    table: Table, part: Part, sheet: _Sheet, rejected: Sequence[tuple[Any, ...]], places: dict[int, int]
) -> list[Finding]:
    """One finding per kind, with the first lines as evidence."""
    path = part.file.path
    grouped: dict[str, list[tuple[Any, ...]]] = {}
    for row in rejected:
        grouped.setdefault(_KINDS.get(row[1], "unreadable"), []).append(row)
    found: list[Finding] = []
    for kind, rows in grouped.items():
        shown = [(path, _line(table, part, sheet, r[0], places), r[2].strip("\r\n")[:_SHOWN]) for r in rows[:_EVIDENCE]]
        if kind == "ragged":
            few = sum(r[1] == "MISSING COLUMNS" for r in rows)
            said = f"without {len(sheet.names)} fields ({few} with fewer, {len(rows) - few} with more)"
        else:
            said = _SAID[kind].format(encoding=sheet.text.encoding)
        where = f"first in line {shown[0][1]}"
        if kind == "encoding" and sheet.text.landed:
            where += f", offset {_offset(sheet.text, rows[0][3])}"
        message, apart = f"{path}: {counted(len(rows), 'record')} {said}, {where}", kind in LOCATED
        found.append(Finding(kind, message, path, len(rows), tuple(shown), len(rows) if apart else None))
    return found


def _line(table: Table, part: Part, sheet: _Sheet, number: int, places: dict[int, int]) -> int:
    """The line a rejected record begins in."""
    line = number + sheet.before - sheet.records
    line += sum(n - 1 for row, n in part.jumps if row < places[number])
    if part.breaks:
        line += table.breaks(part.start, part.newline, part.start + places[number])
    return line


def _offset(text: Text, line_start: int) -> int:
    """Of the first byte that is no UTF-8, from 0."""
    with open(text.path, "rb") as stream:
        stream.seek(max(line_start - 1, 0))
        try:
            stream.read(1 << 20).decode()
        except UnicodeDecodeError as error:
            return max(line_start - 1, 0) + error.start
    return max(line_start - 1, 0)
