"""Expectations on a number of the whole column, and on its distinct values."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

from dq.dialects.gx.asked import Asked, Unfit, bound, numeric
from dq.dialects.gx.conditions import comparable, member
from dq.dialects.gx.divergence import divergence
from dq.dialects.gx.metrics import (
    Distinct,
    DistinctValues,
    MostCommon,
    Present,
    QuantilesOutside,
    Statistic,
    SumOfScope,
)  # fmt: skip
from dq.ir.aggregate import Aggregate, Max, Min, Moments, Quantiles
from dq.ir.data import NESTED, NUMBERS, TIMES, Kind
from dq.ir.expr import Col, Not, Now, all_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dq.ir.expr import Expr
    from dq.ir.metric import Metric


def _scope(asked: Asked) -> Expr | None:
    return all_of(asked.where, asked.present(asked.column))


def _compares(asked: Asked) -> None:
    """Raises Unfit where the bounds do not compare with the column's values."""
    found = asked.type
    for end in (bound(asked["min_value"]), bound(asked["max_value"])):
        if end is None:
            continue
        dated, day = isinstance(end, (date, Now)), isinstance(end, date) and not isinstance(end, datetime)
        if found.kind is Kind.TIMESTAMP:
            zoned = isinstance(end, datetime) and end.tzinfo is not None
            fits = dated and (not day or asked.sql) and zoned == bool(found.zone)
        else:
            fits = day if found.kind is Kind.DATE else not dated and found.kind in NUMBERS | {Kind.BOOL, Kind.NULL}
        if not fits:
            raise Unfit(f"{asked.column} is {found}, which does not compare with {end}")


def _extreme(aggregate: type[Min] | type[Max]) -> Callable[[Asked], Metric]:
    def fitted(asked: Asked) -> Metric:
        _compares(asked)
        if asked.type.kind in NESTED:
            raise Unfit(f"{asked.column} is {asked.type} and has no order")
        return Statistic(asked.path, asked.where, asked.semantics, aggregate(Col(asked.path), asked.where))

    return fitted


def _numbers(asked: Asked) -> Expr:
    _compares(asked)
    column = numeric(asked)
    if column is None:
        raise Unfit(f"{asked.column} is {asked.type}, numbers are needed")
    return column


def _moment(part: Literal["mean", "stddev"]) -> Callable[[Asked], Metric]:
    def fitted(asked: Asked) -> Metric:
        return Statistic(asked.path, asked.where, asked.semantics, Moments(_numbers(asked), asked.where), part)

    return fitted


def _median(asked: Asked) -> Metric:
    aggregate: Aggregate = Quantiles(_numbers(asked), (0.5,), asked.where)
    return Statistic(asked.path, asked.where, asked.semantics, aggregate, "quantile")


def _sum(asked: Asked) -> Metric:
    return SumOfScope(asked.path, asked.where, asked.semantics, _numbers(asked))


def _distinct(asked: Asked) -> Metric:
    asked.of(asked.column)
    return Distinct(asked.path, asked.where, asked.semantics, ratio="proportion" in asked.kind)


def _present(asked: Asked) -> Metric:
    asked.of(asked.column)
    return Present(asked.path, asked.where, asked.semantics)


def _quantiles(asked: Asked) -> Metric:
    column = numeric(asked)
    if column is None:
        raise Unfit(f"{asked.column} is {asked.type}, numbers are needed")
    given = asked["quantile_ranges"]
    at, ranges = given.get("quantiles", ()), given.get("value_ranges", ())
    if len(at) != len(ranges):
        raise Unfit("quantile_ranges needs one range for each quantile")
    between = asked["allow_relative_error"] or "nearest"
    if asked.sql:
        between = "discrete"
    elif between not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise Unfit(f"allow_relative_error: {between} is no interpolation of pandas")
    return QuantilesOutside(
        asked.path,
        asked.where,
        asked.semantics,
        tuple(map(float, at)),
        tuple((r[0], r[1]) for r in ranges),
        between,
        column,
    )


def _values(asked: Asked) -> tuple[Any, ...]:
    """Values of the set that the column could hold."""
    return comparable(asked.type, asked["value_set"] or [])


def _most_common(asked: Asked) -> Metric:
    values = () if asked.type.kind in TIMES else _values(asked)  # to pandas a text never equals a time
    return MostCommon(asked.path, asked.where, asked.semantics, values, bool(asked["ties_okay"]))


def _distinct_values(asked: Asked) -> Metric:
    values, given = _values(asked), asked["value_set"] or []
    others = tuple(dict.fromkeys(v for v in given if not comparable(asked.type, [v])))
    return DistinctValues(
        asked.path, asked.where, asked.semantics, values,
        inside="_contain_" not in asked.kind, all="_be_in_" not in asked.kind,
        others=others,
        outside=Not(member(asked.path, asked.type, given)),
    )  # fmt: skip


FITTING: Mapping[str, Callable[[Asked], Metric]] = {
    "expect_column_min_to_be_between": _extreme(Min),
    "expect_column_max_to_be_between": _extreme(Max),
    "expect_column_mean_to_be_between": _moment("mean"),
    "expect_column_stdev_to_be_between": _moment("stddev"),
    "expect_column_median_to_be_between": _median,
    "expect_column_sum_to_be_between": _sum,
    "expect_column_unique_value_count_to_be_between": _distinct,
    "expect_column_proportion_of_unique_values_to_be_between": _distinct,
    "expect_column_proportion_of_non_null_values_to_be_between": _present,
    "expect_column_quantile_values_to_be_between": _quantiles,
    "expect_column_most_common_value_to_be_in_set": _most_common,
    "expect_column_distinct_values_to_be_in_set": _distinct_values,
    "expect_column_distinct_values_to_contain_set": _distinct_values,
    "expect_column_distinct_values_to_equal_set": _distinct_values,
    "expect_column_kl_divergence_to_be_less_than": divergence,
}
