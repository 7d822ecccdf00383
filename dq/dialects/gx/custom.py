"""Expectations that only Great Expectations itself can run: custom classes, and row conditions in pandas' own code."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dq.dialects.gx.conditions import inexpressible, passed_through
from dq.ir.delegated import Delegated
from dq.ir.metric import Dimension, Facts, Measure, Metric, metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dq.dialects.gx.metrics import Semantics
    from dq.ir.aggregate import Aggregate
    from dq.ir.data import Schema
    from dq.ir.expr import Path as Column


@metric
@dataclass(frozen=True)
class Custom(Metric):
    """Rows that GX finds unexpected, or 1 where it is not met otherwise. `rule` is the expectation as JSON, `code` the
    digest of what lies in `plugins`. Which columns its code looks at nobody knows: it is given all, and shows values
    only where all may be shown."""

    name: ClassVar[str] = "custom"
    dimension: ClassVar[Dimension] = Dimension.VALIDITY
    unit: ClassVar[str] = "violations"

    kind: str
    rule: str
    plugins: str = ""
    code: str = ""
    columns: tuple[Column, ...] = ()

    def fitted(self, schema: Schema) -> Metric:
        return replace(self, columns=tuple((name,) for name in schema.names))

    def aggregates(self) -> tuple[Aggregate, ...]:
        return (Delegated("gx", self.rule, self.plugins, self.columns),)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        found = json.loads(states[self.aggregates()[0]])
        result = found["result"]
        failing = result.get("unexpected_count")
        unmet = 0 if found["success"] else max(1, failing or 0)
        counts = tuple((k, v) for k, v in result.items() if k.endswith("count") and isinstance(v, int))
        said = f"{failing:,} of {result['element_count']:,} rows are unexpected" if failing else "it is not met"
        body = ("body", json.dumps(result))
        return Measure(unmet, result.get("element_count"), note=said, details=(*counts, body))

    def phrase(self) -> str:
        return self.kind


def needs_gx(arguments: Mapping[str, Any], semantics: Semantics) -> bool:
    """Whether the row condition is one that only GX can run; on SQL it cannot run that either."""
    if semantics == "sql" and passed_through(arguments):
        return False
    return inexpressible(arguments.get("row_condition"), arguments.get("condition_parser"))


def classes(plugins: str) -> frozenset[str]:
    """Types of the expectations whose classes lie in the folder, read without running any of it."""
    found: set[str] = set()
    for path in sorted(Path(plugins).rglob("*.py")):
        try:
            parsed = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        found |= {_type(n.name) for n in ast.walk(parsed) if isinstance(n, ast.ClassDef) and _is_expectation(n)}
    return frozenset(found)


def code_of(plugins: str) -> str:
    """The digest of the folder's Python: other code is another suite."""
    whole = hashlib.sha256()
    for path in sorted(Path(plugins).rglob("*.py")):
        whole.update(f"{path.relative_to(plugins).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return whole.hexdigest()


def _is_expectation(node: ast.ClassDef) -> bool:
    bases = [b.attr if isinstance(b, ast.Attribute) else getattr(b, "id", "") for b in node.bases]
    return any(b.endswith("Expectation") or b.startswith("Expect") for b in bases)


def _type(name: str) -> str:
    """As GX calls the type of a class."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z0-9])([A-Z])", r"\1_\2", name).lower()
