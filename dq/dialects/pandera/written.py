"""YAML and JSON as pandera writes them, with the line of every key. What is unknown is an error: pandera drops it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from dq.dialects.base import Problems, read_yaml
from dq.dialects.faults import shown
from dq.dialects.pandera.asked import ALIASES, ARGUMENTS, NO_INDEX, AskedCheck, AskedColumn, AskedSchema, counts_rows
from dq.dialects.pandera.types import wanted
from dq.errors import SuiteError, nearest
from dq.ir.data import Kind

if TYPE_CHECKING:
    from dq.dialects.base import Document, Place

_SCHEMA = (
    "schema_type", "api", "version", "columns", "checks", "index", "dtype", "coerce", "strict", "name", "ordered",
    "unique", "report_duplicates", "unique_column_names", "add_missing_columns", "title", "description",
    "drop_invalid_rows",
)  # fmt: skip
_COLUMN = (
    "title", "description", "dtype", "nullable", "checks", "name", "unique", "coerce", "required", "regex", "default",
    "report_duplicates", "drop_invalid_rows",
)  # fmt: skip
_OPTIONS = ("check_name", "ignore_na", "raise_warning", "n_failure_cases", "groupby", "groups", "error", "name")
_FLAGS = ("nullable", "coerce", "required", "regex", "ordered", "add_missing_columns", "drop_invalid_rows")
_WANTED: dict[str, tuple[type, str]] = {
    **dict.fromkeys((*_FLAGS, "ignore_na", "raise_warning"), (bool, "true or false")), "dtype": (str, "a text"),
    "options": (dict, "a mapping"), "n_failure_cases": (int, "a whole number"),
}  # fmt: skip
_REQUIRED = {"in_range": ("min_value", "max_value"), "str_length": ()}
_FORMS = {"polars_dataframe": False, "dataframe": True}


def read(text: str, file: str) -> AskedSchema:
    """Raises SuiteError with a line per error."""
    document = read_yaml(text, file)
    if not isinstance(document.value, dict):
        raise SuiteError("no schema of pandera: a mapping is needed", file=file)
    reader = _Reader(document, Problems(file))
    schema = reader.schema(document.value)
    reader.problems.settle()
    return schema


class _Reader:
    def __init__(self, document: Document, problems: Problems) -> None:
        self.document = document
        self.problems = problems

    def schema(self, value: dict[str, Any]) -> AskedSchema:
        value = self.known(value, (), (*_SCHEMA, *ARGUMENTS, *ALIASES))
        form = value.get("schema_type", "polars_dataframe")
        if form not in _FORMS:
            self.add(("schema_type",), f'schema_type "{form}"{nearest(str(form), _FORMS)}; it is {", ".join(_FORMS)}')
        if value.get("index") and not self.counts_rows(value["index"]):
            self.add(("index",), NO_INDEX)
        columns = value.get("columns") or {}
        if not isinstance(columns, dict):
            self.add(("columns",), "columns: a mapping is needed")
            columns = {}
        if not columns and not value.get("dtype") and not self.written(value):
            self.add(("columns",), "the schema asks nothing: it would pass everything")
        strict = value.get("strict", False)
        if strict not in (True, False, "filter"):
            self.add(("strict",), "strict: true, false or filter")
        return AskedSchema(
            str(value.get("name") or "schema"),
            tuple(self.column(n, c, ("columns", n)) for n, c in columns.items()),
            self.checks(value, (), _SCHEMA, None),
            strict, bool(value.get("ordered")), self.sets(value.get("unique")), bool(value.get("coerce")),
            value.get("dtype"), bool(value.get("add_missing_columns")), bool(value.get("drop_invalid_rows")),
            _FORMS.get(form, False), self.document.line(("columns",)),
        )  # fmt: skip

    def counts_rows(self, index: Any) -> bool:
        if not isinstance(index, list) or len(index) != 1 or not isinstance(index[0], dict):
            return False
        name = str(index[0].get("name") or "")
        return counts_rows(self.column(name, {k: v for k, v in index[0].items() if k != "name"}, ("index", 0)))

    @staticmethod
    def written(value: dict[str, Any]) -> bool:
        return any(value.get(k) for k in ("checks", "unique", "strict", *ARGUMENTS))

    def column(self, name: str, value: Any, place: Place) -> AskedColumn:
        if value is not None and not isinstance(value, dict):
            self.add(place, f"columns.{name}: a mapping is needed")
            value = {}
        value = self.known(value or {}, place, (*_COLUMN, *ARGUMENTS, *ALIASES))
        if not isinstance(value.get("unique") or False, bool):
            self.add((*place, "unique"), f"columns.{name}.unique: true or false is needed")
        return AskedColumn(
            name, value.get("dtype"), bool(value.get("nullable")), bool(value.get("unique")),
            value.get("required", True) is not False, bool(value.get("regex")) or is_pattern(name),
            bool(value.get("coerce")), value.get("default"), self.checks(value, place, _COLUMN, value.get("dtype")),
            self.document.line(place),
        )  # fmt: skip

    def checks(
        self, value: dict[str, Any], place: Place, reserved: tuple[str, ...], dtype: str | None
    ) -> tuple[AskedCheck, ...]:
        """Both forms: the check's name as a key, and a list or mapping under `checks`."""
        found = [(k, v, (*place, k)) for k, v in value.items() if ALIASES.get(k, k) in ARGUMENTS and k not in reserved]
        listed = value.get("checks") or ()
        if isinstance(listed, dict):
            found += [(k, v, (*place, "checks", k)) for k, v in listed.items()]
        elif isinstance(listed, (list, tuple)):
            found += [(_called(v), v, (*place, "checks", n)) for n, v in enumerate(listed)]
        else:
            self.add((*place, "checks"), "checks: a list or a mapping is needed")
        return tuple(c for k, v, at in found if (c := self.check(k, v, at, dtype)))

    def check(self, name: Any, value: Any, place: Place, dtype: str | None) -> AskedCheck | None:
        kind = ALIASES.get(name, name)
        if kind not in ARGUMENTS:
            hint = nearest(str(name), (*ARGUMENTS, *ALIASES))
            self.add(place, f'no built-in check "{name}"{hint}; custom checks are no part of YAML: give the .py file')
            return None
        arguments = ARGUMENTS[kind]
        form = self.fitting(value, place) if isinstance(value, dict) else {"value": value}
        options = {**(form.pop("options", None) or {}), **{k: form.pop(k) for k in _OPTIONS if k in form}}
        options = self.fitting(options, place)
        if set(form) == {"value"} and kind != "str_length" and "value" not in arguments:
            form = {arguments[0]: form["value"]}
        if wrong := next((k for k in (*form, *options) if k not in (*arguments, *_OPTIONS)), None):
            self.add(place, f'{name} takes no "{wrong}"{nearest(str(wrong), (*arguments, *_OPTIONS))}')
            return None
        if missing := next((a for a in _REQUIRED.get(kind, arguments) if a not in form), None):
            self.add(place, f'{name} needs "{missing}"')
            return None
        if options.get("groupby"):
            self.add(place, f"{name}: groupby: Polars has no groups in pandera; write a custom check")
            return None
        try:
            given = sound(kind, _typed(form, dtype))
        except ValueError as error:
            self.add(place, str(error))
            return None
        return AskedCheck(
            kind, tuple(given.items()), says=str(options.get("error") or said(kind, given)),
            ignore_na=options.get("ignore_na", True) is not False, warns=bool(options.get("raise_warning")),
            samples=options.get("n_failure_cases"), line=self.document.line(place),
        )  # fmt: skip

    def known(self, value: dict[str, Any], place: Place, known: tuple[str, ...]) -> dict[str, Any]:
        for key in value:
            if key not in known:
                at = f" in {'.'.join(map(str, place))}" if place else ""
                self.add((*place, key), f'unknown key or check "{key}"{at}{nearest(key, known)}')
        return self.fitting(value, place)

    def fitting(self, value: dict[str, Any], place: Place) -> dict[str, Any]:
        """Without keys whose value is of a kind they do not take, which is told: `nullable: no` is a text here."""
        kept = dict(value)
        for key, (kind, words) in _WANTED.items():
            if (found := kept.get(key)) is not None and (
                not isinstance(found, kind) or (found is True and kind is int)
            ):
                self.add((*place, key), f"{key}: {words} is needed, not {shown(found)}")
                del kept[key]
        return kept

    def sets(self, value: Any) -> tuple[tuple[str, ...], ...]:
        """Of columns that are unique together: one, or a list of lists."""
        listed = [value] if isinstance(value, str) else value or []
        sets = [listed] if isinstance(listed, list) and all(isinstance(v, str) for v in listed) else listed
        if not isinstance(sets, list) or not all(isinstance(s, list) and all(map(_is_text, s)) for s in sets):
            self.add(("unique",), "unique: a list of columns is needed")
            return ()
        return tuple(tuple(s) for s in sets if s)

    def add(self, place: Place, message: str) -> None:
        self.problems.add(self.document.line(place), message)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _typed(given: dict[str, Any], dtype: str | None) -> dict[str, Any]:
    """With the times that YAML writes as text, and durations that it writes as nanoseconds. A type that is none is
    told elsewhere."""
    try:
        named = wanted(dtype, pandas=True) if dtype else None
    except ValueError:
        named = None
    kind = named.type.kind if named else None

    def one(value: Any) -> Any:
        if kind in (Kind.TIMESTAMP, Kind.DATE) and isinstance(value, str):
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                return value
            return moment if kind is Kind.TIMESTAMP else date(moment.year, moment.month, moment.day)
        if kind is Kind.DURATION and type(value) is int:
            return timedelta(microseconds=value // 1000)
        return value

    return {k: [one(v) for v in value] if isinstance(value, list) else one(value) for k, value in given.items()}


def is_pattern(name: str) -> bool:
    """To Polars, and so to pandera, such a name is one whatever `regex` says."""
    return name.startswith("^") and name.endswith("$")


def sound(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments as pandera's own constructor makes them of what is given. Raises ValueError where it refuses."""
    found = dict(given)
    for key in ("allowed_values", "forbidden_values", "values"):
        if key in found and kind in ("isin", "notin", "unique_values_eq"):
            if not isinstance(found[key], (list, tuple, set, frozenset, str)):
                raise ValueError(f"{kind} needs a list of values")
            if any(isinstance(v, (list, dict)) for v in found[key]):
                raise ValueError(f"{kind} needs values, not lists of them")
            found[key] = sorted(dict.fromkeys(found[key]), key=repr)
    if kind == "in_range":
        try:
            crossed = found["min_value"] > found["max_value"]
        except TypeError:
            raise ValueError("in_range: min_value and max_value do not compare") from None
        if crossed:
            raise ValueError("in_range: min_value is above max_value")
    if kind == "str_length" and not any(found.get(a) is not None for a in ARGUMENTS[kind]):
        raise ValueError("str_length needs min_value, max_value or exact_value")
    for key in ("min_value", "max_value", "value"):
        if key in found and found[key] is None and kind != "str_length":
            raise ValueError(f"{kind}: {key} is null")
    if kind in ("str_matches", "str_contains", "str_startswith", "str_endswith") and not all(
        isinstance(v, str) for v in found.values()
    ):
        raise ValueError(f"{kind} needs a text")
    return found


def said(kind: str, given: dict[str, Any]) -> str:
    return f"{kind}({', '.join(repr(v) for v in given.values())})"


def _called(value: Any) -> Any:
    options = value.get("options") if isinstance(value, dict) else {"check_name": value}
    return options.get("check_name") if isinstance(options, dict) else None
