"""A bound that does not compare with what was measured is the suite's mistake, never a traceback or a pass."""

from dq.evaluate import answers, evaluate
from dq.ir.aggregate import Max
from dq.ir.check import Bound, Check, Condition
from dq.ir.expr import Col
from dq.ir.metric import Facts
from dq.ir.result import Cause, Status
from dq.metrics.distribution import Largest
from dq.plan import Plan


def test_a_bound_of_another_kind() -> None:
    asked = Max(Col(("name",)))
    check = Check("name.max", Largest(("name",)), Bound((Condition("<=", 5),)), column="name")
    plan = Plan(bound={a: a for a in check.metric.aggregates()})
    states = {a: "zoe" if a == asked else 3 for a in check.metric.aggregates()}
    (result,) = evaluate([check], answers([check], plan, states), Facts())
    assert (result.status, result.cause) == (Status.ERROR, Cause.SUITE)
    assert result.message == "max is str, which does not compare with <= 5"
