"""Rules that compare with another data set, and queries: rule -> metric."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import sqlglot
from sqlglot import exp

from dq.dialects.dqdl import metrics as m
from dq.dialects.dqdl.build import Asked, Meant
from dq.dialects.dqdl.operands import Fault
from dq.dialects.query import quoted, read_query, tables
from dq.dialects.sql import RuleError
from dq.ir.aggregate import Count, Distinctness, FirstRows, Moments, Sum
from dq.ir.data import TEXTS
from dq.ir.expr import Col, Exists, Expr, IsNull, Not, Or, Path
from dq.ir.metric import Dimension, Facts, Measure, Metric, metric
from dq.ir.other import Native, Of
from dq.metrics.consistency import References
from dq.metrics.query import Query, QueryValue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dq.ir.aggregate import Aggregate
    from dq.ir.data import Schema, Type

PRIMARY = "primary"
_AGGREGATE = re.compile(r"\s*(avg|sum)\s*\(\s*(?:([\w-]+)\.)?([^().]+?)\s*\)\s*", re.IGNORECASE)
_TARGET = re.compile(r"\s*([\w-]+)\.(?:\{([^{}]+)\}|([^{}]+))\s*")


@metric
@dataclass(frozen=True)
class CountRatio(Metric):
    """Rows, as a ratio of those of another data set."""

    name: ClassVar[str] = "row_count_match"
    dimension: ClassVar[Dimension] = Dimension.VOLUME
    unit: ClassVar[str] = "number"

    dataset: str

    def aggregates(self) -> tuple[Aggregate, ...]:
        return Count(), Of(self.dataset, Count())

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        own, other = (states[a] for a in self.aggregates())
        if not other:
            return Measure(None, note=f"{self.dataset} has no rows to compare {own:,} with")
        return Measure(own / other, note=f"{own:,} of {other:,}")

    def phrase(self) -> str:
        return f"times the rows of {self.dataset}"


@metric
@dataclass(frozen=True)
class AggregateRatio(Metric):
    """One number as a ratio of another, of this data set or others. 0 of 0 is 1, and anything of 0 is 0."""

    name: ClassVar[str] = "aggregate_match"
    dimension: ClassVar[Dimension] = Dimension.CONSISTENCY
    unit: ClassVar[str] = "number"

    first: Aggregate
    second: Aggregate

    def aggregates(self) -> tuple[Aggregate, ...]:
        return self.first, self.second

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        a, b = (_value(states[x]) for x in self.aggregates())
        if a is None or b is None:
            return Measure(None, note="there are no values to compare")
        return Measure(a / b if b else float(a == 0), note=f"{a} and {b}")

    def phrase(self) -> str:
        return "is one as a ratio of the other"


def _value(state: Any) -> float | None:
    if hasattr(state, "mean"):
        return float(state.mean) if state.n else None
    return None if state is None else float(state)


@metric
@dataclass(frozen=True)
class SchemaShare(Metric):
    """Of the columns, the share that another data set has under the same name and of the same type: 0 where one has
    more columns than the other."""

    name: ClassVar[str] = "schema_match"
    dimension: ClassVar[Dimension] = Dimension.SCHEMA
    unit: ClassVar[str] = "ratio"

    dataset: str

    def references(self) -> frozenset[str]:
        return frozenset({self.dataset})

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        keys = {k for k, _ in facts.keys}
        own = {f.name: _family(f.type) for f in facts.schema.fields if f.name not in keys}
        theirs = {f.name: _family(f.type) for f in dict(facts.others)[self.dataset].fields}
        if not own or len(own) != len(theirs):
            return Measure(0.0, note=f"{len(own)} columns and {len(theirs)}")
        return Measure(sum(theirs.get(n) == k for n, k in own.items()) / len(own))

    def phrase(self) -> str:
        return f"of the columns are those of {self.dataset}"


def _family(found: Type) -> str:
    return "string" if found.kind in TEXTS else found.kind.value


@metric
@dataclass(frozen=True)
class MatchedRows(Metric):
    """Of the rows, the share with a counterpart in another data set: the same key, which neither has twice, and the
    same values beside it; with no `columns`, of all others under the same name."""

    name: ClassVar[str] = "dataset_match"
    dimension: ClassVar[Dimension] = Dimension.CONSISTENCY
    unit: ClassVar[str] = "ratio"

    dataset: str
    keys: tuple[tuple[str, str], ...]
    columns: tuple[tuple[str, str], ...] = ()

    def fitted(self, schema: Schema) -> Metric:
        own = {k for k, _ in self.keys}
        return self if self.columns else replace(self, columns=tuple((n, n) for n in schema.names if n not in own))

    def matched(self) -> Expr:
        pairs = (*self.keys, *self.columns)
        return Exists(tuple(Col((a,)) for a, _ in pairs), self.dataset, tuple((b,) for _, b in pairs))

    def aggregates(self) -> tuple[Aggregate, ...]:
        own, theirs = (Distinctness(tuple(Col((pair[side],)) for pair in self.keys)) for side in (0, 1))
        return Count(), Count(self.matched()), own, Of(self.dataset, theirs)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        rows, matched, own, theirs = (states[a] for a in self.aggregates())
        if not rows:
            return Measure(None, note="there are no rows to look for")
        if own.duplicate_rows or theirs.duplicate_rows:
            where = "the data" if own.duplicate_rows else self.dataset
            return Measure(None, note=f"{where} has a key more than once: rows have no one counterpart")
        return Measure(matched / rows, rows)

    def phrase(self) -> str:
        return f"of the rows have a counterpart in {self.dataset}"

    def evidence(self) -> FirstRows:
        shown: tuple[Path, ...] = tuple((a,) for a, _ in (*self.keys, *self.columns))
        return FirstRows(Or((Not(self.matched()), IsNull(self.matched()))), shown)


@metric
@dataclass(frozen=True)
class RowsReturned(Query):
    """Rows that a query does not return: what it returns, by the columns that it returns, is good."""

    name: ClassVar[str] = "query_rows"
    unit: ClassVar[str] = "rows"

    good: Native = Native("", ())
    returned: tuple[str, ...] = ()  # columns; none: all

    def fitted(self, schema: Schema) -> Metric:
        """With the query around it that counts: which columns `*` stands for tells the schema."""
        names = self.returned or schema.names
        (inside,) = (name for name, dataset in self.good.relations if not dataset)
        same = " AND ".join(f"own.{_name(n)} IS NOT DISTINCT FROM good.{_name(n)}" for n in names)
        text = (
            f"WITH good AS ({self.good.text}) SELECT count(*) AS rows FROM {_name(inside)} AS own "
            f"WHERE NOT EXISTS (SELECT 1 FROM good WHERE {same})"
        )
        return replace(self, query=replace(self.good, text=text, reads=tuple((n,) for n in schema.names)))

    def aggregates(self) -> tuple[Aggregate, ...]:
        return self.query, Count()

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        found = states[self.query]
        if found.fault:
            return Measure(None, fault=found.fault)
        return Measure(int(found.rows[0][0]), states[Count()])

    def phrase(self) -> str:
        return "are not returned by the query"


def _name(name: str) -> str:
    return quoted(name, "duckdb")


def _alias(asked: Asked, n: int = 0) -> str:
    name = asked.names()[n]
    if not re.fullmatch(r"[\w.-]+", name):
        raise Fault(f'"{name}" names no data set', asked.rule.parameters[n].place)
    return name


def row_count_match(asked: Asked) -> Meant:
    return Meant(CountRatio(_alias(asked)), asked.bound())


def schema_match(asked: Asked) -> Meant:
    return Meant(SchemaShare(_alias(asked)), asked.bound())


def aggregate_match(asked: Asked) -> Meant:
    sides = []
    for n, text in enumerate(asked.names()):
        match = _AGGREGATE.fullmatch(text)
        if not match:
            said = f'"{text}" is no number to compare: write avg(column), or sum(reference.column)'
            raise Fault(said, asked.rule.parameters[n].place)
        column = Col((match[3].strip('`"'),))
        aggregate: Aggregate = Moments(column) if match[1].lower() == "avg" else Sum(column)
        sides.append(aggregate if match[2] in (None, PRIMARY) else Of(match[2], aggregate))
    return Meant(AggregateRatio(*sides), asked.bound())


def dataset_match(asked: Asked) -> Meant:
    keys = _mapped(asked, 1)
    columns = _mapped(asked, 2) if len(asked.names()) > 2 else ()
    return Meant(MatchedRows(_alias(asked), keys, columns), asked.bound())


def _mapped(asked: Asked, n: int) -> tuple[tuple[str, str], ...]:
    found = []
    for pair in asked.names()[n].split(","):
        own, arrow, theirs = (p.strip() for p in pair.partition("->"))
        if not own or (arrow and not theirs):
            raise Fault('columns are mapped like "a->b,c->d"', asked.rule.parameters[n].place)
        found.append((own, theirs or own))
    return tuple(found)


def referential_integrity(asked: Asked) -> Meant:
    own = [c.strip() for c in asked.names()[0].split(",")]
    target = _TARGET.fullmatch(asked.names()[1])
    if not target:
        raise Fault(
            'the reference is written like "reference.column" or "reference.{a,b}"', asked.rule.parameters[1].place
        )
    theirs = [c.strip() for c in (target[2] or target[3]).split(",")]
    if len(own) != len(theirs):
        said = f"{len(own)} columns are held against {len(theirs)}"
        raise Fault(said, asked.rule.parameters[1].place)
    ok = Exists(tuple(Col((c,)) for c in own), target[1], tuple((c,) for c in theirs), nulls_equal=True)
    metric = m.Share(References(ok, text=asked.names()[1]), f"of the rows have a counterpart in {asked.names()[1]}")
    return Meant(metric, asked.bound(), (own[0],) if len(own) == 1 else None, "references")


def custom_sql(asked: Asked) -> Meant:
    text, place = asked.names()[0], asked.rule.parameters[0].place
    try:
        relations = {name: "" if name.lower() == PRIMARY else name for name in tables(text, dialect="spark")}
        query = read_query(text, relations, dialect="spark", limit=2)
        if asked.rule.condition is not None:
            if asked.threshold is not None:
                raise Fault("a threshold is of rows: it goes without a condition", asked.threshold.place)
            return Meant(QueryValue(query, text), asked.bound())
        good = RowsReturned(query, text, query, returned_columns(text))
    except RuleError as error:
        raise Fault(f"the query: {str(error).splitlines()[0]}", place) from None
    if "" not in relations.values():
        raise Fault("a query without a condition returns rows of primary: it selects from primary", place)
    share = asked.share()
    if share is None:
        return Meant(good)
    return Meant(m.Share(good, "of the rows are returned by the query"), share, name=good.name)


def returned_columns(text: str) -> tuple[str, ...]:
    """By name; none where `*` is among them. Raises RuleError for what is no column."""

    tree: Any = sqlglot.parse_one(text, dialect="spark")
    found = []
    for one in tree.selects:
        if isinstance(one, exp.Star) and len(list(tree.find_all(exp.Table))) > 1:
            raise RuleError("of a join * returns the columns of all: write primary.*", text, None)
        if isinstance(one, exp.Star) or (isinstance(one, exp.Column) and isinstance(one.this, exp.Star)):
            return ()
        found.append(str(one.alias_or_name))
    return tuple(found)


DATASETS: dict[str, Callable[[Asked], Meant]] = {
    "RowCountMatch": row_count_match, "SchemaMatch": schema_match, "AggregateMatch": aggregate_match,
    "DatasetMatch": dataset_match, "ReferentialIntegrity": referential_integrity, "CustomSql": custom_sql,
}  # fmt: skip
