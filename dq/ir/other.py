"""Other data sets beside the one that is judged, and what is asked of them. A suite names them; whoever runs it says
where they are."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from dq.ir.aggregate import Aggregate, Family
from dq.ir.data import DataFile, Reading
from dq.ir.expr import Exists, Expr, Path, replace_leaves, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Referenced:
    """A data set to compare with. `place` is what a person calls it, a path or `dq://SOURCE`; `digest` tells its
    content, "" where nobody hashed it. `fault`: why it cannot be compared with, and `step` what to do about that."""

    name: str
    place: str = ""
    files: tuple[DataFile, ...] = ()
    reading: Reading = Reading()
    digest: str = ""
    fault: str = ""
    step: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """A data set that was compared with, as documents tell it."""

    name: str
    place: str
    digest: str
    files: int
    rows: int | None


class Lacking(Exception):
    """A data set that a check compares with is not there, or cannot be read: nobody knows how the check ends."""

    def __init__(self, message: str, step: str) -> None:
        self.step = step
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Of(Aggregate):
    """An aggregate over another data set. State: that of the aggregate."""

    mergeable: ClassVar[bool] = False

    dataset: str
    aggregate: Aggregate

    @property
    def family(self) -> Family:  # type: ignore[override]
        return self.aggregate.family

    def zero(self) -> Any:
        return self.aggregate.zero()

    def columns(self) -> frozenset[Path]:
        """None of the data that is judged."""
        return frozenset()


@dataclass(frozen=True, slots=True)
class QueryState:
    """`rows` are the first of `count`, in the query's own order. `fault`: why the data cannot be asked so."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    count: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Native(Aggregate):
    """One SELECT in DuckDB's SQL, which a dialect has found to read nothing but `relations`: name in the text -> data
    set, "" being the one that is judged. `reads` are columns of the latter, None being all; those of `needs` must
    exist."""

    family: ClassVar[Family] = "sql"
    mergeable: ClassVar[bool] = False

    text: str
    relations: tuple[tuple[str, str], ...]
    reads: tuple[Path, ...] | None = None
    needs: tuple[Path, ...] = ()
    limit: int = 20
    language: Literal["sql"] = "sql"

    def zero(self) -> QueryState:
        return QueryState()

    def columns(self) -> frozenset[Path]:
        return frozenset(self.reads or ())


def nodes(aggregate: Aggregate, kinds: tuple[type[Expr], ...]) -> Iterator[Expr]:
    """The nodes of these kinds in its expressions."""
    for f in fields(aggregate):
        value = getattr(aggregate, f.name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Expr):
                yield from (e for e in walk(part) if isinstance(e, kinds))


def lookups(aggregate: Aggregate) -> tuple[Exists, ...]:
    """The looks into other data sets in its expressions."""
    return tuple(e for e in nodes(aggregate, (Exists,)) if isinstance(e, Exists))


def compared_with(aggregates: Iterable[Aggregate]) -> frozenset[str]:
    """Names of the other data sets that have to be read."""
    found: set[str] = set()
    for aggregate in aggregates:
        match aggregate:
            case Of(dataset, inner):
                found |= {dataset} | compared_with([inner])
            case Native(_, relations):
                found |= {dataset for _, dataset in relations if dataset}
            case _:
                found |= {e.dataset for e in lookups(aggregate)}
    return frozenset(found)


def exchanged(aggregate: Aggregate, leaves: dict[Expr, Expr]) -> Aggregate:
    """The aggregate with the given nodes of its expressions exchanged."""

    def part(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(part, value))
        return replace_leaves(value, leaves) if isinstance(value, Expr) else value

    return replace(aggregate, **{f.name: part(getattr(aggregate, f.name)) for f in fields(aggregate)})
