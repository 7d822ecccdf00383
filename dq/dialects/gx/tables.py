"""Expectations on the table: its columns, their types, its rows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from dq.dialects.gx.asked import Asked
from dq.dialects.gx.types import TypeIs
from dq.errors import nearest
from dq.ir.metric import Dimension, Facts, Measure, Metric, metric
from dq.metrics.volume import RowCount

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dq.ir.aggregate import Aggregate


@metric
@dataclass(frozen=True)
class Columns(Metric):
    """Departures of the landed columns from a list (`order`), a set (`same`) or the least there must be (`least`)."""

    name: ClassVar[str] = "columns"
    dimension: ClassVar[Dimension] = Dimension.SCHEMA
    unit: ClassVar[str] = "violations"

    wanted: tuple[str, ...]
    how: Literal["order", "same", "least"] = "same"
    fold: bool = False

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        landed = names(facts)
        if self.how == "order":
            wrong: list[Any] = [
                {"Expected Column Position": n, "Expected": e, "Found": f}
                for n, (e, f) in enumerate(zip_longest(self.wanted, landed))
                if e != f
            ]
            observed, mismatched = list(landed), wrong
        else:
            have, want = {self._folded(n): n for n in landed}, {self._folded(n): n for n in self.wanted}
            other = {
                "unexpected": sorted(have[n] for n in have.keys() - want.keys()),
                "missing": sorted(want[n] for n in want.keys() - have.keys()),
            }
            wrong = [*other["missing"], *(other["unexpected"] if self.how == "same" else ())]
            observed, mismatched = sorted(landed), {k: v for k, v in other.items() if v}  # type: ignore[assignment]
        details = (("observed", observed), ("mismatched", mismatched))
        return Measure(len(wrong), note=str(mismatched or "none"), details=details)

    def _folded(self, name: str) -> str:
        return name.casefold() if self.fold else name

    def phrase(self) -> str:
        return "the columns are as listed"


@metric
@dataclass(frozen=True)
class ColumnCount(Metric):
    """Columns that landed, path keys aside."""

    name: ClassVar[str] = "column_count"
    dimension: ClassVar[Dimension] = Dimension.SCHEMA

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        return Measure(len(names(facts)))

    def phrase(self) -> str:
        return "columns"


@metric
@dataclass(frozen=True)
class ColumnAt(Metric):
    """1 where the column is not there, or not at its place; place 0 is taken for none given, as GX does."""

    name: ClassVar[str] = "column_present"
    dimension: ClassVar[Dimension] = Dimension.SCHEMA
    unit: ClassVar[str] = "violations"

    column: str
    place: int = 0

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        landed = names(facts)
        if not self.place:
            holds = self.column in landed
        else:
            holds = -len(landed) <= self.place < len(landed) and landed[self.place] == self.column
        near = "" if self.column in landed else nearest(self.column, landed)
        return Measure(0 if holds else 1, note=f"{', '.join(landed)} landed{near}")

    def phrase(self) -> str:
        return f'column "{self.column}" is there'


def names(facts: Facts) -> tuple[str, ...]:
    """Columns as they landed, without the path's keys."""
    keys = {k for k, _ in facts.keys}
    return tuple(n for n in facts.schema.names if n not in keys)


def _type(asked: Asked) -> Metric:
    asked.of(asked.column)
    return TypeIs(asked.column, (str(asked["type_"]),), asked.semantics, "exact")


def _columns(asked: Asked) -> Metric:
    if "column_list" in asked.arguments:
        wanted = asked["column_list"]
        return Columns(tuple(wanted or ()), "least" if wanted is None else "order")  # to GX no list is any list
    exact = asked["exact_match"] is None or asked["exact_match"]
    return Columns(tuple(asked["column_set"] or ()), "same" if exact else "least", fold=asked.sql)


FITTING: Mapping[str, Callable[[Asked], Metric]] = {
    "expect_column_to_exist": lambda asked: ColumnAt(asked.column, int(asked["column_index"] or 0)),
    "expect_column_type_to_be": _type,
    "expect_table_columns_to_match_ordered_list": _columns,
    "expect_table_columns_to_match_set": _columns,
    "expect_table_column_count_to_equal": lambda _: ColumnCount(),
    "expect_table_column_count_to_be_between": lambda _: ColumnCount(),
    "expect_table_row_count_to_equal": lambda asked: RowCount(asked.where),
    "expect_table_row_count_to_be_between": lambda asked: RowCount(asked.where),
}
