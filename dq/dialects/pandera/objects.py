"""Schemas as Python objects, of whatever imports pandera: the only room that does."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import sys
import traceback
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq.dialects.base import pointed
from dq.dialects.pandera.asked import ARGUMENTS, NO_INDEX, AskedCheck, AskedColumn, AskedSchema, counts_rows
from dq.dialects.pandera.build import build
from dq.dialects.pandera.written import is_pattern, said, sound
from dq.errors import SuiteError, nearest
from dq.ir.code import Code

if TYPE_CHECKING:
    from types import ModuleType

    from dq.ir.check import Suite

_LIVE: dict[str, Any] = {}  # checks of schemas that were handed over as objects, by their own place


def load(path: str, name: str) -> Suite:
    """The suite of the schema of that name in a file of Python, which is run; without a name, of the only one there.

    Raises SuiteError with the message and line of what the file raises, and the nearest name where there is none.
    """
    module, digest = _module(path)
    schemas = {n: v for n, v in vars(module).items() if is_schema(v) and not _is_imported(v, module)}
    if not name and len(schemas) == 1:
        name = next(iter(schemas))
    if name not in vars(module) or not is_schema(vars(module)[name]):
        known = ", ".join(schemas) or "none"
        if "SeriesSchema" in type(vars(module).get(name)).__name__:
            raise SuiteError(f"{name} is of one series, data is a table: write it as a column of a schema", file=path)
        what = f'no schema "{name}"{nearest(name, schemas)}' if name else "which schema? name it like FILE.py:NAME"
        raise SuiteError(f"{what}; schemas in it are {known}", file=path)
    place = {"reader": "pandera", "file": str(Path(path).absolute()), "digest": digest, "schema": name}
    return suite_of(vars(module)[name], path, place, _Lines(path, name))


def suite_of(found: Any, file: str = "", place: dict[str, Any] | None = None, lines: _Lines | None = None) -> Suite:
    """The suite of a schema or model. Without a place its own code can run in this process only.

    Raises SuiteError.
    """
    try:
        schema = _schema(found)
    except Exception as error:
        raise SuiteError(f"{type(error).__name__}: {_one_line(error)}", file=file) from None
    name = found.__name__ if isinstance(found, type) else schema.name or (place or {}).get("schema") or "schema"
    place = place or {"reader": "pandera", "file": "", "digest": "", "schema": f"{name}@{id(found)}"}
    if not place["file"]:
        _LIVE[place["schema"]] = found
    try:
        asked = _Reader(schema, str(name), place, lines or _Lines("", "")).schema()
    except _Refused as error:
        raise SuiteError(str(error), file=file or None, line=error.line) from None
    return build(asked, file)


def is_schema(found: Any) -> bool:
    """A schema or model of the two that translate: of Polars, and of pandas."""
    kinds = [c.__module__ + "." + c.__name__ for c in (found if isinstance(found, type) else type(found)).__mro__]
    if not isinstance(found, type):
        return bool({f"pandera.api.{k}.container.DataFrameSchema" for k in ("polars", "pandas")} & set(kinds))
    models = {f"pandera.api.{k}.model.DataFrameModel" for k in ("polars", "pandas")}
    return bool(models & set(kinds[1:]))


def _schema(found: Any) -> Any:
    return found.to_schema() if isinstance(found, type) else found  # type: ignore[attr-defined]


def _is_imported(found: Any, module: ModuleType) -> bool:
    return isinstance(found, type) and found.__module__ != module.__name__


class _Refused(Exception):
    def __init__(self, message: str, line: int | None = None) -> None:
        self.line = line
        super().__init__(message)


@lru_cache(maxsize=16)
def _module(path: str) -> tuple[ModuleType, str]:
    """The module that the file makes, and the digest of its text. Its own folder is where it finds its neighbours."""
    source = Path(path).read_bytes()
    digest = hashlib.sha256(source).hexdigest()
    folder = str(Path(path).absolute().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    name = f"dq_suite_{digest[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # nothing is written beside suites
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        column, message = error.offset or 1, f"SyntaxError: {error.msg} (column {error.offset or 1})"
        told = pointed(message, (error.text or "").rstrip("\n"), column)
        raise SuiteError(told, file=path, line=error.lineno) from None
    except BaseException as error:
        own = {path, str(Path(path).absolute())}
        at = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename in own]
        said = f"{type(error).__name__}: {_one_line(error)}"
        raise SuiteError(said, file=path, line=at[-1] if at else None) from None
    finally:
        sys.dont_write_bytecode = kept
    return module, digest


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:500]


def code(place: dict[str, Any]) -> Code:
    """The check that stands at the place. Raises ImportError where the file is not what the suite was read from."""
    if place["file"]:
        module, digest = _module(place["file"])
        if digest != place["digest"]:
            raise ImportError(f"{place['file']} changed since the suite was read")
        found = vars(module)[place["schema"]]
    else:
        found = _LIVE[place["schema"]]
    schema = _schema(found)
    part = schema if place["column"] is None else schema.columns[place["column"]]
    check = part.checks[place["check"]]
    condition = partial(_function(check), **check._check_kwargs)
    if check.element_wise:
        return Code(condition, True)
    from pandera.api.polars.types import PolarsData

    key = "*" if place["column"] is None else place["key"]
    return Code(lambda frame: condition(PolarsData(frame.lazy(), key)), False)


def _function(check: Any) -> Any:
    """What it computes. Of a built-in one a schema keeps a copy that may know no frames of Polars."""
    own = isinstance(check._check_fn, partial)  # as pandera.extensions registers it, with its arguments
    if own or getattr(check, "registry_name", None) is None:
        return check._check_fn
    from pandera.backends.polars.register import register_polars_backends

    register_polars_backends()
    return type(check).get_builtin_check_fn(check._check_fn.__name__)


class _Reader:
    def __init__(self, schema: Any, name: str, place: dict[str, Any], lines: _Lines) -> None:
        self.read = schema
        self.name = name
        self.place = place
        self.lines = lines
        self.pandas = "pandera.api.pandas" in type(schema).__module__

    def schema(self) -> AskedSchema:
        found = self.read
        parsers = [*(found.parsers or ()), *(p for c in found.columns.values() for p in (c.parsers or ()))]
        if parsers:
            words = "parsers: they change the data, which the gate does not; pandera on Polars refuses them too"
            raise _Refused(words, self.lines.schema)
        if (index := getattr(found, "index", None)) is not None and not self.counts_rows(index):
            raise _Refused(NO_INDEX, self.lines.schema)
        unique = found.unique or ()
        sets = [list(unique)] if all(isinstance(u, str) for u in unique) else [list(u) for u in unique]
        return AskedSchema(
            self.name, tuple(self.column(n, c) for n, c in found.columns.items()),
            tuple(self.check(c, i, None) for i, c in enumerate(found.checks)),
            found.strict, bool(found.ordered), tuple(tuple(s) for s in sets if s), bool(found.coerce),
            str(found.dtype) if found.dtype is not None else None, bool(found.add_missing_columns),
            bool(found.drop_invalid_rows) or any(c.drop_invalid_rows for c in found.columns.values()),
            self.pandas, self.lines.schema,
        )  # fmt: skip

    def counts_rows(self, index: Any) -> bool:
        if type(index).__name__ != "Index":
            return False
        checks = tuple(self.check(c, i, None) for i, c in enumerate(index.checks))
        return counts_rows(AskedColumn(index.name or "", str(index.dtype or "int"), checks=checks))

    def column(self, name: str, found: Any) -> AskedColumn:
        default = found.default
        if default is not None and type(default).__name__ == "Expr":
            raise _Refused(f"columns.{name}: default is an expression; give a value", self.lines.column(name))
        return AskedColumn(
            name, str(found.dtype) if found.dtype is not None else None, bool(found.nullable), bool(found.unique),
            bool(found.required), bool(found.regex) or is_pattern(name), bool(found.coerce), default,
            tuple(self.check(c, i, name) for i, c in enumerate(found.checks)), self.lines.column(name),
        )  # fmt: skip

    def check(self, found: Any, number: int, column: str | None) -> AskedCheck:
        line = self.lines.column(column) if column is not None else self.lines.schema
        at = f"columns.{column}" if column is not None else "checks"
        if found.groupby is not None:
            raise _Refused(f"{at}: groupby: pandera has no groups on Polars; write a custom check", line)
        kind = getattr(found, "registry_name", None)
        given = dict(found._check_kwargs)
        shared: dict[str, Any] = {
            "ignore_na": found.ignore_na, "warns": found.raise_warning, "samples": found.n_failure_cases, "line": line,
        }  # fmt: skip
        nested = isinstance(given.get("value"), (list, dict))  # which only Polars compares
        if kind in ARGUMENTS and not found.element_wise and not nested:
            try:
                given = sound(kind, {k: getattr(v, "pattern", v) for k, v in given.items()})
            except ValueError as error:
                raise _Refused(f"{at}: {error}", line) from None
            return AskedCheck(kind, tuple(given.items()), says=found.error or said(kind, given), **shared)
        return self.custom(found, number, column, shared)

    def custom(self, found: Any, number: int, column: str | None, shared: dict[str, Any]) -> AskedCheck:
        """A condition somebody wrote: as an expression of Polars where it is one, else as code."""
        shared["line"] = self.lines.function(found._check_fn, str(found.name)) or shared["line"]
        name = str(found.name or "check")
        shared |= {"name": name, "says": found.error or name}
        if self.pandas and not found.element_wise:
            at = f"columns.{column}" if column is not None else "checks"
            raise _Refused(f"{at}: {name} is code on pandas' frames; write it for pandera.polars", shared["line"])
        taken = None if found.element_wise else self.recorded(found, column)
        if taken is not None:
            text, reads, table = taken
            return AskedCheck("custom", language="polars", code=text, columns=reads, table=table, **shared)
        place = {**self.place, "column": column, "key": self.selector(column), "check": number}
        text = json.dumps(place, sort_keys=True)
        return AskedCheck("custom", language="python", code=text, element_wise=found.element_wise, **shared)

    def selector(self, column: str | None) -> str | None:
        return None if column is None else self.read.columns[column].name

    def recorded(self, found: Any, column: str | None) -> tuple[str, tuple[str, ...], bool] | None:
        """The expression that the condition selects, the columns it reads, and whether it is one value for all rows."""
        from pandera.api.polars.types import PolarsData

        if column is not None and self.read.columns[column].regex:
            return None
        recorder: Any = _Recorder()
        try:
            answer = _function(found)(PolarsData(recorder, "*" if column is None else column), **found._check_kwargs)
            expression = recorder.taken
            if answer is not recorder or expression.meta.has_multiple_outputs():
                return None
            text = expression.meta.serialize(format="json")
            reads = tuple(dict.fromkeys(expression.meta.root_names()))
        except Exception:
            return None
        plain = reads and "Anonymous" not in text and "Python" not in text and not any(map(is_pattern, reads))
        return (text, reads, self.single(expression, reads)) if plain else None

    def single(self, expression: Any, reads: tuple[str, ...]) -> bool:
        """Whether two rows have one answer."""
        from pandera.backends.polars.base import pl  # type: ignore[attr-defined]

        types = {n: self.read.columns[n].dtype for n in reads if n in self.read.columns}
        schema = {n: types[n].type if types.get(n) is not None else pl.Null for n in reads}
        try:
            return len(pl.DataFrame({n: [None, None] for n in reads}, schema=schema).select(expression)) == 1
        except Exception:
            return False


class _Recorder:
    """Stands in for a frame, and takes what is selected of it."""

    taken: Any = None

    def select(self, expression: Any) -> _Recorder:
        if self.taken is not None:
            raise TypeError("selected twice")
        self.taken = expression
        return self


class _Lines:
    """Where in the file the schema and its columns are written; by name, since objects do not know."""

    def __init__(self, path: str, name: str) -> None:
        self.path = path
        self.node = _definition(path, name) if path else None
        self.schema: int | None = self.node.lineno if self.node else None

    def column(self, name: str) -> int | None:
        if self.node is None:
            return None
        for node in ast.walk(self.node):
            if isinstance(node, ast.Constant) and node.value == name:
                return node.lineno
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
                return node.lineno
        return self.schema

    def function(self, found: Any, name: str) -> int | None:
        """Of a check that is a method of the model, or a function in the file."""
        nodes = ast.walk(self.node) if self.node is not None else ()
        methods = (n.lineno for n in nodes if isinstance(n, ast.FunctionDef) and n.name == name)
        written = getattr(found, "__code__", None)
        own = written.co_firstlineno if written is not None and written.co_filename == self.path else None
        return next(methods, own)


def _definition(path: str, name: str) -> Any:
    for node in ast.parse(Path(path).read_bytes()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node
        if any(isinstance(t, ast.Name) and t.id == name for t in targets):
            return node
    return None
