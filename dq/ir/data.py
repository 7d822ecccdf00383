"""What data is to the gate: types, schema, files, partitions. One closed list of types; `names.py` maps it outwards."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from dq.ir.expr import Path, Scalar
from dq.ir.limits import Caps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


# Hidden columns every engine sees beside the data.
FILE = "⟨file⟩"  # path of the landed file, as in DataFile.path
ROW = "⟨row⟩"  # position from 1: line of a text file, row number of a Parquet file, row index of a frame
RAW = "⟨raw⟩"  # prefix of a column that holds landed text which could not be read as its declared type
RESERVED = ("⟨file⟩", "⟨row⟩", "⟨raw⟩", "⟨part⟩", "⟨line⟩")  # no landed column is called so, or begins so


def raw(name: str) -> str:
    """Hidden column: the text of `name` that could not be read as its declared type, else NULL."""
    return RAW + name


class Kind(StrEnum):
    BOOL = "bool"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    DECIMAL = "decimal"
    FLOAT = "float"
    DOUBLE = "double"
    STRING = "string"
    BINARY = "binary"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    DURATION = "duration"
    UUID = "uuid"
    LIST = "list"
    STRUCT = "struct"
    MAP = "map"
    JSON = "json"
    ENUM = "enum"
    NULL = "null"  # a column of nothing but NULL, before anybody declared its type


INTEGERS = frozenset(k for k in Kind if k.startswith(("int", "uint")))
FLOATS = frozenset({Kind.FLOAT, Kind.DOUBLE})
NUMBERS = INTEGERS | FLOATS | {Kind.DECIMAL}
TEXTS = frozenset({Kind.STRING, Kind.ENUM, Kind.JSON})
TIMES = frozenset({Kind.DATE, Kind.TIMESTAMP})
NESTED = frozenset({Kind.LIST, Kind.STRUCT, Kind.MAP})


@dataclass(frozen=True, slots=True)
class Type:
    """`decimal` has precision and scale, `timestamp` unit, zone; `list` item, `struct` fields, `map` key and item."""

    kind: Kind
    precision: int | None = None
    scale: int | None = None
    unit: str | None = None
    zone: str | None = None
    key: Type | None = None
    item: Type | None = None
    fields: tuple[Field, ...] = ()
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        match self.kind:
            case Kind.DECIMAL if self.precision is not None:
                return f"decimal({self.precision},{self.scale})"
            case Kind.TIMESTAMP:
                parts = [p for p in (self.unit, self.zone) if p]
                return f"timestamp({', '.join(parts)})" if parts else "timestamp"
            case Kind.LIST:
                return f"list({self.item})" if self.item else "list"
            case Kind.STRUCT:
                return f"struct({', '.join(f'{f.name}: {f.type}' for f in self.fields)})" if self.fields else "struct"
            case Kind.MAP:
                return f"map({self.key}, {self.item})" if self.item else "map"
            case _:
                return self.kind.value


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: Type
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Schema:
    """Columns in the order in which they landed. `inferred` names text columns whose type nobody declared."""

    fields: tuple[Field, ...] = ()
    inferred: frozenset[str] = frozenset()
    _types: Mapping[str, Type] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_types", {f.name: f.type for f in reversed(self.fields)})

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f.name for f in self.fields)

    def find(self, path: Path) -> Type | None:
        """Type at the path through structs; None where there is no such column or leaf."""
        found = self._types.get(path[0])
        for name in path[1:]:
            found = next((f.type for f in found.fields if f.name == name), None) if found else None
        return found

    def leaves(self) -> Iterator[tuple[Path, Type]]:
        """Every column, then the leaves of structs behind their struct."""
        for f in self.fields:
            yield from _leaves((f.name,), f.type)


def _leaves(path: Path, type_: Type) -> Iterator[tuple[Path, Type]]:
    yield path, type_
    for f in type_.fields:
        yield from _leaves((*path, f.name), f.type)


_PLAIN = re.compile(r"[^.`\[\]{}]+")


def format_path(path: Path) -> str:
    """`a.b`; a name that holds a dot, backtick or bracket stands in backticks, backticks doubled."""
    return ".".join(p if _PLAIN.fullmatch(p) else "`" + p.replace("`", "``") + "`" for p in path)


_STEP = re.compile(r"`((?:[^`]|``)+)`|([^.`]+)")


def parse_path(text: str) -> Path:
    """Inverse of `format_path`. Raises ValueError on an empty step or an open backtick."""
    path: list[str] = []
    position = 0
    while True:
        step = _STEP.match(text, position)
        if not step:
            raise ValueError(f'"{text}" is no column path')
        path.append(step[1].replace("``", "`") if step[1] is not None else step[2])
        position = step.end()
        if position == len(text):
            return tuple(path)
        if text[position] != ".":
            raise ValueError(f'"{text}" is no column path')
        position += 1


SIMPLE_TYPES = {k.value: Type(k) for k in Kind if k is not Kind.NULL}
_DECIMAL = re.compile(r"decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_TIMESTAMP = re.compile(r"timestamp\(\s*(?:(s|ms|us|ns)\s*)?(?:,?\s*([A-Za-z][\w/+:-]*))?\s*\)")


def parse_type(text: str) -> Type:
    """Type from its text form (`int64`, `decimal(10,2)`, `timestamp(us, UTC)`, `list(string)`). Raises ValueError."""
    text = text.strip()
    if text in SIMPLE_TYPES:
        return SIMPLE_TYPES[text]
    if match := _DECIMAL.fullmatch(text):
        precision, scale = int(match[1]), int(match[2])
        if not 0 < precision <= 38 or scale > precision:
            raise ValueError(f'"{text}": a decimal has 1 to 38 digits, of which the scale is a part')
        return Type(Kind.DECIMAL, precision=precision, scale=scale)
    if match := _TIMESTAMP.fullmatch(text):
        return Type(Kind.TIMESTAMP, unit=match[1], zone=match[2])
    head, _, rest = text.partition("(")
    if rest.endswith(")") and head in ("list", "map", "struct"):
        parts = _split(rest[:-1])
        if head == "list" and len(parts) == 1:
            return Type(Kind.LIST, item=parse_type(parts[0]))
        if head == "map" and len(parts) == 2:
            return Type(Kind.MAP, key=parse_type(parts[0]), item=parse_type(parts[1]))
        if head == "struct" and all(":" in p for p in parts):
            pairs = [p.split(":", 1) for p in parts]
            return Type(Kind.STRUCT, fields=tuple(Field(n.strip(), parse_type(t)) for n, t in pairs))
    raise ValueError(f'"{text}" is no type')


def _split(text: str) -> list[str]:
    """Split at commas outside brackets."""
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]]


def fits(found: Type, declared: Type) -> bool:
    """Whether every value of `found` is a value of `declared`: equal kinds, and lossless widening of numbers."""
    if found.kind is Kind.NULL or found.kind is declared.kind:
        return _same_kind_fits(found, declared)
    if found.kind in INTEGERS and declared.kind in INTEGERS:
        low, high = integer_range(found.kind)
        lowest, highest = integer_range(declared.kind)
        return lowest <= low and high <= highest
    if declared.kind is Kind.DECIMAL and found.kind in INTEGERS:
        whole = (declared.precision or 38) - (declared.scale or 0)
        return integer_range(found.kind)[1] < int(10**whole)
    if declared.kind is Kind.DOUBLE:
        return found.kind in {Kind.FLOAT, Kind.INT8, Kind.INT16, Kind.INT32, Kind.UINT8, Kind.UINT16, Kind.UINT32}
    return bool(declared.kind is Kind.STRING and found.kind in TEXTS)


def alike(left: Type, right: Type) -> bool:
    """Whether guesses of these types may be guesses at one."""
    return any({left.kind, right.kind} <= kinds for kinds in (NUMBERS, TIMES))


_UNITS = ("s", "ms", "us", "ns")


def _same_kind_fits(found: Type, declared: Type) -> bool:
    if found.kind is Kind.DECIMAL and declared.precision is not None:
        whole = (found.precision or 38) - (found.scale or 0)
        return whole <= declared.precision - (declared.scale or 0) and (found.scale or 0) <= (declared.scale or 0)
    if found.kind is Kind.TIMESTAMP and declared.unit is not None:
        finer = _UNITS.index(found.unit or declared.unit) > _UNITS.index(declared.unit)
        return not finer and (found.zone is None) is (declared.zone is None)  # a moment, or what a clock showed
    if found.kind is Kind.LIST and declared.item:
        return found.item is not None and fits(found.item, declared.item)
    if found.kind is Kind.STRUCT and declared.fields:
        inner = {f.name: f.type for f in found.fields}
        return all(f.name in inner and fits(inner[f.name], f.type) for f in declared.fields)
    return True


def integer_range(kind: Kind) -> tuple[int, int]:
    bits = int(kind.lstrip("uint"))
    return (0, 2**bits - 1) if kind.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


PINNED = "etag:"
VERSION = "?versionId="  # behind the URL of an object on S3: this version of it


def unversioned(location: str) -> str:
    return location.partition(VERSION)[0]


@dataclass(frozen=True, slots=True)
class DataFile:
    """One landed file. `path` is relative to the partition's zone, `location` is where an engine opens it.

    `signature` (inode, mtime, ctime or ETag, version) tells cheaply that nothing changed; `digest` is SHA-256, or
    PINNED and the ETag of what was read in ranges and S3 keeps no SHA-256 of; `modified` is when it was written last,
    in seconds since 1970, where a listing said so.
    """

    path: str
    bytes: int
    location: str = ""
    signature: str = ""
    digest: str = ""
    modified: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Partition:
    """The unit that is judged and moved. `key` is its path below the source; `values` are the typed path keys."""

    source: str
    key: str
    values: tuple[tuple[str, Scalar], ...] = ()
    files: tuple[DataFile, ...] = ()
    single_file: bool = False
    digest: str = ""

    @property
    def bytes(self) -> int:
        return sum(f.bytes for f in self.files)

    def with_files(self, files: tuple[DataFile, ...], digest: str) -> Partition:
        return replace(self, files=files, digest=digest)


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are to be read; what is None is decided by extension and content, and said in the result.

    `declared` maps a column's landed name to the type and timestamp formats the contract gives it; `renamed` maps
    landed alias to canonical name. `null_values` are texts that mean NULL. Where nobody declares a type, `texts` may
    look like times and are none.
    """

    format: str | None = None  # parquet | csv | json | ndjson
    delimiter: str | None = None
    quote: str = '"'
    escape: str | None = None
    encoding: str = "utf-8"
    skip: int = 0  # lines above the header
    header: bool = True
    names: tuple[str, ...] = ()
    null_values: tuple[str, ...] = ("",)
    decimal: str = "."
    thousands: str = ""
    declared: tuple[Declared, ...] = ()
    keys: tuple[tuple[str, Scalar], ...] = ()
    texts: frozenset[str] = frozenset()
    caps: Caps = Caps()


@dataclass(frozen=True, slots=True)
class Declared:
    """A column as the contract declares it: what text is read as, and under which other names it may land."""

    name: str
    type: Type | None = None
    formats: tuple[str, ...] = ()
    zone: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A structural fault of the data, seen while opening or parsing: `kind` names it (`truncated`, `ragged` ...).

    `records`, of a fault that single records have, each with lines of its own: how many these are, but for those that
    another finding counts. None: no record could be left out to mend it.
    """

    kind: str
    message: str
    file: str = ""
    rows: int | None = None
    evidence: tuple[tuple[str, int, str], ...] = ()  # file, line, text
    records: int | None = None

    @property
    def said(self) -> str:
        """The message, with the file named once."""
        return self.message if not self.file or self.message.startswith(self.file) else f"{self.file}: {self.message}"


@dataclass(frozen=True, slots=True)
class ColumnFooter:
    """What Parquet footers say of a column, merged over row groups. None where any file does not say."""

    null_count: int | None = None
    low: Scalar = None
    high: Scalar = None
    bytes: int = 0
    plain_bytes: int = 0  # before compression


@dataclass(frozen=True, slots=True)
class Footer:
    """Row count and column statistics known without reading a data page."""

    rows: int
    columns: tuple[tuple[Path, ColumnFooter], ...] = field(default=())
    group_rows: int = 0  # of the largest row group
    _places: Mapping[Path, ColumnFooter] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", dict(self.columns))

    def column(self, path: Path) -> ColumnFooter | None:
        return self._places.get(path)
