"""A column of few values, counted once: whatever is asked of it alone is answered from the counts.

Ten million rows of three vendors are three rows. Exact, but that sums of floats add up in another order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq.engines.duckdb.simple import Question, both, filtered, read_all, scoped, simple
from dq.engines.duckdb.sql import Sql, translate
from dq.engines.duckdb.values import key_output, output, plain
from dq.ir import aggregate as a
from dq.ir import expr as e
from dq.ir.data import FLOATS, NESTED, Kind, Type
from dq.ir.sampling import ValueSample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dq.ir.aggregate import Aggregate

MANY_ROWS = 500_000  # below, counting first is no shorter
_MOST_VALUES = 1_000_000
_ROWS_PER_VALUE = 8  # counting costs about as much as two questions; text columns are asked ten
_ANSWERED = (a.Count, a.Sum, a.Min, a.Max, a.Moments, a.ApproxDistinct, a.Tally, a.TopValues, ValueSample)
_HEAVY = {Kind.DECIMAL, Kind.UINT64}  # a multiple by the row count might not fit into 128 bits


def few(values: float, rows: int) -> bool:
    """Whether counting so many distinct values first pays."""
    return values <= _MOST_VALUES and values * _ROWS_PER_VALUE <= max(rows, 100 * _ROWS_PER_VALUE)


def chosen_by_hash(key: str, every: int) -> str:
    """Whether a value is one in `every`."""
    return "TRUE" if every == 1 else f"hash({key}) % {every} = 0"


def subject(asked: Aggregate, types: Mapping[str, Type]) -> str | None:
    """The one column that is all the aggregate reads, if counts of its values answer it."""
    names = {path[0] for path in asked.columns()}
    if len(names) != 1 or not isinstance(asked, _ANSWERED):
        return None
    (name,) = names
    kind = types[name].kind
    if isinstance(asked, a.Sum) and (kind in _HEAVY or not isinstance(asked.arg, (e.Col, e.Call))):
        return None
    return None if kind in NESTED | {Kind.JSON} else name


@dataclass(frozen=True, slots=True)
class Counted:
    """A temporary table of the distinct values (`c0`) of one column and the rows that hold them (`n`)."""

    name: str
    table: str
    type: Type
    fetch: Callable[[str], list[tuple[Any, ...]]]

    def answers(self, asked: Sequence[Aggregate]) -> dict[Aggregate, Any]:
        """States of aggregates whose `subject` the column is. What is one number each is asked in one query."""
        columns = {self.name: Sql("c0", self.type)}
        numbers = {x: q for x in asked if (q := self.number(x, columns))}
        select = ", ".join(s for q in numbers.values() for s in q.select)
        row = self.fetch(f"SELECT {select} FROM {self.table}")[0] if numbers else ()
        states = dict(zip(numbers, read_all(numbers.values(), row), strict=True))
        return states | {x: self.others(x, columns) for x in asked if x not in numbers}

    def number(self, asked: Aggregate, columns: Mapping[str, Sql]) -> Question | None:
        match asked:
            case a.Count(where):
                return Question((f"coalesce(sum(n){filtered(scoped(where, columns))}, 0)",), lambda v: int(v[0]))
            case a.Sum(arg, where):
                return _sum(translate(arg, columns), scoped(where, columns))
            case a.Min() | a.Max() | a.ApproxDistinct():
                return simple(asked, columns)
        return None

    def others(self, asked: Aggregate, columns: Mapping[str, Sql]) -> Any:
        match asked:
            case a.Moments(arg, where):
                return self.moments(translate(arg, columns).text, scoped(where, columns) or "TRUE")
            case a.Tally(key, where):
                return asked.state(self.counts(key_output(translate(key, columns)), scoped(where, columns), None))
            case a.TopValues(arg, limit, where):
                found = self.counts(key_output(translate(arg, columns)), scoped(where, columns), limit + 1)
                return asked.state(found)
            case ValueSample(arg, every, cap, where):
                value = key_output(translate(arg, columns))
                chosen = both(scoped(where, columns), chosen_by_hash(value.text, every))
                return asked.state(self.counts(value, chosen, cap + 1))
        raise TypeError(f"counts do not answer {type(asked).__name__}")

    def moments(self, value: str, scope: str) -> a.MomentsState:
        """In two steps over the few values, so that nothing cancels out."""
        number = f"CAST({value} AS DOUBLE)"
        rows = f"FROM {self.table} WHERE {scope} AND isfinite({number})"
        n, mean = self.fetch(f"SELECT sum(n), sum({number} * (n / (SELECT sum(n) {rows}))) {rows}")[0]
        if not n:
            return a.MomentsState()
        powers = ", ".join(f"sum(n * ({number} - {mean!r}) ** {k})" for k in (2, 3, 4))
        return a.MomentsState(int(n), mean, *self.fetch(f"SELECT {powers} {rows}")[0])

    def counts(self, key: Sql, scope: str, limit: int | None) -> dict[Any, int]:
        rows = f"FROM {self.table} WHERE {both(scope, f'{key.text} IS NOT NULL')}"
        most = "" if limit is None else f" ORDER BY m DESC, k LIMIT {limit}"
        grouped = f"SELECT {key.text} AS k, CAST(sum(n) AS BIGINT) AS m {rows} GROUP BY k{most}"
        found = self.fetch(f"SELECT {output(Sql('k', key.type))}, m FROM ({grouped})")
        return {plain(k, key.type): m for k, m in found}


def _sum(value: Sql, scope: str) -> Question:
    if value.kind in FLOATS:
        number = f"CAST({value.text} AS DOUBLE)"
        return Question((f"sum({number} * n){filtered(f'NOT isnan({number})', scope)}",), lambda v: v[0])
    total = f"sum(CAST({value.text} AS HUGEINT) * n){filtered(scope)}"
    return Question((total,), lambda v: None if v[0] is None else int(v[0]))
