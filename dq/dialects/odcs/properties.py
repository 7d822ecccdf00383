"""What a property says of its column: that it is there, its type, and what its values may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dq.dialects.odcs.build import name_of
from dq.dialects.odcs.metrics import InvalidValues, LogicalType, MultipleOf
from dq.dialects.odcs.times import bound, strptime_format
from dq.dialects.patterns import check_pattern
from dq.ir.data import INTEGERS, NUMBERS, TEXTS, TIMES, Declared, Kind, Type, format_path, integer_range, raw
from dq.ir.expr import Arith, Call, Col, Compare, Expr, IsNull, Lit, Matches, Not, all_of, is_number
from dq.metrics import completeness, schema, uniqueness, validity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dq.dialects.base import Place
    from dq.dialects.odcs.build import Builder
    from dq.ir.expr import Comparison, Path, Scalar

_KINDS: dict[str, frozenset[Kind]] = {
    "string": TEXTS | {Kind.UUID}, "integer": INTEGERS, "number": NUMBERS, "boolean": frozenset({Kind.BOOL}),
    "date": frozenset({Kind.DATE}), "timestamp": frozenset({Kind.TIMESTAMP}), "time": frozenset({Kind.TIME}),
    "object": frozenset({Kind.STRUCT, Kind.JSON}), "array": frozenset({Kind.LIST}), "map": frozenset({Kind.MAP}),
    "vector": frozenset({Kind.LIST}),
}  # fmt: skip
_READ = {
    "string": Type(Kind.STRING), "integer": Type(Kind.INT64), "number": Type(Kind.DOUBLE), "boolean": Type(Kind.BOOL),
    "date": Type(Kind.DATE), "timestamp": Type(Kind.TIMESTAMP), "time": Type(Kind.TIME),
}  # fmt: skip
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_FORMATS = {
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "uuid": r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s]*$",
    "hostname": rf"^({_LABEL}\.)*{_LABEL}$",
    "ipv4": r"^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(\.|$)){4}$",
    "ipv6": r"^[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*$",
}
_ENDS: dict[str, Comparison] = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
_SIZES: dict[str, Comparison] = {
    "minLength": ">=", "maxLength": "<=", "minItems": ">=", "maxItems": "<=", "dimensions": "="
}  # fmt: skip
_PRIVATE = ("pii", "personal", "sensitive")
_NEAR = 1e-9
_RULES = ("required", "unique", "primaryKey", "enum", "quality", "logicalTypeOptions", "relationships")


def add_properties(
    builder: Builder, properties: Sequence[Mapping[str, Any]], place: Place, above: Path = (), name: str = ""
) -> None:
    """`above` is the struct whose leaves they are, `name` what it is called in the contract."""
    for n, one in enumerate(properties):
        if one.get("semanticType") == "measure":
            continue  # computed, not stored
        path = (*above, name_of(one))
        called = f"{name}.{one['name']}" if name else str(one["name"])
        builder.paths[called] = path
        _Property(builder, one, (*place, n), path).add()
        add_properties(builder, one.get("properties", ()), (*place, n, "properties"), path, called)


class _Property:
    def __init__(self, builder: Builder, written: Mapping[str, Any], place: Place, path: Path) -> None:
        self.builder, self.written, self.place, self.path = builder, written, place, path
        self.logical: str | None = written.get("logicalType")
        self.options: Mapping[str, Any] = written.get("logicalTypeOptions", {})
        self.inside = Not(IsNull(Col(path[:-1]))) if len(path) > 1 else None  # a leaf is of rows that have its struct

    def at(self, *keys: str) -> Place:
        return (*self.place, *keys)

    def option(self, key: str) -> Place:
        return self.at("logicalTypeOptions", key)

    def add(self) -> None:
        written, path, builder = self.written, self.path, self.builder
        builder.add(schema.ColumnPresent(format_path(path)), self.at("name"), str(written["name"]), column=path)
        if self.logical is not None:
            self.type()
        elif self.options:
            builder.fault(self.at("logicalTypeOptions"), "logicalTypeOptions are of a type: write logicalType")
        key = bool(written.get("primaryKey"))
        if key:
            builder.keys.append((int(written.get("primaryKeyPosition", -1)), path))
            builder.key_place = builder.key_place or self.at("primaryKey")
        if written.get("required") or key:
            place = "required" if written.get("required") else "primaryKey"
            metric = completeness.Required(Not(completeness.absent(path)), self.inside)
            builder.add(metric, self.at(place), f"{place}: true", column=path)
        if written.get("unique"):
            builder.add(uniqueness.Unique((path,)), self.at("unique"), "unique: true", column=path)
        if "enum" in written:
            self.enum()
        self.read_options()
        if any(word in str(written.get("classification", "")).lower() for word in _PRIVATE):
            builder.pii.add(format_path(path))
        for inner in ("items", "map"):
            if any(map(_has_rules, _elements(written.get(inner)))):
                why = f"rules on what is inside a {'list' if inner == 'items' else 'map'} are not judged here"
                builder.not_run(self.at(inner), inner, why, path)

    def type(self) -> None:
        assert self.logical is not None
        kinds = _KINDS[self.logical]
        if self.builder.early and self.logical == "date":
            kinds |= TIMES
        rule = f"logicalType: {self.logical}"
        metric = LogicalType(format_path(self.path), self.logical, kinds)
        self.builder.add(metric, self.at("logicalType"), rule, column=self.path)
        if len(self.path) > 1 or self.logical not in _READ:
            return
        declared = self.declared(_READ[self.logical])
        self.builder.columns.append(declared)
        if self.logical != "string":
            unread = IsNull(Col((raw(self.path[0]),)))
            readable = validity.Readable(unread, None, f"cannot be read as {declared.type}")
            self.builder.add(readable, self.at("logicalType"), rule, column=self.path)

    def declared(self, read: Type) -> Declared:
        """How text is read: as 64 bits, and by the pattern of a date or time."""
        formats: tuple[str, ...] = ()
        if self.logical in ("date", "timestamp", "time") and "format" in self.options:
            try:
                formats = (strptime_format(self.options["format"]),)
            except ValueError as error:
                self.builder.fault(self.option("format"), f"format: {error}")
        if self.logical == "integer" and str(self.options.get("format", "")).startswith("u"):
            read = Type(Kind.UINT64)
        if self.builder.early and self.logical == "date" and any("%H" in f or "%I" in f for f in formats):
            read = Type(Kind.TIMESTAMP)
        if self.logical == "timestamp" and self.options.get("timezone"):
            read = Type(Kind.TIMESTAMP, zone="UTC")
        return Declared(self.path[0], read, formats)

    def enum(self) -> None:
        values = tuple(one["value"] for one in self.written["enum"] if one["value"] is not None)
        words = f"are none of {', '.join(map(str, values[:10]))}"
        metric = InvalidValues(Lit(True), path=self.path, values=values, listed=True, words=words)
        self.builder.add(metric, self.at("enum"), "enum", column=self.path, name="allowed")

    def read_options(self) -> None:
        if self.logical in ("integer", "number", "date", "timestamp", "time"):
            self.range()
        if self.logical in ("string", "array", "map", "vector"):
            self.length()
        if "multipleOf" in self.options:
            self.multiple(self.options["multipleOf"])
        if self.logical == "string":
            for key in ("pattern", "format"):
                if key in self.options:
                    self.pattern(key, self.options[key])
        for name in self.options.get("required", ()) if self.logical == "object" else ():
            self.leaf(str(name))
        for key in ("minProperties", "maxProperties", "uniqueItems"):
            if self.options.get(key):
                why = f"{key} of a column is not judged here"
                self.builder.not_run(self.option(key), f"{key}: {self.options[key]}", why, self.path)

    def range(self) -> None:
        """All bounds, those of the format among them, are one check."""
        column = Col(self.path)
        given = [(k, op, self.end(k), self.options[k]) for k, op in _ENDS.items() if k in self.options]
        bits = _bits(self.options.get("format")) if self.logical == "integer" else ()
        given += [("format", op, limit, limit) for op, limit in bits]
        if not given:
            return
        parts: list[Expr] = [Compare(op, column, Lit(limit)) for _, op, limit, _ in given]
        if self.logical in ("integer", "number"):
            parts.append(is_number(column))
        said = " and ".join(f"{op} {shown}" for _, op, _, shown in given)
        metric = validity.Range(all_of(*parts) or Lit(True), None, f"are not {said}")
        self.builder.add(metric, self.option(given[0][0]), said, column=self.path)

    def end(self, key: str) -> Scalar:
        value: Any = self.options[key]
        if self.logical in ("integer", "number"):
            return value  # type: ignore[no-any-return]
        try:
            return bound(str(self.logical), str(value), self.options.get("format"))
        except ValueError as error:
            self.builder.fault(self.option(key), f"{key}: {error}")
            return None

    def length(self) -> None:
        size, keys = Call("length", (Col(self.path),)), [k for k in _SIZES if k in self.options]
        if keys:
            ok = all_of(*(Compare(_SIZES[k], size, Lit(self.options[k])) for k in keys)) or Lit(True)
            said = " and ".join(f"{_SIZES[k]} {self.options[k]}" for k in keys)
            metric = validity.Length(ok, None, f"of a length that is not {said}")
            self.builder.add(metric, self.option(keys[0]), f"length {said}", column=self.path)

    def multiple(self, step: float) -> None:
        """Of whole numbers exactly; of others to a billionth of the step."""
        column = Col(self.path)
        if self.logical == "integer" and step == int(step):
            ok: Expr = Compare("=", Arith("%", column, Lit(int(step))), Lit(0))
        else:
            times = Arith("/", column, Lit(step))
            nearest = Call("floor", (Arith("+", times, Lit(0.5)),))
            ok = Compare("<=", Call("abs", (Arith("-", times, nearest),)), Lit(_NEAR))
        metric = MultipleOf(ok, None, words=f"are no multiple of {step:g}")
        self.builder.add(metric, self.option("multipleOf"), f"multipleOf: {step:g}", column=self.path)

    def pattern(self, key: str, text: str) -> None:
        """A format that is not told by its look (password, byte) is for people."""
        found = _FORMATS.get(text) if key == "format" else text
        if found is None:
            return
        try:
            check_pattern(found)
        except ValueError as error:
            self.builder.fault(self.option(key), f"{key}: {error}")
        words = f"do not match {text}" if key == "pattern" else f"are no {text}"
        metric = validity.Matching(Matches(Col(self.path), found), None, words)
        self.builder.add(metric, self.option(key), f"{key}: {text}", column=self.path)

    def leaf(self, name: str) -> None:
        known = {str(p["name"]): name_of(p) for p in self.written.get("properties", ())}
        path = (*self.path, known.get(name, name))
        metric = completeness.Required(Not(completeness.absent(path)), Not(IsNull(Col(self.path))))
        self.builder.add(metric, self.option("required"), f"required: {name}", column=path)


def _elements(inner: Any) -> tuple[Mapping[str, Any], ...]:
    """The elements of a list, or keys and values of a map."""
    return () if inner is None else (inner["key"], inner["value"]) if "key" in inner else (inner,)


def _has_rules(element: Mapping[str, Any]) -> bool:
    inner = (*element.get("properties", ()), *_elements(element.get("items")), *_elements(element.get("map")))
    return any(element.get(key) for key in _RULES) or any(map(_has_rules, inner))


def _bits(name: str | None) -> tuple[tuple[Comparison, int], ...]:
    """Ends of Rust's integers, as far as numbers here go."""
    if name is None:
        return ()
    if name in ("i128", "u128"):
        return ((">=", 0),) if name == "u128" else ()
    low, high = integer_range(Kind(("u" if name[0] == "u" else "") + "int" + name[1:]))
    return (">=", low), ("<=", high)
