"""Columns and checks of a contract as written -> the checks of one suite, typed as far as types are declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from dq.dialects.base import Problems, check_format, check_zone, free, parse_bound
from dq.dialects.columns import BOUNDS, FITTING, GROUPS, NONE_FAIL, Asked, alike, metric_of, plain
from dq.dialects.declared import Names, Typing
from dq.errors import nearest
from dq.ir.check import Bound, Check, Condition, Memory, Origin, Severity
from dq.ir.data import (
    SIMPLE_TYPES,
    TIMES,
    Declared,
    Field,
    Kind,
    Schema,
    Type,
    format_path,
    parse_path,
    parse_type,
    raw,
)  # fmt: skip
from dq.ir.expr import Col, Expr, IsNull, Path
from dq.metrics import consistency, schema, uniqueness, validity, volume

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq.ir.metric import Metric


@dataclass(frozen=True, slots=True)
class Located:
    """A value and the line of its key."""

    value: Any
    line: int


Spec: TypeAlias = Mapping[str, Located]


@dataclass(frozen=True, slots=True)
class Written:
    """What a contract asks of one partition: columns and checks by key, base and versions merged."""

    columns: Mapping[str, Spec]
    checks: tuple[Spec, ...]
    strict: bool
    strict_line: int
    ever: tuple[str, ...]  # columns the contract listed at any time


@dataclass
class SuiteBuilder:
    """Collects the checks of one suite; what is wrong goes to `problems`."""

    written: Written
    keys: tuple[Field, ...]
    memory: Memory
    problems: Problems
    checks: list[Check] = field(default_factory=list)
    columns: list[Declared] = field(default_factory=list)
    types: dict[Path, Type] = field(default_factory=dict)

    def build(self) -> None:
        paths = self._paths()
        self._declare(paths)
        self.names = Names(self._names(), tuple(f.name for f in self.keys), self.written.strict)
        fields = tuple(Field(p[0], t) for p, t in self.types.items() if len(p) == 1)
        self.typing = Typing(Schema((*fields, *self.keys)))
        self._built_in()
        for path, spec in paths.items():
            self._column(path, spec)
        for spec in self.written.checks:
            self._table(spec)

    def _paths(self) -> dict[Path, Spec]:
        paths: dict[Path, Spec] = {}
        for name, spec in self.written.columns.items():
            try:
                paths[parse_path(name)] = spec
            except ValueError as error:
                self.problems.add(_first(spec), f"columns: {error}")
        return paths

    def _declare(self, paths: Mapping[Path, Spec]) -> None:
        """Types, aliases and reading of every column, before any check speaks of them."""
        for path, spec in paths.items():
            name = format_path(path)
            if "type" in spec and (found := self._type(spec["type"], name)):
                self.types[path] = found
            kind = self.types[path].kind if path in self.types else None
            for key, fitting in (("formats", TIMES | {Kind.TIME}), ("timezone", {Kind.TIMESTAMP})):
                if key in spec and kind not in fitting:
                    needs = " or ".join(sorted(fitting))
                    self.problems.add(spec[key].line, f"columns.{name}.{key} needs type: {needs}")
            for text in spec["formats"].value if "formats" in spec else ():
                self._told(check_format, text, f"columns.{name}.formats", spec["formats"].line)
            if "timezone" in spec:
                self._told(check_zone, spec["timezone"].value, f"columns.{name}.timezone", spec["timezone"].line)
            if len(path) == 1:
                formats = tuple(spec["formats"].value) if "formats" in spec else ()
                aliases = tuple(spec["aliases"].value) if "aliases" in spec else ()
                zone = spec["timezone"].value if "timezone" in spec else None
                self.columns.append(Declared(path[0], self.types.get(path), formats, zone, aliases))
            elif wrong := [k for k in ("formats", "timezone", "aliases", "optional") if k in spec]:
                self.problems.add(spec[wrong[0]].line, f"columns.{name}.{wrong[0]}: only a whole column takes it")

    def _told(self, check: Callable[[str], None], text: str, at: str, line: int) -> None:
        try:
            check(text)
        except ValueError as error:
            self.problems.add(line, f"{at}: {error}")

    def _type(self, cell: Located, name: str) -> Type | None:
        text = cell.value["value"] if isinstance(cell.value, dict) else cell.value
        try:
            return parse_type(text)
        except ValueError as error:
            near = _FOREIGN.get(text.lower())
            hint = f' (did you mean "{near}"?)' if near else nearest(text, SIMPLE_TYPES) if "(" not in text else ""
            self.problems.add(cell.line, f"columns.{name}.type: {error}{hint}")
            return None

    def _names(self) -> dict[str, str]:
        found = {c.name: c.name for c in self.columns}
        for column in self.columns:
            for alias in column.aliases:
                if alias in found:
                    line = self.written.columns[format_path((column.name,))]["aliases"].line
                    self.problems.add(line, f'columns.{column.name}.aliases: "{alias}" is {found[alias]} already')
                found[alias] = column.name
        return found

    def _built_in(self) -> None:
        ever = self.written.ever
        self.add("table.not_empty", volume.RowCount(), Bound((Condition(">", 0),)))
        self.add("table.files_agree", schema.FilesAgree())
        if not self.memory.repeats:
            self.add("table.same_content", consistency.SameContent())
        for kind in ("added", "removed", "retyped"):
            severity = getattr(self.memory, kind)
            if severity is not None:
                self.add(f"table.{kind}", schema.Change(kind, ever), severity=severity)
        if self.written.strict:
            origin = Origin(file=self.problems.file, line=self.written.strict_line, rule="strict: true")
            names = tuple(c.name for c in self.columns)
            self.add("table.strict", schema.NoOtherColumns(names), origin=origin)

    def add(
        self,
        identity: str,
        metric: Metric,
        bound: Bound = NONE_FAIL,
        severity: Severity = Severity.BLOCK,
        column: str | None = None,
        origin: Origin | None = None,
    ) -> None:
        unique = free(identity, self.checks)
        self.checks.append(Check(unique, metric, bound, severity, column, origin or Origin(file=self.problems.file)))

    def _column(self, path: Path, spec: Spec) -> None:
        name, line = format_path(path), _first(spec)
        origin = Origin(file=self.problems.file, line=line, rule=name)
        if not ("optional" in spec and spec["optional"].value) and path[0] not in self._optional():
            self.add(f"{name}.column_present", schema.ColumnPresent(name), column=name, origin=origin)
        for key, group in GROUPS.items():
            asked = [self._asked(name, k, spec[k], key) for k in group if k in spec]
            for same in alike([a for a in asked if a is not None]):
                self._judged(path, key, same)
            if key == "type" and len(path) == 1 and path in self.types:
                self._readable(path, spec)

    def _optional(self) -> set[str]:
        return {k for k, spec in self.written.columns.items() if "optional" in spec and spec["optional"].value}

    def _readable(self, path: Path, spec: Spec) -> None:
        name, key = format_path(path), "readable" if "readable" in spec else "type"
        asked = self._asked(name, "readable", spec[key], "readable") if key == "readable" else None
        bound, severity, where = NONE_FAIL, Severity.BLOCK, None
        if asked:
            bound, severity, where = asked.bound, asked.severity, asked.where
        metric = validity.Readable(IsNull(Col((raw(path[0]),))), where, f"cannot be read as {self.types[path]}")
        self.add(f"{name}.readable", metric, bound, severity, name, self._origin(key, spec[key]))

    def _origin(self, key: str, cell: Located) -> Origin:
        return Origin(file=self.problems.file, line=cell.line, rule=f"{key}: {plain(cell.value)}")

    def _asked(self, name: str, key: str, cell: Located, group: str) -> Asked | None:
        """The check in either form; None where it is switched off or wrong."""
        form = cell.value if isinstance(cell.value, dict) else {"value": cell.value}
        value, at = form.get("value", True), f"columns.{name}.{key}"
        if value is False and group in ("required", "unique"):
            return None
        fitting = FITTING.get(group)
        found = self.types.get(parse_path(name))
        if fitting and found and found.kind not in fitting:
            self.problems.add(cell.line, f"{at} does not fit {name}, which is {found}")
            return None
        try:
            meaning = BOUNDS.get(group)
            bound = parse_bound(value, meaning) if meaning else self.tolerance(form)
            where = self.scope(form.get("where"), at, cell.line)
        except ValueError as error:
            self.problems.add(cell.line, f"{at}: {error}")
            return None
        return Asked(key, value, cell.line, bound, Severity(form.get("severity", "block")), where)

    def tolerance(self, form: Mapping[str, Any]) -> Bound:
        return parse_bound(form["fails"], "rows") if "fails" in form else NONE_FAIL

    def scope(self, text: str | None, at: str, line: int) -> Expr | None:
        """Raises ValueError where the text is no condition on rows."""
        if text is None:
            return None
        from dq.dialects.rules import parse_rule

        where = parse_rule(text, self.names)
        self.fits(where, f"{at}: where", line)
        return where

    def fits(self, expr: Expr, at: str, line: int) -> None:
        if fault := self.typing.fault(expr):
            self.problems.add(line, f"{at}: {fault}")

    def _judged(self, path: Path, key: str, asked: list[Asked]) -> None:
        name, first = format_path(path), asked[0]
        if key == "type" and path not in self.types:
            return
        try:
            metric = metric_of(key, path, asked, self.types.get(path))
        except ValueError as error:
            self.problems.add(first.line, f"columns.{name}.{first.key}: {error}")
            return
        if isinstance(metric, validity.Validity):
            self.fits(metric.ok, f"columns.{name}.{first.key}", first.line)
        rule = ", ".join(f"{one.key}: {plain(one.value)}" for one in asked)
        origin = Origin(file=self.problems.file, line=first.line, rule=rule)
        self.add(f"{name}.{metric.name}", metric, first.bound, first.severity, name, origin)

    def _table(self, spec: Spec) -> None:
        asked = [k for k in ("row_count", "file_count", "byte_count", "unique", "rule") if k in spec]
        line = _first(spec)
        if len(asked) != 1:
            said = " and ".join(asked) or "none"
            known = "row_count, file_count, byte_count, unique, rule"
            self.problems.add(line, f"checks: one of {known} is needed, not {said}")
            return
        key, cell = asked[0], spec[asked[0]]
        form = {k: v.value for k, v in spec.items()}
        at, severity = f"checks.{key}", Severity(form.get("severity", "block"))
        if wrong := [k for k in ("fails", "where") if k in form and key not in _TAKES[k]]:
            self.problems.add(spec[wrong[0]].line, f"{at} takes no {wrong[0]}")
            return
        try:
            where = self.scope(form.get("where"), at, line)
            identity, metric, column = self._metric(key, cell, where, at)
            if isinstance(metric, consistency.TableRule) and "fails" in form:
                raise ValueError("the rule judges the whole partition; fails counts rows")
            bound = parse_bound(cell.value, "number") if key in _COUNTS else self.tolerance(form)
        except ValueError as error:
            self.problems.add(cell.line, f"{at}: {error}")
            return
        name = f"table.{form['name']}" if "name" in form else identity
        self.add(name, metric, bound, severity, column, self._origin(key, cell))

    def _metric(self, key: str, cell: Located, where: Expr | None, at: str) -> tuple[str, Metric, str | None]:
        if key == "row_count":
            return "table.row_count", volume.RowCount(where), None
        if key in _COUNTS:
            return f"table.{key}", _COUNTS[key](), None
        if key == "unique":
            paths = tuple(self._path(text) for text in cell.value)
            column = format_path(paths[0]) if len(paths) == 1 else None
            return f"{column or 'table'}.unique", uniqueness.Unique(paths, where), column
        from dq.dialects.rules import parse, within

        condition, whole = parse(cell.value, self.names)
        if not whole:
            self.fits(condition, at, cell.line)
            return "table.rule", consistency.Rule(condition, where, cell.value), None
        condition = within(condition, where) if where else condition
        return "table.rule", consistency.TableRule(self.typing.coerce(condition), cell.value), None

    def _path(self, text: str) -> Path:
        head, *rest = parse_path(text)
        if self.names.complete and head not in self.names.columns and head not in (self.names.keys or ()):
            raise ValueError(f'no column "{head}"{nearest(head, self.names.columns)}')
        return (self.names.columns.get(head, head), *rest)


def _first(spec: Spec) -> int:
    return min((cell.line for cell in spec.values()), default=1)


_COUNTS: dict[str, Callable[[], Metric]] = {
    "row_count": volume.RowCount, "file_count": volume.FileCount, "byte_count": volume.ByteCount,
}  # fmt: skip
_TAKES = {"fails": ("unique", "rule"), "where": ("row_count", "unique", "rule")}
_FOREIGN = {
    **dict.fromkeys(("int", "integer", "bigint", "long"), "int64"), **dict.fromkeys(("float64", "number"), "double"),
    "float32": "float", **dict.fromkeys(("str", "text", "varchar", "char"), "string"), "datetime": "timestamp",
    "boolean": "bool", "numeric": "decimal(18,2)", "decimal128": "decimal(18,2)", "smallint": "int16",
}  # fmt: skip
