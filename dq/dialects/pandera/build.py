"""A schema as plain data -> the checks of one suite."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from dq.dialects.base import Problems, free, identified
from dq.dialects.pandera.asked import METRICS, AskedCheck, AskedColumn, AskedSchema
from dq.dialects.pandera.fit import Asked
from dq.dialects.pandera.metrics import ColumnsInOrder, OnlyNamed, PatternPresent, Rows, TypeOf
from dq.dialects.pandera.types import Wanted, categories, wanted
from dq.dialects.patterns import check_length, shown
from dq.errors import nearest
from dq.ir.check import Bound, Check, Condition, Origin, Severity, Suite
from dq.ir.codec import encode
from dq.ir.data import NESTED, Declared, Kind, Reading, format_path, raw
from dq.ir.expr import Col, IsNull
from dq.metrics.schema import ColumnPresent
from dq.metrics.validity import Readable
from dq.metrics.volume import RowCount

if TYPE_CHECKING:
    from dq.ir.metric import Metric

NONE = Bound((Condition("=", 0),))
_SAMPLES, _MOST_SAMPLES = 5, 200


def build(schema: AskedSchema, file: str) -> Suite:
    """The suite, named as the schema is. Raises SuiteError with a line per error."""
    builder = _Builder(schema, file)
    builder.build()
    builder.problems.settle()
    declared = tuple(Declared(n, w.type) for n, w in builder.types.items() if w.type.kind not in NESTED)
    reading = Reading(delimiter=",", declared=declared)
    return identified(Suite(schema.name or "schema", tuple(builder.checks), reading, declared))


class _Builder:
    def __init__(self, schema: AskedSchema, file: str) -> None:
        self.schema = schema
        self.file = file
        self.problems = Problems(file)
        self.checks: list[Check] = []
        self.types: dict[str, Wanted] = {}
        self.patterns: list[str] = []
        self.explicit = tuple(c.name for c in schema.columns if not c.regex)
        self.sees = tuple(c.name if c.regex else re.escape(c.name) for c in schema.columns)
        self.sees = self.sees if schema.strict == "filter" else (".*",)
        cast = [c for c in schema.columns if (c.coerce or schema.coerce) and c.dtype and not c.regex]
        self.casts = tuple((c.name, schema.dtype or str(c.dtype)) for c in cast)

    def build(self) -> None:
        schema = self.schema
        notes = _notes(schema)
        rows = Rows(notes=notes) if notes else RowCount()
        self.add("table.not_empty", rows, schema.line, bound=Bound((Condition(">", 0),)))
        columns = schema.columns
        if not columns and schema.dtype:
            columns = (AskedColumn(".*", regex=True, required=False, line=schema.line),)
        for column in columns:
            self.column(column)
        self.frame()
        for check in schema.checks:
            self.check(check, None, sees=self.sees)

    def frame(self) -> None:
        """What is asked of the columns together."""
        schema = self.schema
        if schema.strict is True:
            self.add("table.strict", OnlyNamed(self.explicit, tuple(self.patterns)), schema.line)
        if schema.ordered:
            listed = tuple((c.name, c.regex) for c in schema.columns)
            self.add("table.ordered", ColumnsInOrder(listed), schema.line)
        for columns in schema.unique:
            for name in columns:
                if name not in self.explicit and not any(re.fullmatch(p, name) for p in self.patterns):
                    self.problems.add(schema.line or 1, f'unique: no column "{name}"{nearest(name, self.explicit)}')
            arguments = {"columns": list(columns)}
            self.add("table.unique", Asked("unique", arguments=_text(arguments)), schema.line)

    def column(self, column: AskedColumn) -> None:
        name = column.name
        path = name if column.regex else format_path((name,))
        if column.regex and not self.sound(column):
            return
        dtype = self.dtype(column)
        fine = not column.required or (
            self.schema.add_missing_columns and (column.default is not None or column.nullable)
        )
        if not fine:
            present = PatternPresent(name, self.explicit) if column.regex else ColumnPresent(path)
            self.add(f"{path}.column_present", present, column.line, path)
        shared: dict[str, Any] = {
            "column": name, "regex": column.regex, "explicit": self.explicit if column.regex else (),
            "fine_if_absent": fine, "dtype": dtype.text if dtype else None, "pandas": self.schema.pandas,
            "coerce": column.coerce or self.schema.coerce, "default": _text(column.default),
        }  # fmt: skip
        if dtype is not None:
            self.typed(column, path, dtype, shared)
        if not column.nullable:
            self.add(f"{path}.required", Asked("required", **shared), column.line, path)
        if column.unique:
            self.add(f"{path}.unique", Asked("unique", **shared), column.line, path)
        for check in column.checks:
            self.check(check, path, **shared)

    def sound(self, column: AskedColumn) -> bool:
        try:
            check_length(column.name)
            re.compile(column.name)
            self.patterns.append(column.name)
        except (re.error, ValueError) as error:
            why = getattr(error, "msg", error)
            self.problems.add(column.line or 1, f"columns.{shown(column.name)}: no pattern: {why}")
            return False
        return True

    def dtype(self, column: AskedColumn) -> Wanted | None:
        text = self.schema.dtype or column.dtype
        try:
            return wanted(text, pandas=self.schema.pandas) if text else None
        except ValueError as error:
            self.problems.add(column.line or 1, f"columns.{column.name}: {error}")
            return None

    def typed(self, column: AskedColumn, path: str, dtype: Wanted, shared: dict[str, Any]) -> None:
        if shared["coerce"]:
            apart = f"values are cast to {dtype.text} for the checks alone; the data stays as it landed"
            self.add(f"{path}.castable", Asked("cast", apart=apart, **shared), column.line, path)
        else:
            typed = TypeOf(column.name, dtype.text, column.regex, shared["explicit"], self.schema.pandas)
            self.add(f"{path}.type", typed, column.line, path)
        if values := categories(dtype.text):
            asked = Asked("categories", arguments=_text({"values": list(values)}), says=f"{dtype.text}", **shared)
            self.add(f"{path}.categories", asked, column.line, path)
        if not column.regex:
            self.types[column.name] = dtype
            if dtype.type.kind not in (*NESTED, Kind.STRING, Kind.ENUM, Kind.NULL):
                unread = Readable(IsNull(Col((raw(column.name),))), None, f"cannot be read as {dtype.text}")
                self.add(f"{path}.readable", unread, column.line, path)

    def check(self, check: AskedCheck, path: str | None, **shared: Any) -> None:
        called = METRICS.get(check.kind) or (check.name if check.name.isidentifier() else "check")
        asked = Asked(
            check.kind, arguments=_text(dict(check.arguments)), says=check.says or called,
            ignore_na=check.ignore_na, language=check.language, code=check.code, reads=check.columns,
            element_wise=check.element_wise, table=check.table, apart=_apart(check),
            casts=self.casts if check.language or path is None else (), **shared,
        )  # fmt: skip
        samples = _SAMPLES if check.samples is None else min(max(check.samples, 0), _MOST_SAMPLES)
        severity = Severity.WARN if check.warns else Severity.BLOCK
        line = check.line or self.schema.line
        self.add(f"{path or 'table'}.{called}", asked, line, path, severity, samples=samples, rule=check.says)

    def add(
        self, identity: str, metric: Metric, line: int | None, column: str | None = None,
        severity: Severity = Severity.BLOCK, bound: Bound = NONE, samples: int = _SAMPLES, rule: str = "",
    ) -> None:  # fmt: skip
        origin = Origin("pandera", self.file, line, rule or identity)
        self.checks.append(Check(free(identity, self.checks), metric, bound, severity, column, origin, samples))


def _text(value: Any) -> str:
    return json.dumps(encode(value), ensure_ascii=False)


def _notes(schema: AskedSchema) -> tuple[str, ...]:
    """Where pandera would change the data, which the gate never does."""
    notes = []
    if schema.strict == "filter":
        notes.append('strict="filter": other columns are let through as they landed, not removed')
    if schema.drop_invalid_rows:
        notes.append("drop_invalid_rows: no row is dropped, it fails; policy: {on_fail: split} withholds it")
    if schema.add_missing_columns:
        notes.append("add_missing_columns: a column with a default, or that may be null, may be absent; none is added")
    filled = [c.name for c in schema.columns if c.default is not None]
    if filled:
        notes.append(f"default: checks see {', '.join(filled)} filled; the data stays as it landed")
    return tuple(notes)


def _apart(check: AskedCheck) -> str:
    if check.language != "python":
        return ""
    if check.element_wise:
        return "runs in Python, value by value on its column alone"
    return "runs as Python code on the columns of the same scan, which are held for it"
