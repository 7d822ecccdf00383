"""One data set that is asked of DuckDB: what to select from, and queries in parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dq.engines.duckdb.sample import open_sample
from dq.engines.duckdb.sql import stored, translate
from dq.ir import expr as e

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dq.engines.base import Dataset
    from dq.engines.duckdb.source import Source
    from dq.engines.duckdb.sql import Sql
    from dq.ir.expr import Expr, Path


@dataclass(slots=True)
class Run:
    """`many_rows`: from so many on, a column is not read again for every question."""

    source: Source
    dataset: Dataset
    many_rows: int
    _sample: tuple[Source | None, ...] = field(default=(), init=False)

    @property
    def is_large(self) -> bool:
        return (self.dataset.rows or 0) >= self.many_rows

    @property
    def sample(self) -> Source | None:
        if not self._sample:
            self._sample = (open_sample(self.dataset, self.source.connection),)
        return self._sample[0]

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows: DuckDB refuses the next query while one is left."""
        return self.source.connection.execute(sql).fetchall()  # type: ignore[no-any-return]

    def relation(self, *parts: Expr | None, show: Iterable[Path] = ()) -> tuple[str, dict[str, Sql]]:
        names = {path[0] for part in parts for path in e.columns(part)} | {path[0] for path in show}
        return self.source.relation(names)


def scope_of(where: Expr | None, columns: Mapping[str, Sql]) -> str:
    return "TRUE" if where is None else translate(where, columns).text


def keys_of(keys: Sequence[Expr], columns: Mapping[str, Sql]) -> list[str]:
    """A column by itself counts as it is stored: its nanoseconds tell rows apart."""
    return [stored(k.path, columns)[0] if isinstance(k, e.Col) else translate(k, columns).text for k in keys]


def any_of(keys: Sequence[str]) -> str:
    return "(" + " OR ".join(f"{k} IS NOT NULL" for k in keys) + ")"
