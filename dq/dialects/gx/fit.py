"""The expectation as a metric that becomes another one when the schema is known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dq.dialects.gx import numbers, queries, records, tables, values
from dq.dialects.gx.asked import Asked, Unfit
from dq.dialects.gx.conditions import Inexpressible, NotThere, condition, passed_through
from dq.dialects.gx.custom import Custom, needs_gx
from dq.dialects.gx.metrics import Missing, Refused, Semantics
from dq.ir.metric import Dimension, Metric, metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dq.ir.data import Schema

FITTING = {**values.FITTING, **numbers.FITTING, **records.FITTING, **tables.FITTING, **queries.FITTING}


@metric
@dataclass(frozen=True)
class Expectation(Metric):
    """An expectation as written: what it asks depends on the types that land. `arguments` is JSON text."""

    name: ClassVar[str] = "expectation"
    dimension: ClassVar[Dimension] = Dimension.VALIDITY

    kind: str
    arguments: str
    semantics: Semantics = "pandas"
    plugins: str = ""

    def references(self) -> frozenset[str]:
        return queries.references(self.kind, json.loads(self.arguments)) if self.semantics == "sql" else frozenset()

    def fitted(self, schema: Schema) -> Metric:
        arguments = json.loads(self.arguments)
        if needs_gx(arguments, self.semantics):
            rule = json.dumps({"type": self.kind, "kwargs": arguments})
            return Custom(self.kind, rule, self.plugins).fitted(schema)
        return fit(self.kind, arguments, schema, self.semantics)


def fit(kind: str, arguments: Mapping[str, Any], schema: Schema, semantics: Semantics) -> Metric:
    """The metric. Where the question does not fit, one that says so when it is asked."""
    try:
        if semantics == "sql" and passed_through(arguments):
            raise Unfit("to GX a row condition in the words of pandas or Spark is none on SQL")
        where = condition(arguments.get("row_condition"), arguments.get("condition_parser"), schema, semantics)
        return FITTING[kind](Asked(kind, arguments, schema, semantics, where))
    except NotThere as error:
        return Missing((str(error.args[0]),))
    except Unfit as error:
        return Refused(str(error))
    except (TypeError, ValueError, AttributeError, LookupError) as error:  # arguments that GX's own model refuses, too
        return Refused(f"arguments that are not as {kind} takes them: {error}")
    except Inexpressible as error:
        return Refused(f"{error} runs in GX only", types=False)
