"""The core expectations of Great Expectations 1.24: what each takes, and the name of the metric it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Domain: TypeAlias = Literal["column", "pair", "columns", "table"]


@dataclass(frozen=True, slots=True)
class Kind:
    """An expectation type. `metric` is the second half of a check's id; `takes` its own keyword arguments."""

    metric: str
    domain: Domain
    required: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


COMMON = ("batch_id", "result_format", "catch_exceptions", "meta", "windows")
DOMAINS: dict[Domain, tuple[str, ...]] = {
    "column": ("column", "row_condition", "condition_parser"),
    "pair": ("column_A", "column_B", "ignore_row_if", "mostly", "row_condition", "condition_parser"),
    "columns": ("column_list", "ignore_row_if", "mostly", "row_condition", "condition_parser"),
    "table": (),
}
_ENDS = ("min_value", "max_value", "strict_min", "strict_max")


def _map(metric: str, *required: str, takes: tuple[str, ...] = ()) -> Kind:
    return Kind(metric, "column", required, (*takes, "mostly"))


def _number(metric: str) -> Kind:
    return Kind(metric, "column", takes=_ENDS)


def _pattern(metric: str, *required: str, takes: tuple[str, ...] = ()) -> Kind:
    return Kind(metric, "column", required, (*takes, "mostly", "escape"))


KINDS: dict[str, Kind] = {
    "expect_column_values_to_not_be_null": _map("required"),
    "expect_column_values_to_be_null": _map("null"),
    "expect_column_values_to_be_between": _map("range", takes=_ENDS),
    "expect_column_values_to_be_in_set": _map("allowed", "value_set"),
    "expect_column_values_to_not_be_in_set": _map("not_allowed", "value_set"),
    "expect_column_values_to_be_unique": _map("unique"),
    "expect_column_value_lengths_to_be_between": _map("length", takes=_ENDS),
    "expect_column_value_lengths_to_equal": _map("length", "value"),
    "expect_column_values_to_match_regex": _map("matches", takes=("regex",)),
    "expect_column_values_to_not_match_regex": _map("not_matches", "regex"),
    "expect_column_values_to_match_regex_list": _map("matches", "regex_list", takes=("match_on",)),
    "expect_column_values_to_not_match_regex_list": _map("not_matches", "regex_list"),
    "expect_column_values_to_match_like_pattern": _pattern("matches", "like_pattern"),
    "expect_column_values_to_not_match_like_pattern": _pattern("not_matches", "like_pattern"),
    "expect_column_values_to_match_like_pattern_list": _pattern("matches", "like_pattern_list", takes=("match_on",)),
    "expect_column_values_to_not_match_like_pattern_list": _pattern("not_matches", "like_pattern_list"),
    "expect_column_values_to_be_json_parseable": _map("json"),
    "expect_column_values_to_match_json_schema": _map("json_schema", "json_schema"),
    "expect_column_values_to_match_strftime_format": _map("format", "strftime_format"),
    "expect_column_values_to_be_dateutil_parseable": _map("time"),
    "expect_column_values_to_be_increasing": _map("increasing", takes=("strictly",)),
    "expect_column_values_to_be_decreasing": _map("decreasing", takes=("strictly",)),
    "expect_column_value_z_scores_to_be_less_than": _map("z_score", "threshold", "double_sided"),
    "expect_column_values_to_not_be_outliers": _map("outliers", takes=("method", "multiplier")),
    "expect_column_values_to_be_of_type": _map("type", "type_"),
    "expect_column_values_to_be_in_type_list": _map("type", "type_list"),
    "expect_column_min_to_be_between": _number("min"),
    "expect_column_max_to_be_between": _number("max"),
    "expect_column_mean_to_be_between": _number("mean"),
    "expect_column_median_to_be_between": _number("median"),
    "expect_column_stdev_to_be_between": _number("stddev"),
    "expect_column_sum_to_be_between": _number("sum"),
    "expect_column_unique_value_count_to_be_between": _number("distinct_count"),
    "expect_column_proportion_of_unique_values_to_be_between": _number("distinct_ratio"),
    "expect_column_proportion_of_non_null_values_to_be_between": _number("completeness"),
    "expect_column_quantile_values_to_be_between": Kind(
        "quantiles", "column", ("quantile_ranges",), ("allow_relative_error",)
    ),
    "expect_column_most_common_value_to_be_in_set": Kind("most_common", "column", ("value_set",), ("ties_okay",)),
    "expect_column_distinct_values_to_be_in_set": Kind("distinct_allowed", "column", ("value_set",)),
    "expect_column_distinct_values_to_contain_set": Kind("distinct_contain", "column", ("value_set",)),
    "expect_column_distinct_values_to_equal_set": Kind("distinct_equal", "column", ("value_set",)),
    "expect_column_kl_divergence_to_be_less_than": Kind(
        "kl_divergence", "column", ("partition_object", "threshold"),
        ("internal_weight_holdout", "tail_weight_holdout", "bucketize_data", "min_value", "max_value"),
    ),
    "expect_column_pair_values_to_be_equal": Kind("pair_equal", "pair"),
    "expect_column_pair_values_a_to_be_greater_than_b": Kind("pair_greater", "pair", takes=("or_equal",)),
    "expect_column_pair_values_to_be_in_set": Kind("pair_allowed", "pair", ("value_pairs_set",)),
    "expect_compound_columns_to_be_unique": Kind("unique", "columns"),
    "expect_select_column_values_to_be_unique_within_record": Kind("unique_within_record", "columns"),
    "expect_multicolumn_sum_to_equal": Kind("sum_of_columns", "columns", ("sum_total",)),
    "expect_multicolumn_values_to_be_equal": Kind("columns_equal", "columns"),
    "expect_column_to_exist": Kind("column_present", "table", ("column",), ("column_index",)),
    "expect_column_type_to_be": Kind("type", "table", ("column", "type_")),
    "expect_table_columns_to_match_ordered_list": Kind("columns_in_order", "table", ("column_list",)),
    "expect_table_columns_to_match_set": Kind("columns", "table", ("column_set",), ("exact_match",)),
    "expect_table_column_count_to_equal": Kind("column_count", "table", ("value",)),
    "expect_table_column_count_to_be_between": Kind("column_count", "table", takes=("min_value", "max_value")),
    "expect_table_row_count_to_equal": Kind(
        "row_count", "table", ("value",), ("row_condition", "condition_parser")
    ),
    "expect_table_row_count_to_be_between": Kind(
        "row_count", "table", takes=(*_ENDS, "row_condition", "condition_parser")
    ),
    "expect_table_row_count_to_equal_other_table": Kind(
        "row_count_of_other", "table", ("other_table_name",), ("row_condition", "condition_parser")
    ),
    "unexpected_rows_expectation": Kind("unexpected_rows", "table", ("unexpected_rows_query",)),
    "expect_query_results_to_match_comparison": Kind(
        "query_results", "table", ("base_query", "comparison_data_source_name", "comparison_query"), ("mostly",)
    ),
}  # fmt: skip


def arguments(kind: Kind) -> tuple[str, ...]:
    """Every keyword argument that the type takes."""
    return (*DOMAINS[kind.domain], *kind.required, *kind.takes, *COMMON)
