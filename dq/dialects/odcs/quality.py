"""Quality rules: the metrics of the library, SQL, and what other tools would run."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dq.dialects.base import free, read_yaml
from dq.dialects.odcs.build import severity_of
from dq.dialects.odcs.metrics import DuplicateValues, InvalidValues, MissingValues, NotRun, NullValues
from dq.dialects.odcs.shape import OPERATORS
from dq.dialects.patterns import check_pattern
from dq.dialects.query import quoted, read_query
from dq.errors import SuiteError, nearest
from dq.ir.check import Bound, Condition, Origin
from dq.ir.expr import Col, Lit, Matches, Not
from dq.metrics.completeness import absent
from dq.metrics.query import QueryValue
from dq.metrics.volume import RowCount

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dq.dialects.base import Place
    from dq.dialects.odcs.build import Builder
    from dq.ir.check import Severity
    from dq.ir.expr import Comparison, Path
    from dq.ir.metric import Metric

_OPS: dict[str, Comparison] = dict(zip(OPERATORS[:6], ("=", "!=", ">", ">=", "<", "<="), strict=True))
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "nullValues": (), "missingValues": ("missingValues",), "invalidValues": ("validValues", "pattern"),
    "duplicateValues": ("properties",), "rowCount": (),
}  # fmt: skip
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_OF_OBJECT, _OF_PROPERTY = ("object", "table", "model", "schema"), ("property", "column", "field")
_BLANKS = re.compile(rf"\$?\{{({'|'.join((*_OF_OBJECT, *_OF_PROPERTY))})\}}")
_GX = ("greatexpectations", "great-expectations", "great_expectations")


def add_rules(builder: Builder, rules: Sequence[Mapping[str, Any]], place: Place, column: Path | None = None) -> None:
    for n, rule in enumerate(rules):
        _Rule(builder, rule, (*place, n), column).add()


class _Rule:
    def __init__(self, builder: Builder, written: Mapping[str, Any], place: Place, column: Path | None) -> None:
        self.builder, self.written, self.place, self.column = builder, written, place, column
        self.severity: Severity = severity_of(written)

    def add(self) -> None:
        kind = self.written["type"]
        if kind == "text":
            told = str(self.written.get("description") or self.written.get("name") or "a text for people")
            self.check(NotRun(told, told=True), told)
        elif kind == "sql":
            self.sql()
        elif kind == "custom":
            self.custom()
        else:
            self.library(str(self.written["metric"]))

    def fault(self, key: str, message: str) -> None:
        self.builder.fault((*self.place, key), f"{key}: {message}")

    def check(self, metric: Metric, rule: str, bound: Bound = Bound((Condition("<=", 0),))) -> None:  # noqa: B008
        self.builder.add(
            metric, self.place, rule, column=self.column, bound=bound, severity=self.severity
        )  # fmt: skip

    def library(self, name: str) -> None:
        arguments: Mapping[str, Any] = self.written.get("arguments", {})
        for key in arguments:
            if key not in _ARGUMENTS[name]:
                takes = ", ".join(_ARGUMENTS[name]) or "none"
                hint = nearest(key, _ARGUMENTS[name]) or f"; it takes {takes}"
                self.builder.fault((*self.place, "arguments", key), f'{name}: unknown argument "{key}"{hint}')
        bound = self.bound(percent=name != "rowCount")
        metric = self.metric(name, arguments)
        if bound is not None and metric is not None:
            operator = next(k for k in OPERATORS if k in self.written)
            unit = " %" if self.written.get("unit") == "percent" else ""
            self.check(metric, f"{name} {operator}: {self.written[operator]}{unit}", bound)

    def metric(self, name: str, arguments: Mapping[str, Any]) -> Metric | None:
        if name == "rowCount":
            return RowCount()
        if name == "duplicateValues":
            return self.duplicates(arguments)
        if self.column is None:
            self.fault("metric", f"{name} is of a property, not of the whole object")
            return None
        if name == "nullValues":
            return NullValues(Not(absent(self.column)))
        if name == "missingValues":
            values = tuple(v for v in self.listed(arguments, "missingValues") if v is not None)
            return MissingValues(Not(absent(self.column)), path=self.column, values=values)
        return self.invalid(arguments, self.column)

    def listed(self, arguments: Mapping[str, Any], key: str) -> list[Any]:
        found = arguments.get(key, [])
        if not isinstance(found, list) or any(isinstance(v, (list, dict)) for v in found):
            self.builder.fault((*self.place, "arguments", key), f"{key}: a list of values is needed")
            return []
        return found

    def invalid(self, arguments: Mapping[str, Any], column: Path) -> Metric | None:
        values = tuple(v for v in self.listed(arguments, "validValues") if v is not None)
        pattern = arguments.get("pattern")
        if not values and pattern is None:
            self.fault("arguments", "invalidValues needs validValues, which are not empty, or a pattern")
            return None
        matches, said = None, []
        if values:
            said.append(f"are none of {', '.join(map(str, values[:10]))}")
        if pattern is not None:
            said.append(f"do not match {pattern}")
            matches = Matches(Col(column), str(pattern))
            try:
                check_pattern(str(pattern))
            except ValueError as error:
                self.builder.fault((*self.place, "arguments", "pattern"), f"pattern: {error}")
        words = " or ".join(said)
        ok = matches or Lit(True)
        return InvalidValues(ok, path=column, values=values, matches=matches, listed=bool(values), words=words)

    def duplicates(self, arguments: Mapping[str, Any]) -> Metric | None:
        if self.column is not None:
            return DuplicateValues((self.column,))
        names = [str(v) for v in self.listed(arguments, "properties")]
        if not names:
            self.fault("arguments", "duplicateValues of an object needs properties: a list of names")
        for name in names:
            if name not in self.builder.paths:
                hint = nearest(name, self.builder.paths)
                self.builder.fault((*self.place, "arguments", "properties"), f'no property "{name}"{hint}')
                return None
        return DuplicateValues(tuple(self.builder.paths[n] for n in names)) if names else None

    def bound(self, *, percent: bool) -> Bound | None:
        """Between includes both ends; a share is of the rows that are counted."""
        unit = self.written.get("unit", "rows")
        shared = unit in ("percent", "%")
        if (shared and not percent) or unit not in ("rows", "percent", "%"):
            self.fault("unit", f'"{unit}" does not fit: {"rows or percent" if percent else "rows"}')
            return None
        operator = next((k for k in OPERATORS if k in self.written), None)
        if operator is None:
            self.builder.fault(self.place, f"exactly one of {', '.join(OPERATORS)} is needed, not none")
            return None
        value = self.written[operator]
        given = value if isinstance(value, list) else [value]
        if not all(isinstance(v, (int, float)) for v in given):
            self.fault(operator, f"a number is needed, not {json.dumps(value, default=str)}")
            return None
        limits: list[Any] = [Decimal(str(v)) / 100 if shared else int(v) if isinstance(v, bool) else v for v in given]
        if operator in _OPS:
            return Bound((Condition(_OPS[operator], limits[0], "share of rows" if shared else "value"),))
        if limits[0] > limits[1]:
            self.fault(operator, f"{value[0]} is above {value[1]}: the smaller one stands first")
        ends = ((">=", limits[0]), ("<=", limits[1]))
        conditions = tuple(Condition(op, v, "share of rows" if shared else "value") for op, v in ends)  # type: ignore[arg-type]
        return Bound(conditions, negated=operator == "mustNotBeBetween")

    def sql(self) -> None:
        bound = self.bound(percent=False)
        text, builder = str(self.written["query"]), self.builder
        own = {str(builder.object["name"]), str(builder.object.get("physicalName") or builder.object["name"])}
        relations = dict.fromkeys(own, "")
        for name, other in builder.others.items():
            for called in (name, str(other.get("physicalName") or name)):
                relations.setdefault(called, name)
        names = dict.fromkeys(_OF_OBJECT, min(own))
        if self.column is not None:
            names |= dict.fromkeys(_OF_PROPERTY, ".".join(quoted(p, builder.dialect) for p in self.column))

        def filled(match: re.Match[str]) -> str:
            name = match[1]
            if name not in names:
                raise ValueError(f"{match[0]} is of a property, and this rule is of the whole object")
            return names[name] if name in _OF_PROPERTY else quoted(names[name], builder.dialect)

        try:
            asked = _BLANKS.sub(filled, text)
            if variable := _VARIABLE.search(asked):
                raise ValueError(f"{variable[0]} has no value here: write ${{{variable[1]}:-…}} with its default")
            query = read_query(asked, relations, dialect=builder.dialect, limit=2)
        except ValueError as error:
            self.fault("query", str(error))
            return
        if bound is not None:
            self.check(QueryValue(query, text.strip()), " ".join(text.split()), bound)

    def custom(self) -> None:
        engine = str(self.written["engine"])
        if engine.lower() not in _GX:
            self.builder.add(
                NotRun(f'a rule of the engine "{engine}" is not run here'), self.place, f"engine: {engine}",
                column=self.column, severity=self.severity,
            )  # fmt: skip
            return
        from dq.dialects import gx

        place = (*self.place, "implementation")
        given = self.written["implementation"]
        try:
            expectation = read_yaml(given, "implementation").value if isinstance(given, str) else dict(given)
            kwargs = isinstance(expectation, dict) and (expectation.get("kwargs") or {})
            if isinstance(kwargs, dict) and self.column is not None and len(self.column) == 1:
                expectation = {**expectation, "kwargs": {"column": self.column[0], **kwargs}}
            suite = gx.load(json.dumps({"expectations": [expectation]}), "implementation")
        except SuiteError as error:
            self.builder.fault(place, f"implementation: {str(error).partition(': ')[2] or error}")
            return
        line = self.builder.document.line(place)
        for check in suite.checks[1:]:
            if any(c.metric == check.metric for c in self.builder.checks):
                continue  # that the column is there, which the property says itself
            identity = free(check.id.partition("#")[0], self.builder.checks)
            origin = Origin("odcs", self.builder.problems.file, line, f"{engine}: {check.origin.rule}")
            self.builder.checks.append(replace(check, id=identity, severity=self.severity, origin=origin))
