"""What an engine is: an opened dataset and aggregates go in, states come out. No row leaves it but bounded evidence.

A dataset is opened once (`open`), under canonical column names, with the partition's path keys as columns behind them.
Beside the data columns every engine sees two hidden ones, the file and the position in it, and for text one more per
declared column: the landed text where it could not be read as the declared type, else NULL.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from dq.ir.data import FILE, RAW, RESERVED, ROW, DataFile, Finding, Footer, Reading, Schema, Type, raw
from dq.ir.expr import Scalar
from dq.ir.ranged import is_ranged

__all__ = [
    "FILE", "RAW", "ROW", "Dataset", "Engine", "Indivisible", "ParquetPart", "Parted", "Reader", "Unreadable", "raw",
]  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    import pyarrow as pa

    from dq.ir.aggregate import Aggregate
    from dq.ir.other import Referenced
    from dq.ir.positions import FileSplit


LayOut: TypeAlias = "Callable[[Mapping[str, bytes]], tuple[FileSplit, ...]]"
Near: TypeAlias = "Callable[[Collection[str]], tuple[ParquetPart, ...] | None]"
Bring: TypeAlias = "Callable[[Collection[str], str], tuple[ParquetPart, ...]]"


@dataclass(frozen=True, slots=True)
class ParquetPart:
    """Parquet files of one layout: (canonical name, landed name, landed type), landed None where absent."""

    files: tuple[DataFile, ...]
    columns: tuple[tuple[str, str | None, Type], ...]


@dataclass(slots=True)
class Dataset:
    """An opened partition. Exactly one of `parts` (Parquet, read in place), `table` (a DuckDB table on `connection`)
    and `frame` (in memory, Arrow) holds the data. `schema` has canonical names and unified types, path keys last."""

    schema: Schema
    file_schemas: tuple[tuple[str, Schema], ...] = ()
    findings: tuple[Finding, ...] = ()
    rows: int | None = None
    bytes: int = 0
    footer: Footer | None = None
    dialect: Reading = field(default_factory=Reading)  # how text was read, every choice filled in
    keys: tuple[tuple[str, Scalar], ...] = ()
    parts: tuple[ParquetPart, ...] = ()
    connection: Any = None
    table: str = ""
    frame: pa.Table | None = None
    raw_columns: frozenset[str] = frozenset()  # hidden raw-text columns the table has
    memory_bytes: int | None = None  # that an engine may use; None: no matter
    others: dict[str, Dataset] = field(default_factory=dict)  # to compare with: Parquet, each of them
    referenced: tuple[Referenced, ...] = ()  # where those are from
    lacking: tuple[Referenced, ...] = ()  # what cannot be compared with
    close: Callable[[], None] = lambda: None
    integrity: str = "none"  # what vouches for the bytes
    verify: Callable[[Collection[str]], tuple[str, tuple[Finding, ...]]] | None = None
    """Of Parquet: what vouches for the bytes of these columns, and where it says that they are not what was written."""
    near: Near = lambda _: None
    """Of Parquet elsewhere: its parts on this disk, in files of which these columns may be read and nothing else; None
    where there is no room for them."""
    bring: Bring | None = None
    """Of Parquet: its parts with these columns in files in a folder, for readers of local files."""
    here: Dataset | None = None  # the last that was `reached`
    lay_out: LayOut = lambda _: ()
    """Of text: given packed positions of rows by file, how the records of each file lie in its lines, and as `rules`
    those that could not be read (`table.<kind>`). Raises Indivisible where a record has no lines of its own."""

    @property
    def landed(self) -> Schema:
        """The schema without path keys, which every row shares; a key that landed as a column too stays."""
        inside = {n for _, schema in self.file_schemas for n in schema.names}
        keys = {name for name, _ in self.keys} - inside
        return replace(self.schema, fields=tuple(f for f in self.schema.fields if f.name not in keys))

    @property
    def ranged(self) -> bool:
        """Whether it lies elsewhere and is read in ranges."""
        return any(is_ranged(f.location) for part in self.parts for f in part.files)

    def reached(self, names: Collection[str]) -> Dataset:
        """With these columns on this disk, if there is room; always the same, since engines know a dataset again."""
        parts = self.near(names) if self.ranged else None
        if parts is None:
            return self
        if self.here is None or self.here.parts != parts:
            self.here = replace(self, parts=parts)
        return self.here

    def brought(self, names: Collection[str], folder: str) -> Dataset:
        """With these columns in a folder, if they lie elsewhere."""
        return replace(self, parts=self.bring(names, folder)) if self.ranged and self.bring else self

    @property
    def readable(self) -> bool:
        """Whether any file could be opened."""
        return bool(self.parts or self.table) or self.frame is not None


def reserved(names: Iterable[str], file: str = "") -> Finding | None:
    """A landed name that would stand for one of the hidden columns."""
    found = next((n for n in names if n.startswith(RESERVED)), None)
    return Finding("reserved_name", f'a column cannot be called "{found}"', file) if found else None


class Engine(Protocol):
    """Computes aggregates of one family over a dataset.

    Raises EngineError where it fails on readable data, and dq.engines.base.Unreadable where the bytes are at fault.
    """

    name: str

    def run(self, dataset: Dataset, aggregates: Sequence[Aggregate]) -> Mapping[Aggregate, Any]: ...


class Reader(Protocol):
    """Opens landed files. Faults of the data become `Dataset.findings`; what can be read is read."""

    def open(self, files: Sequence[DataFile], reading: Reading) -> Dataset: ...


class Unreadable(Exception):
    """The bytes are at fault (`unreadable`): found while reading what looked sound from outside."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        super().__init__(finding.message)


@dataclass(frozen=True, slots=True)
class Parted:
    """What parting a file left: records withheld, and whether any is kept."""

    withheld: int
    kept: bool


class Indivisible(Exception):
    """The rows of a file cannot be taken apart; the message says why."""
