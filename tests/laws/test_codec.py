"""The codec reads back what it writes, over every class of the language with random values in every field."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dq import metrics
from dq.ir import aggregate, check, contract, data, expr, metric, other, positions, result
from dq.ir.codec import decode, digest, encode, plain
from tests.conformance.hostile import same

SHARED = [m for m in metric.REGISTRY.values() if m.__module__.startswith("dq.metrics")]  # dialects have more
LAW = settings(deadline=None, derandomize=True, max_examples=12, suppress_health_check=list(HealthCheck))

MODULES = (expr, aggregate, positions, other, data, metric, check, contract, result)
BASES = (expr.Expr, aggregate.Aggregate, metric.Metric, metric.RowMetric)
CLASSES = [
    c
    for m in MODULES
    for c in vars(m).values()
    if dataclasses.is_dataclass(c) and c.__module__ == m.__name__ and c not in BASES
] + list(SHARED)

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**130), 2**130) | st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1]),
    st.floats(),
    DECIMALS,
    st.text(),
    st.binary(),
    st.dates(),
    st.datetimes(timezones=st.none() | st.just(UTC)),
    st.times(),
    st.timedeltas(),
)
VALUES = st.recursive(
    SCALARS | st.uuids(),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
EXPRESSIONS: st.SearchStrategy[Any] = st.recursive(
    st.builds(expr.Col, st.lists(st.text(min_size=1), min_size=1).map(tuple)) | st.builds(expr.Lit, SCALARS),
    lambda inner: (
        st.builds(expr.Compare, st.sampled_from(["=", "<"]), inner, inner)
        | st.builds(expr.And, st.lists(inner, max_size=3).map(tuple))
        | st.builds(expr.Call, st.just("coalesce"), st.lists(inner, max_size=2).map(tuple))
    ),
    max_leaves=3,
)
AGGREGATES = st.builds(aggregate.Count, st.none() | EXPRESSIONS) | st.builds(aggregate.Sum, EXPRESSIONS)
METRICS = st.builds(metrics.validity.Range, EXPRESSIONS, st.none() | EXPRESSIONS, st.text())
TYPES = st.recursive(
    st.builds(data.Type, st.sampled_from(data.Kind), st.none() | st.integers(1, 38)),
    lambda inner: (
        st.builds(data.Type, st.just(data.Kind.LIST), item=inner)
        | st.builds(data.Type, st.just(data.Kind.STRUCT), fields=st.tuples(st.builds(data.Field, st.text(), inner)))
    ),
    max_leaves=3,
)
GIVEN: dict[Any, st.SearchStrategy[Any]] = {
    expr.Expr: EXPRESSIONS,
    aggregate.Aggregate: AGGREGATES,
    metric.Metric: METRICS,
    data.Type: TYPES,
    Any: VALUES,
    object: AGGREGATES,  # expr.Value
    bool: st.booleans(),
    int: st.integers(),
    float: st.floats(),
    str: st.text(),
    type(None): st.none(),
    Decimal: DECIMALS,
    bytes: st.binary(),
    date: st.dates(),
    datetime: st.datetimes(),
    time: st.times(),
    timedelta: st.timedeltas(),
}


def of_type(wanted: Any) -> st.SearchStrategy[Any]:
    """Random values of a field's type."""
    if wanted in GIVEN:
        return GIVEN[wanted]
    origin, args = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is typing.Literal:
        return st.sampled_from(args)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(of_type, args))
    if origin is tuple and args[-1] is ...:
        return st.lists(of_type(args[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(of_type, args))
    if origin is frozenset:
        return st.frozensets(of_type(args[0]), max_size=3)
    if origin in (dict, Mapping):
        return st.dictionaries(of_type(args[0]), of_type(args[1]), max_size=3)
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return st.sampled_from(wanted)
    assert dataclasses.is_dataclass(wanted), wanted
    return made(wanted)


def made(cls: Any) -> st.SearchStrategy[Any]:
    """Random instances of a class of the language, every field drawn."""
    names = {"Mapping": Mapping} | {k: v for m in MODULES for k, v in vars(m).items()}
    hints = typing.get_type_hints(cls, names, names)
    drawn = {f.name: of_type(hints[f.name]) for f in dataclasses.fields(cls) if f.init}
    return st.builds(cls, **drawn)


def through_json(value: Any) -> Any:
    return decode(json.loads(json.dumps(encode(value), allow_nan=False)))


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_every_class_comes_back(cls: Any) -> None:
    @LAW
    @given(made(cls))
    def law(value: Any) -> None:
        back = through_json(value)
        assert type(back) is cls
        assert same(back, value, relative=0) or back == value
        assert digest(back) == digest(value)
        json.dumps(plain(value), allow_nan=False)

    law()


@settings(LAW, max_examples=200)
@given(VALUES)
def test_every_value_comes_back_with_its_type(value: Any) -> None:
    back = through_json(value)
    assert encode(back) == encode(value)
    assert type(back) is type(value)
    assert same(back, value, relative=0) or back == value
    json.dumps(plain(value), allow_nan=False)


def test_what_json_cannot_say() -> None:
    for value in (2**53 + 1, -(2**64), math.inf, Decimal("0.10"), b"\xff", UUID(int=1), timedelta(microseconds=-1)):
        back = through_json(value)
        assert (back, type(back)) == (value, type(value))
    assert str(through_json(Decimal("0.10"))) == "0.10"
    assert math.isnan(through_json(math.nan))


@LAW
@given(st.one_of(*map(made, SHARED)), st.one_of(*map(made, SHARED)))
def test_different_questions_have_different_digests(one: Any, other: Any) -> None:
    assert (digest(one) == digest(other)) == (encode(one) == encode(other))


def test_a_name_that_is_no_part_of_the_language_is_refused() -> None:
    for name in ("Path", "Aggregated", "system", "Scalar", "compare"):
        with pytest.raises(ValueError, match="no part of the language"):
            decode({"$type": name})
