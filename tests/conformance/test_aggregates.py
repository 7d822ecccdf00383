"""Every aggregate over every column of every hostile frame, Arrow and Parquet: engines answer like the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dq.ir import aggregate as a
from dq.ir.data import NESTED, NUMBERS, Kind, Schema
from dq.ir.expr import Bucket, Col, Compare, Expr, IsNull, Lit
from dq.ir.expr import Path as ColumnPath
from dq.ir.numbers import distinct_estimate
from dq.ir.positions import Positions
from dq.ir.typecheck import check
from tests.conformance.hostile import FRAMES, as_frame, as_parquet, same

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dq.engines.base import Dataset, Engine
    from dq.engines.reference import Reference


def leaves(schema: Schema) -> Iterator[tuple[ColumnPath, Kind]]:
    yield from ((path, found.kind) for path, found in schema.leaves())


def asked_of(path: ColumnPath, kind: Kind) -> Iterator[a.Aggregate]:
    column = Col(path)
    yield a.Count(IsNull(column))
    yield a.Tally(column)
    yield a.Tally(column, cap=2)
    yield a.Tally(column, cap=None)
    yield a.ApproxDistinct(column)
    yield a.Distinctness((column,))
    if kind not in NESTED:
        yield a.Min(column)
        yield a.Max(column)
    if kind in NUMBERS:
        yield a.Sum(column)
        yield a.Quantiles(column, (0.0, 0.25, 0.5, 0.9, 1.0))
        yield a.Tally(Bucket(column))
    yield a.FirstRows(IsNull(column), (path,), 2)
    yield a.FirstRows(None, (path,), 20)
    yield a.DuplicateKeys((column,), (path,))
    yield from (Positions(IsNull(column), limit=limit) for limit in (None, 0, 2))
    yield from (Positions(None, (column,), limit) for limit in (None, 1))


def compare(subject: Engine, reference: Reference, dataset: Dataset, aggregates: list[a.Aggregate]) -> None:
    wanted = reference.run(dataset, aggregates)
    for family in dict.fromkeys(x.family for x in aggregates):
        group = [x for x in aggregates if x.family == family]
        found = subject.run(dataset, group)
        assert set(found) == set(group)
        for aggregate in group:
            assert agrees(aggregate, found[aggregate], wanted[aggregate]), (
                aggregate,
                found[aggregate],
                wanted[aggregate],
            )


def agrees(aggregate: a.Aggregate, found: Any, wanted: Any) -> bool:
    if isinstance(aggregate, a.ApproxDistinct):
        left, right = distinct_estimate(found), distinct_estimate(wanted)
        return abs(left - right) <= max(2, 0.12 * right)
    if isinstance(aggregate, a.Moments):
        return moments_agree(found, wanted)
    return same(found, wanted)


def moments_agree(found: a.MomentsState, wanted: a.MomentsState) -> bool:
    """Odd sums cancel, so each is measured against the size of what was added up."""
    deviation = (wanted.m2 / wanted.n) ** 0.5 if wanted.n else 0.0
    scales = (deviation + abs(wanted.mean), wanted.m2, wanted.n * deviation**3, wanted.m4)
    pairs = zip(("mean", "m2", "m3", "m4"), scales, strict=True)
    return found.n == wanted.n and all(
        abs(getattr(found, name) - getattr(wanted, name)) <= 1e-9 * scale + 1e-12 for name, scale in pairs
    )


@pytest.fixture(params=["arrow", "parquet"])
def source(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def opened(name: str, source: str, folder: Path) -> Dataset:
    return as_frame(FRAMES[name]) if source == "arrow" else as_parquet(FRAMES[name], folder)


@pytest.mark.parametrize("name", FRAMES)
def test_every_aggregate_of_every_column(
    name: str, source: str, subject: Engine, reference: Reference, tmp_path: Path
) -> None:
    dataset = opened(name, source, tmp_path)
    aggregates = [x for path, kind in leaves(dataset.schema) for x in asked_of(path, kind)]
    compare(subject, reference, dataset, [a.Count(), *aggregates])


@pytest.mark.parametrize("column", ["i8", "i32", "u8", "calm", "dec", "f64", "f32"])
def test_moments(column: str, source: str, subject: Engine, reference: Reference, tmp_path: Path) -> None:
    dataset = opened("numbers", source, tmp_path)
    asked: list[a.Aggregate] = [
        a.Moments(Col((column,))),
        a.Moments(Col((column,)), Compare(">", Col((column,)), Lit(0))),
    ]
    compare(subject, reference, dataset, asked)


@pytest.mark.parametrize(("x", "y"), [("calm", "i8"), ("f64", "u8"), ("dec", "calm")])
def test_comoments(x: str, y: str, source: str, subject: Engine, reference: Reference, tmp_path: Path) -> None:
    dataset = opened("numbers", source, tmp_path)
    compare(subject, reference, dataset, [a.Comoments(Col((x,)), Col((y,))), a.Comoments(Col((y,)), Col((x,)))])


@pytest.mark.parametrize("name", FRAMES)
def test_top_values_are_within_their_error(
    name: str, source: str, subject: Engine, reference: Reference, tmp_path: Path
) -> None:
    dataset = opened(name, source, tmp_path)
    asked = [a.TopValues(Col((n,)), limit) for n in dataset.schema.names for limit in (1, 3, 100)]
    found = subject.run(dataset, asked)
    for aggregate in asked:
        true = dict(reference.run(dataset, [a.Tally(aggregate.arg, cap=None)])[a.Tally(aggregate.arg, cap=None)].counts)
        assert_honest(found[aggregate], true, aggregate.limit)
        assert found[aggregate].error or same(found[aggregate], reference.run(dataset, [aggregate])[aggregate])


def assert_honest(state: a.TopState, true: dict[Any, int], limit: int) -> None:
    true = {str(k): n for k, n in true.items()}  # NaN is no key of a dictionary
    listed = {str(k): n for k, n in state.counts}
    assert len(listed) == len(state.counts) <= limit
    assert [n for _, n in state.counts] == sorted(listed.values(), reverse=True)
    assert all(n <= true[value] <= n + state.error for value, n in listed.items())
    assert all(n <= state.error for value, n in true.items() if value not in listed)


@pytest.mark.parametrize("keys", [("i8", "u8"), ("f64", "flag"), ("dec", "calm", "flag"), ("f32",)])
def test_keys_of_several_columns(
    keys: tuple[str, ...], source: str, subject: Engine, reference: Reference, tmp_path: Path
) -> None:
    """NULL in a part of a key is a value like any other; a key of nothing but NULL is none."""
    dataset = opened("numbers", source, tmp_path)
    columns = tuple(Col((k,)) for k in keys)
    scope = Compare("<", Col(("i8",)), Lit(100))
    asked: list[a.Aggregate] = [
        *(a.Distinctness(columns, where) for where in (None, scope)),
        *(a.DuplicateKeys(columns, (("i8",), ("f64",)), where, 3) for where in (None, scope)),
        *(Positions(where, columns) for where in (None, scope)),
    ]
    compare(subject, reference, dataset, asked)


@pytest.mark.parametrize("name", ["numbers", "empty"])
def test_scope_takes_the_rows_for_which_it_is_true(
    name: str, source: str, subject: Engine, reference: Reference, tmp_path: Path
) -> None:
    dataset = opened(name, source, tmp_path)
    scope, _ = check(Compare(">", Col(("calm",)), Lit(0.15)), dataset.schema)
    value: Expr = Col(("i64",))
    asked: list[a.Aggregate] = [
        a.Count(scope), a.Sum(value, scope), a.Min(value, scope), a.Max(value, scope), a.Tally(value, scope),
        a.TopValues(value, 100, scope), a.Distinctness((value,), scope), a.Quantiles(value, (0.5,), scope),
        a.ApproxDistinct(value, scope), a.FirstRows(scope, (("i64",),)), a.Moments(Col(("i8",)), scope),
        a.Comoments(Col(("i8",)), Col(("calm",)), scope), a.DuplicateKeys((value,), (("i64",),), scope),
        Positions(scope), Positions(scope, (value,)),
    ]  # fmt: skip
    compare(subject, reference, dataset, asked)
