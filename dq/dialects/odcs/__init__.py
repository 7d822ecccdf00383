"""Contracts of the Open Data Contract Standard, 3.0 to 3.2: one object of one becomes the checks of a suite.

The README beside this file says how the points are read that the standard leaves open.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dq.dialects.base import Document, Problems, identified, read_yaml
from dq.dialects.odcs import shape
from dq.dialects.odcs.agreements import add_agreements, add_relationships
from dq.dialects.odcs.build import NONE_FAIL, Builder
from dq.dialects.odcs.properties import add_properties
from dq.dialects.odcs.quality import add_rules
from dq.errors import SuiteError, nearest
from dq.ir.check import Bound, Condition, Suite
from dq.ir.data import Reading
from dq.metrics import schema, uniqueness, volume

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dq.dialects.base import Place

_DIALECTS = {
    "athena": "athena", "bigquery": "bigquery", "clickhouse": "clickhouse", "databricks": "databricks", "db2": "",
    "hive": "hive", "impala": "hive", "mysql": "mysql", "oracle": "oracle", "postgres": "postgres",
    "postgresql": "postgres", "presto": "presto", "redshift": "redshift", "snowflake": "snowflake", "sqlserver": "tsql",
    "synapse": "tsql", "trino": "trino",
}  # fmt: skip
_OLD_NAMES = {"duplicateCount": "duplicateValues", "nullCheck": "nullValues"}


def load(text: str, file: str, name: str = "", *, likely: str = "") -> Suite:
    """The suite of the object called `name`; unnamed, of the only one, or the one that is `likely` meant.

    Raises SuiteError with a line per error.
    """
    document = _modern(read_yaml(text, file))
    problems = Problems(file)
    if isinstance(document.value, dict):
        document.value.update({k: _filled(v) for k, v in document.value.items()})
    shape.check(document, problems)
    problems.settle()
    value: Mapping[str, Any] = document.value
    objects: Sequence[Mapping[str, Any]] = value.get("schema") or []
    n = _chosen(objects, name, likely, document, file)
    builder = Builder(
        document, problems, objects[n], ("schema", n), {str(o["name"]): o for o in objects},
        next((d for s in value.get("servers", ()) if (d := _DIALECTS.get(str(s.get("type"))))), "duckdb"),
        str(value["apiVersion"]).startswith("v3.0"),
    )  # fmt: skip
    _build(builder, value)
    problems.settle()
    return _suite(builder, value)


def _modern(document: Document) -> Document:
    """With a metric under the name that it has today, which was `rule` in 3.0, and with the type that is meant."""
    rules: list[dict[str, Any]] = []
    _collect(document.value, rules)
    for rule in rules:
        if "metric" not in rule and isinstance(rule.get("rule"), str):
            old = rule.pop("rule")
            rule["metric"] = _OLD_NAMES.get(old, old)
        rule.setdefault("type", "library")
    return document


def _filled(value: Any) -> Any:
    """With `${NAME:-default}` as its default: what lies in the environment is no business of a contract."""
    match value:
        case str():
            return re.sub(r"\$\{\w+:-([^{}]*)\}", r"\1", value)
        case list():
            return [_filled(v) for v in value]
        case dict():
            return {k: _filled(v) for k, v in value.items()}
    return value


def _collect(value: Any, rules: list[dict[str, Any]]) -> None:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if key == "quality" and isinstance(inner, list):
            rules += [r for r in inner if isinstance(r, dict)]
        _collect(inner, rules)


def _chosen(
    objects: Sequence[Mapping[str, Any]], name: str, likely: str, document: Document, file: str
) -> int:  # fmt: skip
    line = document.line(("schema",))
    if not objects:
        raise SuiteError("no object in schema: the contract would pass everything", file=file, line=line)
    named = [{str(o["name"]), str(o.get("physicalName") or o["name"])} for o in objects]
    for wanted in filter(None, (name, likely)):
        if found := [n for n, names in enumerate(named) if wanted in names]:
            return found[0]
    known = [str(o["name"]) for o in objects]
    if name:
        message = f'no object "{name}"{nearest(name, known)}; objects are {", ".join(known)}'
        raise SuiteError(message, file=file, line=line)
    if len(objects) > 1:
        message = f"which object? There are {', '.join(known)}: write {file}:{known[0]}"
        raise SuiteError(message, file=file, line=line)
    return 0


def _build(builder: Builder, value: Mapping[str, Any]) -> None:
    written, place = builder.object, builder.place
    builder.add(volume.RowCount(), (*place, "name"), "", bound=Bound((Condition(">", 0),)), name="not_empty")
    builder.add(schema.FilesAgree(), (*place, "name"), "", bound=NONE_FAIL)
    properties = written.get("properties", ())
    add_properties(builder, properties, (*place, "properties"))
    if builder.keys:
        keys = tuple(path for _, path in sorted(builder.keys, key=lambda k: k[0]))
        column = keys[0] if len(keys) == 1 else None
        builder.add(uniqueness.Unique(keys), builder.key_place, "primaryKey", column=column)
    for one, at, path in _walked(builder, properties, (*place, "properties"), ""):
        add_rules(builder, one.get("quality", ()), (*at, "quality"), path)
        add_relationships(builder, one.get("relationships", ()), (*at, "relationships"), path)
    add_rules(builder, written.get("quality", ()), (*place, "quality"))
    add_relationships(builder, written.get("relationships", ()), (*place, "relationships"))
    add_agreements(builder, value.get("slaProperties", ()), value.get("slaDefaultElement"))


def _walked(
    builder: Builder, properties: Sequence[Mapping[str, Any]], place: Place, above: str
) -> Iterator[tuple[Mapping[str, Any], Place, tuple[str, ...]]]:
    for n, one in enumerate(properties):
        called = f"{above}{one['name']}"
        if called in builder.paths:
            yield one, (*place, n), builder.paths[called]
            yield from _walked(builder, one.get("properties", ()), (*place, n, "properties"), f"{called}.")


def _suite(builder: Builder, value: Mapping[str, Any]) -> Suite:
    columns = tuple(builder.columns)
    server: Mapping[str, Any] = next((s for s in value.get("servers", ()) if s.get("format") == "csv"), {})
    text = str(server.get("delimiter", ""))
    delimiter = text if len(text) == 1 else None
    reading = Reading(delimiter=delimiter, encoding=str(server.get("encoding") or "utf-8").lower(), declared=columns)
    checks, pii = tuple(builder.checks), frozenset(builder.pii)
    return identified(Suite(str(builder.object["name"]), checks, reading, columns, pii=pii))
