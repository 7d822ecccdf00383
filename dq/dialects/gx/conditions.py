"""Row conditions of GX, in all their forms, as expressions; and what may be compared with a column at all."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from dq.dialects.gx.metrics import Semantics, absent, present
from dq.errors import nearest
from dq.ir.data import FLOATS, NUMBERS, TEXTS, TIMES, Field, Kind, Schema, Type
from dq.ir.expr import And, Col, Compare, Comparison, Expr, In, Lit, Not, Or, Path, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

OPERATORS: dict[str, Comparison] = {"==": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_MEMBERSHIP = {"==": "IN", "!=": "NOT_IN"}  # which they are beside a list
NATIVE = ("great_expectations", "great_expectations__experimental__")
_TERM = re.compile(
    r"""\s*col\(\s*(?P<quote>["'])(?P<name>.+?)(?P=quote)\s*\)\s*
    (?:\.\s*(?P<not>notNull|notnull|isNull|isnull)\(\)
      |(?P<op>==|!=|<=|>=|<|>)\s*
       (?:date\(\s*(?P<dq>["'])(?P<date>.*?)(?P=dq)\s*\)|(?P<sq>["'])(?P<text>.*?)(?P=sq)|(?P<number>[-+.\deE]+)))\s*""",
    re.VERBOSE,
)


class Inexpressible(Exception):
    """A condition that only GX itself can run; the message says which part."""


class NotThere(LookupError):
    """A column that did not land."""


def checked(written: Any, parser: str | None) -> None:
    """Raises ValueError on a row condition that nobody can read."""
    match written:
        case {"type": "comparison", "column": {"name": str()}, "operator": str(op), "parameter": value}:
            known = (*OPERATORS, "IN", "NOT_IN")
            if op not in known:
                raise ValueError(f'row_condition: no operator "{op}"{nearest(op, known)}; there are {", ".join(known)}')
            if value is None:
                raise ValueError("row_condition: nothing compares with null: write nullity (column, is_null)")
            if "IN" in op and not isinstance(value, list):
                raise ValueError(f"row_condition: {op} needs a list of values, not {json.dumps(value)}")
        case {"type": "nullity", "column": {"name": str()}, "is_null": bool()} | {"type": "pass_through"} | None:
            return
        case {"type": "and" | "or", "conditions": [_, *_] as parts}:
            for part in parts:
                checked(part, parser)
        case str() if parser in ("pandas", None) and "@" not in written and written:
            try:
                _parsed(written)
            except SyntaxError:
                raise ValueError(f"row_condition: {written} is no expression of pandas") from None
        case dict() if written:
            forms = "comparison (column, operator, parameter), nullity (column, is_null), and, or (conditions)"
            raise ValueError(f"row_condition: {json.dumps(written)} is none of {forms}")


def condition(written: Any, parser: str | None, schema: Schema, semantics: Semantics) -> Expr | None:
    """Rows that the expectation is about. Raises Inexpressible; NotThere with the column that did not land."""
    if written in (None, "", {}):
        return None
    reader = _Conditions(schema, semantics)
    if isinstance(written, dict):
        return reader.of_object(written)
    if parser in NATIVE:
        return reader.of_text(str(written))
    if parser in ("pandas", None):
        return reader.of_query(str(written))
    raise Inexpressible(f'a condition for "{parser}" ({written})')


def inexpressible(written: Any, parser: str | None) -> bool:
    """Whether only GX itself can run the condition, whatever lands."""
    return _read(written, parser)[1]


def named(written: Any, parser: str | None) -> tuple[str, ...]:
    """Columns that the condition speaks of, as far as it is read here."""
    return _read(written, parser)[0].names


def _read(written: Any, parser: str | None) -> tuple[Schema, bool]:
    """With what it speaks of as text, and whether something in it cannot be read."""
    schema = Schema()
    while True:
        try:
            condition(written, parser, schema, "pandas")
        except NotThere as error:
            schema = replace(schema, fields=(*schema.fields, Field(str(error.args[0]), Type(Kind.STRING))))
        except Inexpressible:
            return schema, True
        else:
            return schema, False


def passed_through(arguments: Mapping[str, Any]) -> bool:
    """Whether the row condition is in the words of pandas or Spark."""
    written = arguments.get("row_condition")
    return bool(written) and isinstance(written, str) and arguments.get("condition_parser") not in NATIVE


class _Conditions:
    def __init__(self, schema: Schema, semantics: Semantics) -> None:
        self.schema = schema
        self.semantics = semantics

    def of_object(self, written: Mapping[str, Any]) -> Expr:
        match written.get("type"):
            case "comparison":
                return self.comparison(written["column"]["name"], written["operator"], written["parameter"])
            case "nullity":
                return self.nullity(written["column"]["name"], null=written["is_null"])
            case "and":
                return And(tuple(map(self.of_object, written["conditions"])))
            case "or":
                return Or(tuple(map(self.of_object, written["conditions"])))
        raise Inexpressible(f"a row condition of type {written.get('type')}")

    def of_text(self, text: str) -> Expr:
        """`col("a") >= 1`, `col("a").notNull()`."""
        found = _TERM.fullmatch(text)
        if not found:
            raise Inexpressible(f"the row condition {text}")
        if found["not"]:
            return self.nullity(found["name"], null=found["not"].lower() == "isnull")
        value: Any = found["text"] if found["text"] is not None else found["date"]
        try:
            value = float(found["number"]) if found["number"] is not None else value
        except ValueError:
            raise Inexpressible(f"the row condition {text}") from None
        return self.comparison(found["name"], found["op"], value)

    def of_query(self, text: str) -> Expr:
        """pandas' `query`, as far as it compares columns with values: the language of nearly all old suites."""
        try:
            parsed = _parsed(text)
        except SyntaxError:
            raise Inexpressible(f"the row condition {text}") from None
        return self.query(parsed, text)

    def query(self, node: ast.expr, text: str) -> Expr:
        match node:
            case ast.BoolOp(ast.And(), values) | ast.BoolOp(ast.Or(), values):
                parts = tuple(self.query(v, text) for v in values)
                return And(parts) if isinstance(node.op, ast.And) else Or(parts)
            case ast.BinOp(left, ast.BitAnd(), right):
                return And((self.query(left, text), self.query(right, text)))
            case ast.BinOp(left, ast.BitOr(), right):
                return Or((self.query(left, text), self.query(right, text)))
            case ast.UnaryOp(ast.Not() | ast.Invert(), operand):
                return Not(self.query(operand, text))
            case ast.Compare(left, [op], [right]):
                return self.compared(left, op, right, text)
            case ast.Call(ast.Attribute(value, ("isnull" | "isna" | "notnull" | "notna") as name), [], []):
                return self.nullity(_name(value, text), null=name.startswith("is"))
        raise Inexpressible(f"the row condition {text}")

    def compared(self, left: ast.expr, op: ast.cmpop, right: ast.expr, text: str) -> Expr:
        names = {
            ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
            ast.In: "IN", ast.NotIn: "NOT_IN",
        }  # fmt: skip
        name = names.get(type(op), "")
        try:
            value = ast.literal_eval(right)
        except (ValueError, TypeError):
            raise Inexpressible(f"the row condition {text}") from None
        if name in ("IN", "NOT_IN") and isinstance(value, str):
            value = [value]  # of one text, not of its characters
        return self.comparison(_name(left, text), name, value)

    def path(self, name: str) -> tuple[Path, Type]:
        found = self.schema.find((name,))
        if found is None:
            raise NotThere(name)
        return (name,), found

    def nullity(self, name: str, *, null: bool) -> Expr:
        path, _ = self.path(name)
        return absent(path, self.semantics) if null else present(path, self.semantics)

    def comparison(self, name: str, op: str, value: Any) -> Expr:
        path, found = self.path(name)
        if self.semantics == "pandas" and isinstance(value, (list, tuple)):
            op = _MEMBERSHIP.get(op, op)
        listed = op in ("IN", "NOT_IN")
        if op not in OPERATORS and not listed:
            raise Inexpressible(f'the operator "{op}" of a row condition')
        if listed != isinstance(value, (list, tuple)) or not all(map(_is_scalar, value if listed else [value])):
            raise Inexpressible(f"the row condition {name} {op} {value}")
        if op in ("==", "!=") or listed:
            inside = member(path, found, self.equals(found, value if listed else [value]))
            return inside if op in ("==", "IN") else self.negated(path, inside)
        return And((present(path, self.semantics), Compare(OPERATORS[op], Col(path), Lit(value))))

    def equals(self, found: Type, values: Sequence[Any]) -> Sequence[Any]:
        """What can equal a value of the column: to pandas a text never equals a time."""
        return values if self.semantics == "sql" or found.kind not in TIMES else ()

    def negated(self, path: Path, inside: Expr) -> Expr:
        """To pandas a missing value differs from everything, to SQL from nothing."""
        if self.semantics == "pandas":
            return Or((absent(path), Not(inside)))
        return And((present(path, "sql"), Not(inside)))


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def _parsed(text: str) -> ast.expr:
    quoted = re.sub(r"`([^`]+)`", lambda m: f"__col__[{m[1]!r}]", text)
    return ast.parse(quoted.strip(), mode="eval").body


def _name(node: ast.expr, text: str) -> str:
    match node:
        case ast.Name(name):
            return name
        case ast.Subscript(ast.Name("__col__"), ast.Constant(str() as name)):
            return name
    raise Inexpressible(f"the row condition {text}")


def member(path: Path, found: Type, values: Iterable[Any]) -> Expr:
    """Whether the value is one of those, FALSE for what is absent; values that no value of the type equals drop out."""
    kept = comparable(found, values)
    inside: Expr = In(Col(path), kept) if kept else Lit(False)
    return And((present(path), inside))


def comparable(found: Type, values: Iterable[Any]) -> tuple[Scalar, ...]:
    """Those of the values that can equal one of the type, each once: 1, 1.0 and True are one to Python, and so here."""
    return tuple(dict.fromkeys(v for value in values if (v := _as(found, value)) is not None))


def _as(found: Type, value: Any) -> Scalar:
    number = isinstance(value, (int, float))
    if found.kind is Kind.BOOL:
        return bool(value) if number and value in (0, 1) else None
    if found.kind in NUMBERS:
        whole = number and isinstance(value, float) and value.is_integer() and found.kind not in FLOATS
        return (int(value) if whole or isinstance(value, bool) else value) if number else None
    if found.kind in TEXTS:
        return value if isinstance(value, str) else None
    if found.kind in TIMES:
        at = moment(value)
        day = at is not None and not isinstance(at, datetime) and found.kind is Kind.TIMESTAMP
        return datetime(at.year, at.month, at.day) if at is not None and day else at
    return None


def moment(value: Any) -> date | None:
    """The date or time that a text or value is; None where it is none."""
    if isinstance(value, date) or not isinstance(value, str):
        return value if isinstance(value, date) else None
    try:
        return date.fromisoformat(value) if len(value) <= 10 else datetime.fromisoformat(value)
    except ValueError:
        return None
