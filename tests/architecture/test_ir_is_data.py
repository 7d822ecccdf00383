"""The language is frozen data: equal by value, hashable, printable, with a JSON form. No callables, no lambdas."""

import ast
import dataclasses
from pathlib import Path

import pytest

import dq.metrics  # noqa: F401  registers every metric
from dq.ir import aggregate, check, codec, contract, data, delegated, expr, metric, other, positions, result
from dq.ir.aggregate import Count, Max
from dq.ir.expr import Call, Col, In, Lit

MODULES = (expr, aggregate, other, positions, check, contract, data, delegated, metric, result)
CLASSES = [
    c
    for m in MODULES
    for c in vars(m).values()
    if isinstance(c, type) and dataclasses.is_dataclass(c) and c.__module__ == m.__name__
] + list(metric.REGISTRY.values())


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_frozen(cls: type) -> None:
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert not [f.name for f in dataclasses.fields(cls) if "Callable" in str(f.type)]


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)
def test_no_lambda_is_stored(module: object) -> None:
    tree = ast.parse(Path(module.__file__).read_text())  # type: ignore[attr-defined]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            assert not [
                n
                for b in node.body
                if isinstance(b, (ast.Assign, ast.AnnAssign))
                for n in ast.walk(b)
                if isinstance(n, ast.Lambda)
            ]


def test_aggregates_stay_few() -> None:
    """Growth of the engine vocabulary is a decision, not a drift: two metrics must want a new one."""
    assert len({c.__name__ for c in aggregate.Aggregate.__subclasses__()}) <= 19


def test_a_name_is_one_metric() -> None:
    """The codec would read the other one's."""
    with pytest.raises(TypeError, match="Unique is a metric of"):
        metric.metric(type("Unique", (metric.Metric,), {}))


@pytest.mark.parametrize("cls", metric.REGISTRY.values(), ids=lambda c: c.__name__)
def test_metrics_say_what_they_are(cls: type[metric.Metric]) -> None:
    assert cls.name
    assert cls.dimension in metric.Dimension
    assert cls.__doc__


def test_the_codec_reads_back_what_it_writes() -> None:
    from dq.metrics.validity import Range, in_range

    ok = in_range(("a", "b.c"), 0, 2**70)
    asked = check.Check(
        "a.range", Range(ok, expr.IsNull(expr.Col(("x",))), words="outside"), check.Bound((check.Condition("<=", 0),))
    )
    assert codec.decode(codec.encode(asked)) == asked
    assert codec.digest(asked) == codec.digest(codec.decode(codec.encode(asked)))


def test_literals_of_different_types_are_different_questions() -> None:
    """States are kept by aggregate: 0, 0.0 and False are equal to Python, and answered differently."""
    column, values = Col(("a",)), (0, 0.0, False)
    asked = [Max(Call("coalesce", (column, Lit(v)))) for v in values]
    assert len(set(asked)) == len({Count(In(column, (v,))) for v in values}) == 3
    assert asked[0] == Max(Call("coalesce", (column, Lit(0))))
