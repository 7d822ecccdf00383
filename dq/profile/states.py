"""A profile is states, not numbers: profiles of partitions add up to the profile of the source.

Merging is exact, associative and commutative but for `distinct` and `top`, which keep their stated error. What one side
does not know is not known of the whole: such a statistic is left out, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dq.ir import codec
from dq.ir.aggregate import Aggregate, TopState
from dq.ir.data import INTEGERS, NUMBERS, TEXTS, TIMES, Schema, Type, fits
from dq.ir.expr import Col, Path
from dq.ir.sampling import SampleState
from dq.profile.meaning import personal
from dq.profile.questions import STATISTICS, Depth, Subject, asked, duplicate_rows, in_utc, is_marked

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

STATE_VERSION = 1
MARKED = "marked as personal data"
LONGEST_VALUE = 256  # characters of text, bytes of binary: longer single values do not enter a profile


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """`rows` of the partitions that have the column; `types` all it had; `states` by statistic name; a statistic that
    is absent is unknown. `personal`: the kind of personal data it is, with its share; no state shows a value then."""

    path: Path
    types: tuple[Type, ...]
    rows: int = 0
    states: Mapping[str, Any] = field(default_factory=dict)
    personal: tuple[str, float] | None = None

    @property
    def type(self) -> Type:
        """The widest type; the first by name where none holds all."""
        first, *others = self.types
        return next((t for t in self.types if all(fits(o, t) for o in self.types)), first) if others else first

    @property
    def present(self) -> int:
        """Rows with a value; NaN is a value here."""
        return self.rows - int(self.states.get("nulls", 0))

    @property
    def comparable(self) -> bool:
        """Whether values of all its types can be told apart and put in one order."""
        return len({_group(t) for t in self.types}) == 1


@dataclass(frozen=True, slots=True)
class Profile:
    """States of one partition or of several. `states` are the table's own (depth full), which do not merge:
    `rows` (Distinctness of all columns), `missing_together` (rows in which both columns of a pair are NULL) and `pairs`
    (Distinctness of pairs).
    """

    source: str = ""
    partitions: tuple[str, ...] = ()
    rows: int = 0
    files: int = 0
    bytes: int = 0
    now: datetime | None = None
    columns: tuple[ColumnProfile, ...] = ()
    states: Mapping[str, Any] = field(default_factory=dict)

    def column(self, path: Path) -> ColumnProfile | None:
        return next((c for c in self.columns if c.path == path), None)


zero = Profile()


def profile(
    source: str,
    partition: str,
    schema: Schema,
    states: Mapping[Aggregate, Any],
    rows: int,
    now: datetime,
    depth: Depth = "core",
    *,
    files: int = 1,
    bytes: int = 0,  # noqa: A002
    pii: Collection[str] = (),
) -> Profile:
    """Profile from the answers to `questions` of the same arguments; an answer that is missing stays unknown."""
    columns = []
    for path, type_ in schema.leaves():
        answers = {n: states[a] for n, a in asked(path, type_, now, pii).items() if a in states}
        columns.append(discreet(ColumnProfile(path, (type_,), rows, _short(answers)), is_marked(path, pii)))
    whole = [states[a] for a in duplicate_rows(schema) if depth == "full" and a in states]
    table = {"rows": whole[0]} if whole else {}
    return Profile(source, (partition,), rows, files, bytes, in_utc(now), tuple(columns), table)


def looks_of(column: ColumnProfile) -> tuple[tuple[Any, float], ...]:
    """Values with the rows they stand for: the most frequent ones, and of the others all or a sample."""
    top, sample = column.states.get("top"), column.states.get("sample")
    counts = top.counts if isinstance(top, TopState) else ()
    if not isinstance(sample, SampleState):
        return counts
    listed = {value for value, _ in counts}
    return (*counts, *((v, n * sample.every) for v, n in sample.counts if v not in listed))


def discreet(column: ColumnProfile, marked: bool) -> ColumnProfile:
    """Without single values where they are personal data, by mark or by their look."""
    if marked:
        return replace(column, personal=(MARKED, 1.0))
    ends = (column.states.get("min"), column.states.get("max"))
    found = personal(looks_of(column), ends) if column.type.kind in TEXTS | INTEGERS else None
    return _redacted(column, (found.name, found.share)) if found else column


def _redacted(column: ColumnProfile, kind: tuple[str, float]) -> ColumnProfile:
    kept = {n: s for n, s in column.states.items() if (n in STATISTICS and not STATISTICS[n].reveals) or n == "key"}
    return replace(column, states=kept, personal=kind)


def _short(states: dict[str, Any]) -> dict[str, Any]:
    """Without values too long to keep. What leaves the top values raises their error, so the bound stays true."""
    kept = {n: s for n, s in states.items() if n not in ("min", "max") or not _long(s)}
    top = kept.get("top")
    if top is not None:
        long = [count for value, count in top.counts if _long(value)]
        counts = tuple((v, n) for v, n in top.counts if not _long(v))
        kept["top"] = TopState(counts, max([top.error, *(n + top.error for n in long)]))
    return kept


def _long(value: Any) -> bool:
    return isinstance(value, (str, bytes)) and len(value) > LONGEST_VALUE


def merge(left: Profile, right: Profile) -> Profile:
    """Profile of the rows of both. A column that one side lacks is unknown there: its `rows` do not grow.

    Raises ValueError for different sources.
    """
    if zero in (left, right):
        return right if left == zero else left
    if left.source != right.source:
        raise ValueError(f'profiles of "{left.source}" and "{right.source}" do not merge')
    names = [c.path for c in left.columns]
    if names != [c.path for c in right.columns]:
        names = sorted({*names, *(c.path for c in right.columns)})
    moments = [p.now for p in (left, right) if p.now]
    return Profile(
        left.source,
        tuple(sorted(left.partitions + right.partitions)),
        left.rows + right.rows,
        left.files + right.files,
        left.bytes + right.bytes,
        max(moments, default=None),
        tuple(_merge_column(left.column(path), right.column(path)) for path in names),
    )


def _merge_column(left: ColumnProfile | None, right: ColumnProfile | None) -> ColumnProfile:
    if left is None or right is None:
        found = left or right
        assert found is not None
        return found
    whole = _whole(left, right)
    types = {t for c in whole for t in c.types}
    merged = ColumnProfile(left.path, tuple(sorted(types, key=lambda t: (str(t), repr(t)))), left.rows + right.rows)
    if len(whole) == 1:
        states = dict(whole[0].states)
    else:
        common = (n for n in STATISTICS if n in left.states and n in right.states)
        names = [n for n in common if n == "nulls" or _adds_up(n, merged, left.states[n], right.states[n])]
        states = {n: _merge_state(n, merged, left.states[n], right.states[n]) for n in names}
    if "nulls" in left.states and "nulls" in right.states:
        states["nulls"] = left.states["nulls"] + right.states["nulls"]
    kind = left.personal or right.personal
    merged = replace(merged, states=states)
    return _redacted(merged, kind) if kind else merged


def _whole(left: ColumnProfile, right: ColumnProfile) -> tuple[ColumnProfile, ...]:
    """The sides that hold values: a column of nothing but NULL adds rows and says nothing of values or types."""
    valued = tuple(c for c in (left, right) if c.present)
    return valued or (left, right)


def _adds_up(name: str, column: ColumnProfile, left: Any, right: Any) -> bool:
    """Equal values of different types need not hash alike, nor equal values in different engines."""
    if not column.comparable or name != "distinct":
        return column.comparable
    stamps = {s.stamp for s in (left, right) if s.registers}
    return len(stamps) < 2 and len({t.kind for t in column.types}) == 1


_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)  # how states add up does not depend on the time they were asked for


def _merge_state(name: str, column: ColumnProfile, left: Any, right: Any) -> Any:
    if {type(left), type(right)} == {float, Decimal}:
        left, right = float(left), float(right)
    aggregate = STATISTICS[name].build(Subject(Col(column.path), column.type, _ANY_TIME))
    return aggregate.merge(left, right)


def _group(type_: Type) -> str:
    groups = (("number", NUMBERS), ("text", TEXTS), ("time", TIMES))
    return next((name for name, kinds in groups if type_.kind in kinds), type_.kind.value)


def encode(found: Profile) -> dict[str, Any]:
    """JSON-ready form that `decode` reads back to an equal profile."""
    return {
        "state_version": STATE_VERSION,
        "source": found.source,
        "partitions": list(found.partitions),
        "rows": found.rows,
        "files": found.files,
        "bytes": found.bytes,
        "now": found.now.isoformat() if found.now else None,
        "states": codec.encode(dict(found.states)),
        "columns": [
            {
                "path": list(c.path),
                "types": [codec.encode(t) for t in c.types],
                "rows": c.rows,
                "states": {n: codec.encode(s) for n, s in c.states.items()},
                "personal": c.personal,
            }
            for c in found.columns
        ],
    }


def decode(document: Mapping[str, Any]) -> Profile:
    """Inverse of `encode`. Raises ValueError for a state version that is not known: not comparable."""
    if document.get("state_version") != STATE_VERSION:
        raise ValueError(f"state version {document.get('state_version')} is not comparable with {STATE_VERSION}")
    columns = tuple(
        ColumnProfile(
            tuple(c["path"]),
            tuple(codec.decode(t) for t in c["types"]),
            c["rows"],
            {n: codec.decode(s) for n, s in c["states"].items()},
            tuple(c["personal"]) if c.get("personal") else None,
        )
        for c in document["columns"]
    )
    return Profile(
        document["source"],
        tuple(document["partitions"]),
        document["rows"],
        document["files"],
        document["bytes"],
        datetime.fromisoformat(document["now"]) if document["now"] else None,
        columns,
        codec.decode(document["states"]),
    )
