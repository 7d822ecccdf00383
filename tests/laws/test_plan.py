"""One plan: what is folded together answers as if it were asked alone, and more suites cost no more passes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dq import metrics
from dq.dialects.contract import load
from dq.engines import ENGINES, engine
from dq.engines.base import Dataset, Engine
from dq.engines.parquet import open_parquet
from dq.evaluate import answers, evaluate, questions_of_evidence
from dq.ir import aggregate as a
from dq.ir import expr as e
from dq.ir.check import Bound, Check, Condition
from dq.ir.data import DataFile, Reading
from dq.ir.metric import Facts, Metric
from dq.ir.result import CheckResult
from dq.judge import run, shape_of
from dq.plan import FAMILIES, SMALL_ROWS, Plan, bind, passes_over, plan, second_stage
from dq.profile import questions
from tests.conformance.hostile import as_frame, same
from tests.laws.strategies import COLUMNS, CONDITIONS, SCOPES, aggregates, columns, tables

LAW = settings(deadline=None, derandomize=True, max_examples=15, suppress_health_check=list(HealthCheck))
CHEAP = settings(LAW, max_examples=25)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEYS = (("day", datetime(1970, 1, 2)),)

PATHS = st.sampled_from([(n,) for n in COLUMNS] + [("nowhere",)])
NUMBERS = st.sampled_from([("i",), ("n",), ("g",), ("m",)])
VALUES = st.builds(
    e.Value,
    st.one_of(st.builds(a.Count, SCOPES), st.builds(a.Sum, columns("i", "g", "m")), st.just(a.Max(e.Col(("t",))))),
)
METRICS: st.SearchStrategy[Metric] = st.one_of(
    st.builds(metrics.consistency.Rule, CONDITIONS, SCOPES, st.just("rule")),
    st.builds(metrics.consistency.Rule, st.just(e.Compare(">", e.Col(("t",)), e.Key("day")))),
    st.builds(metrics.consistency.TableRule, st.builds(e.Compare, st.just(">="), VALUES, VALUES)),
    st.builds(metrics.completeness.Completeness, PATHS, SCOPES),
    st.builds(metrics.uniqueness.Unique, st.lists(PATHS, min_size=1, max_size=2).map(tuple), SCOPES),
    st.builds(metrics.uniqueness.DistinctCount, PATHS, SCOPES),
    st.builds(metrics.distribution.Smallest, NUMBERS, SCOPES),
    st.builds(metrics.distribution.Largest, NUMBERS, SCOPES),
    st.builds(metrics.distribution.Total, NUMBERS, SCOPES),
    st.builds(metrics.distribution.Mean, NUMBERS, SCOPES),
    st.builds(metrics.distribution.Deviation, NUMBERS, SCOPES),
    st.builds(metrics.distribution.Median, NUMBERS, SCOPES),
    st.builds(metrics.volume.RowCount, SCOPES),
    st.builds(metrics.schema.ColumnPresent, st.sampled_from(["i", "nowhere"])),
)
CONDITION = st.builds(Condition, st.sampled_from(["<=", ">=", "="]), st.integers(0, 5))
CHECKS = st.lists(st.tuples(METRICS, CONDITION), min_size=1, max_size=8).map(
    lambda drawn: [Check(f"table.{i}", metric, Bound((bound,))) for i, (metric, bound) in enumerate(drawn)]
)


@pytest.fixture(scope="module", params=ENGINES)
def anybody(request: pytest.FixtureRequest) -> Iterator[tuple[str, Engine]]:
    made = engine(request.param)
    yield request.param, made
    getattr(made, "close", lambda: None)()


def answered(folded: Plan, dataset: Dataset, anybody: tuple[str, Engine]) -> dict[a.Aggregate, Any]:
    return dict(folded.known) | run(folded.passes, dataset, dict([anybody]))


def results(
    checks: list[Check], dataset: Dataset, anybody: tuple[str, Engine], asked: tuple[a.Aggregate, ...] = ()
) -> tuple[CheckResult, ...]:
    folded = plan(checks, asked, shape_of(dataset), anybody[0])
    found = answers(checks, folded, answered(folded, dataset, anybody))
    return evaluate(checks, found, Facts(schema=dataset.schema, keys=KEYS))


def keyed(dataset: Dataset) -> Dataset:
    dataset.keys = KEYS
    return dataset


@LAW
@given(table=tables(), checks=CHECKS)
def test_folding_changes_no_answer(anybody: tuple[str, Engine], table: pa.Table, checks: list[Check]) -> None:
    """Also beside a whole profile, and for checks that cannot be judged on this layout."""
    dataset = keyed(as_frame(table))
    together = results(checks, dataset, anybody, questions(dataset.schema, NOW))
    alone = [results([c], dataset, anybody)[0] for c in checks]
    for check, one, other in zip(checks, together, alone, strict=True):
        assert same(one, other), check


TYPES = {"i": "int64", "n": "int16", "f": "double", "m": "decimal(10,2)", "s": "string", "t": "timestamp", "d": "date"}
COUNT = st.integers(0, 3).map("<= {}".format)
SHARE = st.sampled_from([">= 50%", "= 1", "between 0.1 and 0.9"])
ANY: dict[str, st.SearchStrategy[Any]] = {
    "required": st.booleans() | st.fixed_dictionaries({"fails": COUNT}),
    "unique": st.booleans(),
    "completeness": SHARE,
    "distinct_count": st.integers(0, 5).map(">= {}".format),
    "pii": st.booleans(),
}
OF_NUMBERS = {
    "min": st.integers(-20, 0),
    "max": st.integers(0, 20),
    "mean": COUNT,
    "stddev": COUNT,
    "median": COUNT,
    "sum": COUNT,
}
OF_TEXT = {
    "matches": st.sampled_from(["^a", "[0-9]"]),
    "allowed": st.lists(st.sampled_from(["a", "A", "b", "1"]), min_size=1, unique=True),
    "max_length": st.integers(1, 4),
}
OF: dict[str, dict[str, Any]] = dict.fromkeys(("i", "n", "f", "m"), OF_NUMBERS) | {"s": OF_TEXT}
RULES = [
    "i >= n",
    "f < 10 or s is null",
    "length(s) > 1",
    "m * 2 > i",
    "max(t) >= partition.day",
    "count(distinct i) >= 2",
]
SCOPED = st.fixed_dictionaries(
    {}, optional={"where": st.sampled_from(["i > 0", "b", "s like 'a%'"]), "severity": st.just("warn")}
)
TABLE = st.one_of(
    st.fixed_dictionaries({"row_count": COUNT}),
    st.fixed_dictionaries({"unique": st.lists(st.sampled_from(["i", "s", "d"]), min_size=1, unique=True)}),
    st.fixed_dictionaries({"rule": st.sampled_from(RULES)}),
)


def column(name: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(TYPES[name])}, optional=ANY | OF.get(name, {}))


CONTRACTS = st.fixed_dictionaries(
    {"source": st.just("random"), "layout": st.just("{day:%Y-%m-%d}.csv")},
    optional={
        "columns": st.fixed_dictionaries({}, optional={n: column(n) for n in TYPES}),
        "checks": st.lists(st.tuples(TABLE, SCOPED).map(lambda pair: pair[0] | pair[1]), min_size=1, max_size=4),
    },
)


def checks_of(contract: dict[str, Any], name: str) -> list[Check]:
    """Ids are unique within a suite; several suites are told apart by name."""
    return [replace(c, id=f"{name}:{c.id}") for c in load(json.dumps(contract), f"{name}.yaml").suite.checks]


@LAW
@given(table=tables(), contracts=st.lists(CONTRACTS, min_size=2, max_size=3))
def test_suites_together_answer_as_each_alone(
    anybody: tuple[str, Engine], table: pa.Table, contracts: list[dict[str, Any]]
) -> None:
    dataset = keyed(as_frame(table))
    suites = [checks_of(c, str(i)) for i, c in enumerate(contracts)]
    together = results([c for s in suites for c in s], dataset, anybody)
    alone = [r for suite in suites for r in results(suite, dataset, anybody)]
    assert same(together, tuple(alone))


@CHEAP
@given(table=tables(max_rows=1), contracts=st.lists(CONTRACTS, min_size=1, max_size=4))
def test_passes_do_not_grow_with_the_number_of_suites(table: pa.Table, contracts: list[dict[str, Any]]) -> None:
    shape = replace(shape_of(keyed(as_frame(table))), rows=SMALL_ROWS + 1)
    suites = [checks_of(c, str(i)) for i, c in enumerate(contracts)]
    asked = questions(shape.schema, NOW)
    alone = [plan(s, asked, shape) for s in suites]
    everything = plan([c for s in suites for c in s], asked, shape)
    kinds = {(p.family, p.engine) for one in alone for p in one.passes}
    assert [(p.family, p.engine) for p in everything.passes] == sorted(kinds, key=lambda k: FAMILIES.index(k[0]))
    twice = plan([replace(c, id=f"{n}{c.id}") for n in range(9) for s in suites for c in s], asked, shape)
    assert twice.passes == everything.passes


@CHEAP
@given(table=tables(max_rows=1), checks=CHECKS, rows=st.sampled_from([1, SMALL_ROWS + 1]))
def test_nothing_is_asked_twice_or_beside_the_point(table: pa.Table, checks: list[Check], rows: int) -> None:
    shape = replace(shape_of(keyed(as_frame(table))), rows=rows)
    folded = plan(checks, questions(shape.schema, NOW), shape)
    asked = [x for p in folded.passes for x in p.aggregates]
    assert len(asked) == len(set(asked))
    assert set(asked) == set(folded.bound.values())
    for one in folded.passes:
        assert {x.family for x in one.aggregates} == {one.family} or (one.family == "held" and rows == 1)
        assert set(one.columns) == {path for x in one.aggregates for path in x.columns()}
    judged = {c.id for c in checks if all(x in folded.bound for x in c.metric.aggregates())}
    assert {c.id for c in checks} == judged | set(folded.unjudged)


@CHEAP
@given(table=tables(max_rows=1), asked=aggregates())
def test_binding_twice_is_binding_once(table: pa.Table, asked: a.Aggregate) -> None:
    shape = shape_of(keyed(as_frame(table)))
    bound = bind(asked, shape)
    assert bind(bound, shape) == bound


def edges(table: pa.Table) -> Iterator[a.Aggregate]:
    """Rows that break a comparison with an end of their column's range, and just beside it."""
    for name in ("i", "n", "u"):
        found = [v for v in table[name].to_pylist() if v is not None]
        for limit in {v + step for v in (min(found), max(found)) for step in (-1, 0, 1)} if found else ():
            for op in get_args(e.Comparison):
                yield a.Count(e.Not(e.Compare(op, e.Col((name,)), e.Lit(limit))))


@LAW
@given(table=tables(), split=st.integers(0, 12))
def test_what_footers_answer_is_what_the_data_says(
    tmp_path_factory: pytest.TempPathFactory, anybody: tuple[str, Engine], table: pa.Table, split: int
) -> None:
    dataset = landed(tmp_path_factory.mktemp("files"), table.slice(0, split), table.slice(split))
    assert dataset.footer is not None
    folded = plan((), (*questions(dataset.schema, NOW), *edges(table)), shape_of(dataset), anybody[0])
    assert folded.known
    read = run(passes_over(folded.known, shape_of(dataset), anybody[0]), dataset, dict([anybody]))
    for one, state in folded.known.items():
        assert same(state, read[one]), one


def landed(folder: Path, *parts: pa.Table) -> Dataset:
    files = []
    for i, part in enumerate(parts):
        path = folder / f"{i}.parquet"
        pq.write_table(part, path)
        files.append(DataFile(path.name, path.stat().st_size, str(path)))
    return keyed(open_parquet(files, Reading(keys=KEYS)))


@LAW
@given(table=tables(), checks=CHECKS)
def test_evidence_folds_too(anybody: tuple[str, Engine], table: pa.Table, checks: list[Check]) -> None:
    """Rows asked for together are the rows asked for one by one; a check by rows shows as many as failed, up to 5."""
    dataset = keyed(as_frame(table))
    shape = shape_of(dataset)
    found = results(checks, dataset, anybody)
    asked = {k: bind(x, shape) for k, x in questions_of_evidence(checks, found).items()}
    together = run(passes_over(dict.fromkeys(asked.values()), shape, anybody[0]), dataset, dict([anybody]))
    for result in found:
        if result.id in asked:
            one = asked[result.id]
            assert same(together[one], anybody[1].run(dataset, [one])[one])
            if result.failed_rows is not None:
                assert len(together[one]) == min(5, result.failed_rows)


@CHEAP
@given(table=tables())
def test_numbers_of_the_whole_are_known_in_a_second_stage(anybody: tuple[str, Engine], table: pa.Table) -> None:
    """Rows above the mean of all rows: the mean is asked first, and no value is above the mean of none."""
    column = e.Col(("g",))
    above = metrics.consistency.Rule(e.Compare("<=", column, e.Value(a.Moments(column), "mean")))
    dataset = as_frame(table)
    shape = shape_of(dataset)
    first = plan([Check("table.rule", above, Bound((Condition("<=", 0),)))], (), shape, anybody[0])
    assert all(not any(isinstance(x, e.Value) for x in e.walk(w)) for w in conditions(first))
    states = answered(first, dataset, anybody)
    second = second_stage(first, states, shape, anybody[0])
    assert not second.later
    states |= run(second.passes, dataset, dict([anybody]))
    values = [v for v in table["g"].to_pylist() if v is not None]
    mean = sum(values) / len(values) if values else 0
    assert states[second.bound[above.aggregates()[1]]] == sum(v > mean for v in values)


def conditions(folded: Plan) -> Iterator[e.Expr]:
    yield from (x.where for one in folded.passes for x in one.aggregates if isinstance(x, a.Count) and x.where)


def test_a_condition_that_does_not_fit_is_told_in_the_first_stage() -> None:
    text = e.Col(("s",))
    above = metrics.consistency.Rule(e.Compare("<=", text, e.Value(a.Count())))
    dataset = as_frame(pa.table({"s": ["x"]}))
    folded = plan([Check("table.rule", above, Bound((Condition("<=", 0),)))], (), shape_of(dataset))
    assert not folded.later
    assert "table.rule" in folded.unjudged
