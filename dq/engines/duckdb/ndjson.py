"""JSON: one object per line, concatenated objects, or one array of them. A record's text is kept until it is read.

Numbers keep their digits: what a double or a 64-bit integer cannot hold is never rounded into one.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import duckdb

from dq.engines.base import Indivisible, reserved
from dq.engines.duckdb.connect import identifier, literal
from dq.engines.duckdb.depth import Shape, excess, is_wide
from dq.engines.duckdb.infer import JSON
from dq.engines.duckdb.kinds import OPAQUE, landed, misfit, pointer
from dq.engines.duckdb.landed import Text, discard, land, marked, peek, without_empty
from dq.engines.duckdb.sql import type_name
from dq.engines.duckdb.table import Column, Names, Part, Table
from dq.engines.duckdb.values import packed_column
from dq.ir.data import DataFile, Field, Finding, Kind, Reading, Type
from dq.ir.positions import FileSplit, TextForm
from dq.words import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from dq.engines.base import Dataset

_EVIDENCE = 5
_SHOWN = 200
_PIECE = 4_000_000  # bytes of JSON told the shape of at a time
_KEYED = 20_000  # records looked at for keys that stand twice
_LARGEST = 16_000_000  # bytes of a record
_serial = itertools.count(1)
_LEAVES = {
    "NULL": Kind.NULL, "VARCHAR": Kind.STRING, "BOOLEAN": Kind.BOOL, "BIGINT": Kind.INT64, "UBIGINT": Kind.INT64,
    "HUGEINT": Kind.INT64, "DOUBLE": Kind.DOUBLE,
}  # fmt: skip
_TRAILING = r"',\s*[}\]]'"  # DuckDB reads on over a comma that nothing follows
_UNQUOTED = r"""regexp_replace(j, '"(?:\\.|[^"\\])*"', '""', 'g')"""
_WIDER = ("BIGINT", "UBIGINT", "HUGEINT", "DOUBLE")  # HUGEINT: as soon as some are negative and some are not


@dataclass(slots=True)
class _Records:
    """A file's records in a table of their own: text `j`, and `kind` OBJECT, OTHER, INVALID or NULL (blank line)."""

    file: DataFile
    table: str
    unit: str  # line | record
    shapes: dict[str, Shape]
    form: TextForm | None = None  # None: records do not follow lines
    rejected: bytes = b""


def open_json(connection: duckdb.DuckDBPyConnection, files: Sequence[DataFile], reading: Reading, temp: str) -> Dataset:
    """Called by `text.open_text`, whose promises hold."""
    findings: list[Finding] = []
    opened: list[_Records] = []
    dialect = reading
    for file in files:
        copy = marked(peek(file)) is not None
        text = land(file, reading.encoding, temp, kind="not_json", caps=reading.caps, copy=copy)
        if isinstance(text, Finding):
            findings.append(text)
            continue
        findings += text.findings
        try:
            found = _records(connection, text, reading, temp, findings)
        finally:
            discard(text)
        if found:
            findings += _judge(connection, found)
            if unfit := reserved(found.shapes, file.path) or excess(found.shapes, file.path, reading.caps):
                findings.append(unfit)
                connection.execute(f"DROP TABLE {found.table}")
                continue
            opened.append(found)
            dialect = replace(reading, format="ndjson" if found.unit == "line" else "json", encoding=text.encoding)
    if opened and all(records.unit == "line" for records in opened):
        findings = without_empty(findings)
    return _read(connection, opened, reading, dialect, findings)


def _records(
    connection: duckdb.DuckDBPyConnection, text: Text, reading: Reading, temp: str, findings: list[Finding]
) -> _Records | None:
    """The file's records, or a finding that says why there are none."""
    path = text.file.path
    start = text.head.lstrip()
    if start[:1] not in ("{", "["):
        found = "holds only blanks" if not start else "is no JSON: it begins with neither { nor ["
        findings.append(Finding("not_json" if start else "empty_file", f"{path} {found}", path))
        return None
    lines = start[0] == "{" and (reading.format == "ndjson" or any(map(_is_record, start.split("\n", 20)[:20])))
    if start[0] == "[" and not _closed(text.path):
        findings.append(Finding("not_json", f"{path} is malformed JSON: the array is not closed", path))
        return None
    too_long = Finding("line_too_long", f"{path}: a record of more than {_LARGEST:,} bytes", path)
    if lines and text.longest > _LARGEST:
        findings.append(too_long)
        return None
    table = f"dq_json_{next(_serial)}"
    form = "array" if start[0] == "[" else "unstructured"
    try:
        if not lines:
            options = f"format='{form}', compression='none', maximum_object_size={_LARGEST}"
            _create(
                connection, table, f"SELECT json::VARCHAR AS j FROM read_json_objects({literal(text.path)}, {options})"
            )
        else:
            parsed = _create_lines(connection, table, text, reading, temp, findings)
    except duckdb.InvalidInputException as error:
        where = re.search(r"at byte \d+ in (?:record/value|line) \d+", str(error))
        message = f"{path} is malformed {'JSON' if not lines else 'text'}" + (f", {where[0]}" if where else "")
        findings.append(too_long if "maximum_object_size" in str(error) else Finding("not_json", message, path))
        return None
    records = _Records(text.file, table, "line" if lines else "record", {})
    if lines and _count(connection, table) == parsed.lines:
        records.form = TextForm(text.encoding, "" if parsed.copied else text.newline)
    return records


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row: Any = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0])


def _closed(path: str) -> bool:
    """Whether an array has its end: DuckDB takes one that is cut behind a comma."""
    with open(path, "rb") as stream:
        stream.seek(max(os.path.getsize(path) - 65536, 0))
        return stream.read().rstrip().endswith(b"]")


def _is_record(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):  # one that is nested too deep is told where it is read
        return False


def _create(connection: duckdb.DuckDBPyConnection, table: str, source: str) -> None:
    first = "ltrim(j, ' \t\r\n')"
    kind = f"CASE WHEN j IS NULL OR {first} = '' THEN NULL WHEN NOT json_valid(j) THEN 'INVALID'"
    kind += f" WHEN regexp_matches(j, {_TRAILING}) AND regexp_matches({_UNQUOTED}, {_TRAILING}) THEN 'INVALID'"
    kind += f" WHEN {first}[1] = '{{' THEN 'OBJECT' ELSE 'OTHER' END"
    connection.execute(f"CREATE TEMP TABLE {table} AS SELECT j, {kind} AS kind FROM ({source})")


def _create_lines(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    text: Text,
    reading: Reading,
    temp: str,
    findings: list[Finding],
) -> Text:
    """One record per line, read as a CSV of one column without quotes; then the row tells the line. The text read."""

    def source(path: str) -> str:
        options = "auto_detect=false, columns={'j': 'VARCHAR'}, delim='', quote='', escape='', header=false"
        return f"SELECT j FROM read_csv({literal(path)}, {options}, compression='none', max_line_size={_LARGEST})"

    try:
        _create(connection, table, source(text.path))
        return text
    except duckdb.InvalidInputException:
        clean = land(text.file, reading.encoding, temp, kind="not_json", caps=reading.caps, copy=True)
        if isinstance(clean, Finding):
            raise
        try:
            findings += _undecoded(text)
            _create(connection, table, source(clean.path))
            return clean
        finally:
            discard(clean)


def _undecoded(text: Text) -> list[Finding]:
    """Lines that are no UTF-8."""
    path, offset, first = text.file.path, 0, ""
    shown: list[tuple[str, int, str]] = []
    with open(text.path, "rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                first = first or f"first in line {number}" + (f", offset {offset + error.start}" if text.landed else "")
                shown.append((path, number, line.decode(errors="replace").rstrip()[:_SHOWN]))
            offset += len(line)
    if not shown:
        return []
    message = f"{path}: lines that are not {text.encoding}: {len(shown)}, {first}"
    return [Finding("encoding", message, path, len(shown), tuple(shown[:_EVIDENCE]), 0)]  # they are malformed JSON


def _judge(connection: duckdb.DuckDBPyConnection, records: _Records) -> list[Finding]:
    """What is wrong with the records; fills their shapes."""
    path, table = records.file.path, records.table
    rows = connection.execute(
        f"SELECT kind, count(*), arg_min({{'n': rowid + 1, 'j': left(j, {_SHOWN})}}, rowid, {_EVIDENCE})"
        f" FROM {table} WHERE kind IN ('INVALID', 'OTHER') GROUP BY kind ORDER BY kind"
    ).fetchall()
    found: list[Finding] = []
    for kind, count, shown in rows:
        said = "malformed JSON" if kind == "INVALID" else "no JSON object"
        message = f"{path}: {counted(count, records.unit)} of {said}, first {records.unit} {shown[0]['n']}"
        evidence = tuple((path, s["n"], s["j"]) for s in shown)
        found.append(Finding("bad_json", message, path, count, evidence, count))
    if found:
        lines = connection.sql(
            f"SELECT rowid + 1 AS line FROM {table} WHERE kind IN ('INVALID', 'OTHER') ORDER BY rowid"
        )
        records.rejected = packed_column(lines.to_arrow_table().column("line"))
    records.shapes = _shapes(connection, table)
    return [*found, *_twice(connection, records)]


def _shapes(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, Shape]:
    """Keys and kinds of all objects. DuckDB needs twenty times their size to tell, so it is asked piece by piece."""
    row: Any = connection.execute(f"SELECT count(*), sum(strlen(j)) FROM {table}").fetchone()
    step = max(row[0] * _PIECE // max(int(row[1] or 0), 1), 1)
    found: Shape = {}
    for start in range(0, row[0], step):
        rows = f"rowid >= {start} AND rowid < {start + step} AND kind = 'OBJECT'"
        query = f"SELECT json_group_structure(j::JSON) FROM {table} WHERE {rows}"
        piece: Any = connection.execute(query).fetchone()
        found = _merge(found, json.loads(piece[0])) if piece[0] else found
    return found if isinstance(found, dict) else {}


def _twice(connection: duckdb.DuckDBPyConnection, records: _Records) -> list[Finding]:
    """Keys that stand twice in an object, among the first records: every reader makes something else of those."""
    row: Any = connection.execute(
        "SELECT count(*), min(row) FROM (SELECT json_keys(j) AS keys, rowid + 1 AS row"
        f" FROM {records.table} WHERE rowid < {_KEYED} AND kind = 'OBJECT') WHERE len(keys) <> len(list_distinct(keys))"
    ).fetchone()
    if not row[0]:
        return []
    path, unit = records.file.path, records.unit
    message = f"{path}: a key stands twice in {unit} {row[1]} ({row[0]:,} such); its first value is read"
    return [Finding("duplicate_keys", message, path, row[0])]


def _read(
    connection: duckdb.DuckDBPyConnection,
    opened: Sequence[_Records],
    reading: Reading,
    dialect: Reading,
    findings: list[Finding],
) -> Dataset:
    names = Names(reading.declared, of_kinds=True)
    merged: dict[str, Shape] = {}
    layouts: list[dict[str, str]] = []
    for records in opened:
        canonical, twice = names.of(list(records.shapes))
        layouts.append(dict(zip(canonical, records.shapes, strict=True)))
        for name, shape in zip(canonical, records.shapes.values(), strict=True):
            merged[name] = _merge(merged.get(name, "NULL"), shape)
        if twice:
            message = f"{records.file.path}: keys differ only in case or stand for one column: {', '.join(twice)}"
            findings.append(Finding("duplicate_columns", message, records.file.path))
    table = Table(connection, [_landed(c, merged[n]) for n, c in names.columns.items()], reading, lined=True)
    for records, layout in zip(opened, layouts, strict=True):
        alone = _alone(layout.values())
        mixed = {n for n in layout if merged[n] == OPAQUE and not table.declared(n)}
        types = {n: found for n in layout if (found := table.declared(n))}
        values = {n: _value(key, alone) for n, key in layout.items()}
        wrong = {n: misfit(values[n], t, records.shapes[layout[n]]) for n, t in types.items()}
        columns = {n: (f"w{i}", f"t{i}") for i, (n, found) in enumerate(wrong.items()) if found}
        texts = {n: _text(key, alone, n in mixed) for n, key in layout.items()}
        texts |= {n: text for n, (_, text) in columns.items()}
        texts |= {n: _digits(texts[n], layout[n]) for n, t in types.items() if t.kind is Kind.DECIMAL}
        kept = mixed | columns.keys()
        wanted = {k: "JSON" if n in kept else "VARCHAR" for n, k in layout.items() if k in alone}
        shape = literal(json.dumps(wanted, ensure_ascii=False))
        parsed = f"from_json(j, {shape})" if wanted else "NULL"
        source = f"(SELECT {parsed} AS s, j, rowid + 1 AS line FROM {records.table} WHERE kind = 'OBJECT')"
        if columns:  # once each: they are asked for many times
            source = f"(SELECT *, {', '.join(f'{wrong[n]} AS {w}' for n, (w, _) in columns.items())} FROM {source})"
            told = (f"{_fitting(values[n], w)} AS {t}" for n, (w, t) in columns.items())
            source = f"(SELECT *, {', '.join(told)} FROM {source})"
        misfits = {n: w for n, (w, _) in columns.items()}
        table.insert(Part(records.file, tuple(layout)), texts, source, "line", misfits)
        connection.execute(f"DROP TABLE {records.table}")
    nested = {n: s for n, s in merged.items() if (s == OPAQUE or not isinstance(s, str)) and not table.declared(n)}
    fixed = {n: _nested(table, n, s) for n, s in nested.items()}
    candidates = {n: JSON.get(s, ()) for n, s in merged.items() if isinstance(s, str)}
    dataset = table.finish(findings, dialect, candidates, fixed)
    if any(records.form is None for records in opened):
        dataset.findings = tuple(replace(f, records=None) for f in dataset.findings)
    dataset.lay_out = lambda _: _lay_out(opened, findings)
    return dataset


def _landed(column: Column, shape: Shape) -> Column:
    """As declared, but for fields that no record has."""
    declared = column.declared
    if not declared or not declared.type:
        return column
    return replace(column, declared=replace(declared, type=landed(declared.type, shape)))


def _lay_out(opened: Sequence[_Records], findings: Sequence[Finding]) -> tuple[FileSplit, ...]:
    """As Dataset.lay_out says; a line that cannot be decoded is malformed JSON too."""
    for finding in findings:
        if finding.kind not in ("bad_json", "encoding"):
            raise Indivisible(f"{finding.kind} is no fault of single records")
    for records in opened:
        if records.form is None:
            raise Indivisible(f"{records.file.path}: its records do not follow lines")
    return tuple(
        FileSplit(r.file.path, (("table.bad_json", r.rejected),) if r.rejected else (), r.form) for r in opened
    )


def _alone(keys: Collection[str]) -> frozenset[str]:
    """Keys that can be fields of a DuckDB struct beside the others, which case does not tell apart."""
    spelled = Counter(k.lower() for k in keys)
    return frozenset(k for k in keys if k and spelled[k.lower()] == 1)


def _value(key: str, alone: frozenset[str]) -> str:
    """SQL for the value, as JSON where that was wanted."""
    return f"struct_extract(s, {literal(key)})" if key in alone else f"json_extract(j, {pointer(key)})"


def _text(key: str, alone: frozenset[str], mixed: bool) -> str:
    """SQL for the value as text: strings without quotes, unless values of several kinds have to stay apart."""
    if mixed or key in alone:
        return f"CAST({_value(key, alone)} AS VARCHAR)"
    return f"json_extract_string(j, {pointer(key)})"


def _fitting(value: str, wrong: str) -> str:
    """The same of JSON values of which some are of a wrong kind: those keep their quotes."""
    whole = f"nullif(CAST({value} AS VARCHAR), 'null')"
    return f"CASE WHEN json_type({value}) = 'VARCHAR' AND NOT {wrong} THEN {value} ->> '$' ELSE {whole} END"


def _digits(text: str, key: str) -> str:
    """All digits of a number that DuckDB shortens to a double's; unreadable where they cannot be found."""
    shape = re.escape(json.dumps(key, ensure_ascii=False)) + r"\s*:\s*(-?\d[\d.]*(?:[eE][+-]?\d+)?)\s*[,}]"
    found = f"regexp_extract(j, {literal(shape)}, 1)"
    same = f"TRY_CAST({found} AS DOUBLE) = TRY_CAST({text} AS DOUBLE)"
    exact = f"CASE WHEN {same} THEN {found} ELSE '≈ ' || {text} END"
    number = f"regexp_full_match({text}, '-?[0-9.eE+-]{{15,}}')"
    return rf"CASE WHEN {number} OR regexp_matches(j, '\d[\d.]{{16,}}') AND {found} <> '' THEN {exact} ELSE {text} END"


def _merge(left: Shape, right: Shape) -> Shape:
    if left == right or right == "NULL":
        return left
    if left == "NULL":
        return right
    if isinstance(left, dict) and isinstance(right, dict):
        return {k: _merge(left.get(k, "NULL"), right.get(k, "NULL")) for k in (left | right)}
    if isinstance(left, list) and isinstance(right, list):
        return [_merge(left[0], right[0])]
    if left in _WIDER and right in _WIDER:
        return max(left, right, key=lambda s: _WIDER.index(str(s)))
    return OPAQUE


def _nested(table: Table, name: str, shape: Shape) -> tuple[Type, str]:
    """Type and value of a struct, list or mixed column; JSON text where a part has no type that holds it."""
    column = identifier(name)
    found = None if is_wide(shape) else _type(shape)
    if found is None or _has_long_numbers(table, column, 16 if "DOUBLE" in str(shape) else 19):
        return Type(Kind.JSON), column
    return found, f"TRY_CAST(TRY_CAST({column} AS JSON) AS {type_name(found)})"


def _type(shape: Shape) -> Type | None:
    if isinstance(shape, list):
        item = _type(shape[0])
        return Type(Kind.LIST, item=item) if item else None
    if isinstance(shape, dict):
        lowered = {k.lower() for k in shape}
        fields = [(k, _type(s)) for k, s in shape.items()]
        if not fields or "" in lowered or len(lowered) < len(shape) or any(t is None for _, t in fields):
            return None
        return Type(Kind.STRUCT, fields=tuple(Field(k, t) for k, t in fields if t))
    return Type(_LEAVES[shape]) if shape in _LEAVES else None


def _has_long_numbers(table: Table, column: str, digits: int) -> bool:
    """Whether an integer in it has so many digits, or a number is beyond all doubles."""
    shape = literal(rf"[\[:,]\s*-?(\d{{{digits},}}|\d+(\.\d+)?[eE]\+?\d{{3,}})\s*[,\]}}]")
    query = f"SELECT count(*) FROM {table.name} WHERE regexp_matches({column}, {shape})"
    row = table.connection.execute(query).fetchone()
    return bool(row and row[0])
