"""The rule language: a small part of SQL, read into expressions. Everything outside it is refused with what was found.

Rows: comparisons, between, in, is [not] null, like, `~` or matches(column, 'pattern'), and/or/not, + - * / %, the
functions of `dq.ir.expr`, isnan, isinf, literals, "quoted names", structs by dots, `partition.<key>`.
The whole partition: count, sum, min, max, avg, median, stddev, count(distinct ...), each with `filter (where ...)`.
NaN fails every comparison but != .
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import Any, NoReturn

from sqlglot import exp

from dq.dialects.declared import Names
from dq.dialects.patterns import check_pattern
from dq.dialects.sql import RuleError, called, is_text, like_pattern, parse_sql, place_of
from dq.errors import nearest
from dq.ir import aggregate as a
from dq.ir import expr as e

AGGREGATES = ("count", "sum", "min", "max", "avg", "median", "stddev")
_ALLOWED = (
    "allowed are = != < <= > >=, between, in, is null, like, ~, and, or, not, + - * / %, "
    f"{', '.join(e.FUNCTIONS)}, matches, isnan, isinf, and over the partition {', '.join(AGGREGATES)}"
)


def parse(text: str, names: Names | None = None) -> tuple[e.Expr, bool]:
    """The condition, and whether it judges the partition as a whole. Raises RuleError."""
    reader = _Reader(text, names or Names())
    try:
        found = reader.read(parse_sql(text))
    except RecursionError:
        raise RuleError("the rule is nested too deeply", text, None) from None
    if not _is_condition(found):
        raise RuleError("a rule is a condition, such as fare >= 0", text, 0)
    outside, whole = e.columns(found), [n for n in e.walk(found) if isinstance(n, e.Value)]
    if whole and outside:
        stray = min(outside, key=lambda p: reader.places.get(p, 0))
        name = ".".join(stray)
        message = f'"{name}" is a column of a row, beside numbers of the whole partition: write max({name}), or another'
        raise RuleError(message, text, reader.places.get(stray, 0))
    if not (whole or outside or any(isinstance(n, e.Key) for n in e.walk(found))):
        raise RuleError('the rule reads no column (a column is written bare or in "double quotes")', text, 0)
    return found, not outside


def parse_rule(text: str, names: Names | None = None) -> e.Expr:
    """A condition on each row. Raises RuleError."""
    found, whole = parse(text, names)
    if whole:
        raise RuleError("a condition on rows is needed here, not on the whole partition", text, 0)
    return found


def within(condition: e.Expr, where: e.Expr) -> e.Expr:
    """A table-level condition whose aggregates see only rows in scope."""
    values = [n for n in e.walk(condition) if isinstance(n, e.Value)]
    scoped: dict[e.Expr, e.Expr] = {v: replace(v, aggregate=_scoped(v.aggregate, where)) for v in values}
    return e.replace_leaves(condition, scoped)


def _scoped(aggregate: Any, where: e.Expr) -> Any:
    return replace(aggregate, where=e.all_of(aggregate.where, where))


def _is_condition(expr: e.Expr) -> bool:
    kinds = (e.Compare, e.And, e.Or, e.Not, e.IsNull, e.IsNan, e.IsInf, e.In, e.Matches, e.Col)
    return isinstance(expr, kinds) or (isinstance(expr, e.Lit) and isinstance(expr.value, bool))


_COMPARISONS: dict[type[exp.Expression], e.Comparison] = {
    exp.EQ: "=", exp.NEQ: "!=", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}  # fmt: skip
_ARITHMETIC: dict[type[exp.Expression], e.Operator] = {
    exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%",
}  # fmt: skip
_FUNCTIONS: dict[type[exp.Expression], e.Function] = {
    exp.Length: "length", exp.Lower: "lower", exp.Upper: "upper", exp.Trim: "trim", exp.Abs: "abs", exp.Floor: "floor",
    exp.Ceil: "ceil", exp.Year: "year", exp.Month: "month", exp.Day: "day", exp.Date: "date",
}  # fmt: skip
_TESTS: dict[type[exp.Expression], type[e.IsNan] | type[e.IsInf]] = {exp.IsNan: e.IsNan, exp.IsInf: e.IsInf}
_MOMENTS = {"DATE": date, "TIME": time}
_IGNORED = {"big_int"}


@dataclass
class _Reader:
    text: str
    names: Names
    inside: bool = False  # an aggregate
    places: dict[e.Path, int] = field(default_factory=dict)

    def refuse(self, node: Any, message: str) -> NoReturn:
        raise RuleError(message, self.text, place_of(node))

    def read(self, node: Any) -> e.Expr:
        kind = type(node)
        if kind in _COMPARISONS:
            return self.compare(node, _COMPARISONS[kind])
        if kind in _ARITHMETIC:
            self.only(node, "this", "expression")
            return e.Arith(_ARITHMETIC[kind], self.read(node.this), self.read(node.expression))
        if kind in _FUNCTIONS:
            self.only(node, "this")
            return e.Call(_FUNCTIONS[kind], (self.read(node.this),))
        if kind in _TESTS:
            return _TESTS[kind](self.operand(node.this))
        method = getattr(self, f"read_{kind.__name__.lower()}", None)
        if method is not None:
            return method(node)  # type: ignore[no-any-return]
        return self.refuse(node, f'"{called(node)}" is no part of a rule; {_ALLOWED}')

    def only(self, node: exp.Expression, *args: str) -> None:
        """Refuse a part this language does not read: what is dropped silently is read wrongly."""
        for name, value in node.args.items():
            if name not in args and name not in _IGNORED and value not in (None, False, []):
                self.refuse(node, f'"{called(node)}" is written here with a part that no rule reads')

    def operand(self, node: exp.Expression) -> e.Expr:
        """Something that differs between rows or partitions."""
        found = self.read(node)
        if not any(isinstance(n, (e.Col, e.Key, e.Value)) for n in e.walk(found)):
            hint = f" ('{node.name}' is text, \"{node.name}\" in double quotes a column)" if is_text(node) else ""
            self.refuse(node, "a column is needed here" + hint)
        return found

    def compare(self, node: exp.Expression, op: e.Comparison) -> e.Expr:
        self.only(node, "this", "expression")
        sides = (node.this, node.expression)
        for side, other in (sides, sides[::-1]):
            if type(side) in _COMPARISONS or isinstance(side, (exp.Between, exp.In, exp.Is)):
                self.refuse(other, "comparisons are not chained: write a > 1 and a < 5")
        left, right = self.read(node.this), self.read(node.expression)
        if isinstance(left, e.Lit):
            self.operand(node.expression if not isinstance(right, e.Lit) else node.this)
        self.not_text(node.expression, left)
        return _without_nan(e.Compare(op, left, right))

    def not_text(self, node: exp.Expression, beside: e.Expr) -> None:
        """`payment = "card"`: nobody declared a column called card."""
        plain = isinstance(node, exp.Column) and not node.table and node.this.args.get("quoted")
        if plain and isinstance(beside, (e.Col, e.Call)) and node.name not in self.names.columns:
            name = node.name
            self.refuse(node, f"\"{name}\" in double quotes is a column, and none is declared so; text is '{name}'")

    def read_paren(self, node: exp.Paren) -> e.Expr:
        return self.read(node.this)

    def read_and(self, node: exp.And) -> e.Expr:
        return _flat(e.And, tuple(self.read(n) for n in node.flatten()))

    def read_or(self, node: exp.Or) -> e.Expr:
        return _flat(e.Or, tuple(self.read(n) for n in node.flatten()))

    def read_not(self, node: exp.Not) -> e.Expr:
        return e.Not(self.read(node.this))

    def read_between(self, node: exp.Between) -> e.Expr:
        self.only(node, "this", "low", "high")
        arg = self.operand(node.this)
        low, high = self.read(node.args["low"]), self.read(node.args["high"])
        return _flat(e.And, (_without_nan(e.Compare(">=", arg, low)), _without_nan(e.Compare("<=", arg, high))))

    def read_is(self, node: exp.Is) -> e.Expr:
        if not isinstance(node.expression, exp.Null):
            self.refuse(node, f'"is {node.expression.sql().lower()}" is not allowed; write is null, or = true')
        return e.IsNull(self.operand(node.this))

    def read_in(self, node: exp.In) -> e.Expr:
        self.only(node, "this", "expressions")
        arg, values = self.operand(node.this), []
        for item in node.expressions:
            self.not_text(item, arg)
            value = e.Lit(None) if isinstance(item, exp.Null) else self.read(item)
            if not isinstance(value, e.Lit) or value.value is None:
                self.refuse(item, "a list holds numbers, 'texts' and dates only")
            values.append(value.value)
        if not values:
            self.refuse(node, "the list is empty")
        return e.In(arg, tuple(values))

    def read_like(self, node: exp.Like) -> e.Expr:
        self.only(node, "this", "expression", "negate")
        pattern = self.text_of(node.expression, "like")
        found = e.Matches(self.operand(node.this), like_pattern(pattern))
        return e.Not(found) if node.args.get("negate") else found

    def read_regexplike(self, node: exp.RegexpLike) -> e.Expr:
        self.only(node, "this", "expression", "negate")
        pattern = self.pattern(node.expression)
        found = e.Matches(self.operand(node.this), pattern)
        return e.Not(found) if node.args.get("negate") else found

    def read_anonymous(self, node: exp.Anonymous) -> e.Expr:
        name, args = str(node.this).lower(), node.expressions
        if name == "matches" and len(args) == 2:
            return e.Matches(self.operand(args[0]), self.pattern(args[1]))
        known = (*e.FUNCTIONS, *AGGREGATES, "matches", "isnan", "isinf")
        if name == "matches":
            self.refuse(node, "matches takes a column and a pattern: matches(name, '^[a-z]+$')")
        return self.refuse(node, f'"{name}" is no function{nearest(name, known)}; {_ALLOWED}')

    def read_coalesce(self, node: exp.Coalesce) -> e.Expr:
        self.only(node, "this", "expressions")
        return e.Call("coalesce", tuple(self.read(n) for n in (node.this, *node.expressions)))

    def read_literal(self, node: exp.Literal) -> e.Expr:
        if node.is_string:
            return e.Lit(str(node.this))
        number = int(node.this) if node.this.isdigit() else float(node.this)
        if not math.isfinite(number):
            self.refuse(node, f"{node.this} is too large")
        return e.Lit(number)

    def read_boolean(self, node: exp.Boolean) -> e.Expr:
        return e.Lit(bool(node.this))

    def read_null(self, node: exp.Null) -> e.Expr:
        return self.refuse(node.parent or node, "nothing compares with null: write is null, or is not null")

    def read_neg(self, node: exp.Neg) -> e.Expr:
        found = self.read(node.this)
        if isinstance(found, e.Lit) and isinstance(found.value, (int, float)):
            return e.Lit(-found.value)
        return e.Arith("-", e.Lit(0), found)

    def read_cast(self, node: exp.Cast) -> e.Expr:
        name = node.to.this.name
        kind = _MOMENTS.get(name, datetime if name.startswith("TIMESTAMP") else None)
        if kind is None or not is_text(node.this):
            self.refuse(node, "a rule does not cast: declare the column's type")
        try:
            return e.Lit(kind.fromisoformat(node.this.name))  # type: ignore[attr-defined]
        except ValueError:
            return self.refuse(node, f"'{node.this.name}' is no {name.lower()} (write it like 2020-03-01)")

    def read_column(self, node: exp.Column) -> e.Expr:
        self.only(node, "this", "table", "db", "catalog")
        return self.named(node, [p for p in node.parts if isinstance(p, (exp.Identifier, exp.Star))])

    def read_dot(self, node: exp.Dot) -> e.Expr:
        return self.named(node, list(node.parts))

    def named(self, node: exp.Expression, parts: list[Any]) -> e.Expr:
        if not all(isinstance(p, exp.Identifier) for p in parts):
            self.refuse(node, f'"{node.sql()}" is no column')
        path = tuple(p.name for p in parts)
        if path[0] == "partition" and not parts[0].args.get("quoted") and path[0] not in self.names.columns:
            return self.key(node, path[1:])
        whole = self.names.columns.get(".".join(path)) if len(path) > 1 else None
        found = (whole,) if whole else (self.column(node, parts[0]), *path[1:])
        if not self.inside:
            self.places.setdefault(found, place_of(node) or 0)
        return e.Col(found)

    def column(self, node: exp.Expression, part: exp.Identifier) -> str:
        """The canonical name: exact, an alias, or the only one that differs in case where it is not quoted."""
        name, columns = part.name, self.names.columns
        if name in columns:
            return columns[name]
        alike = {v for k, v in columns.items() if k.lower() == name.lower()}
        if len(alike) == 1 and not part.args.get("quoted"):
            return alike.pop()
        if self.names.complete and name not in (self.names.keys or ()):
            known = dict.fromkeys(columns.values())
            self.refuse(node, f'no column "{name}"{nearest(name, known)}; columns are {", ".join(known)}')
        return name

    def key(self, node: exp.Expression, path: tuple[str, ...]) -> e.Expr:
        keys = self.names.keys
        if len(path) != 1:
            self.refuse(node, "a partition key is written partition.<key>")
        if keys is not None and path[0] not in keys:
            known = ", ".join(keys) or "none (the layout names no key)"
            self.refuse(node, f'no partition key "{path[0]}"{nearest(path[0], keys)}; keys are {known}')
        return e.Key(path[0])

    def text_of(self, node: exp.Expression, what: str) -> str:
        if not is_text(node):
            self.refuse(node, f"{what} needs a text in single quotes")
        return node.name

    def pattern(self, node: exp.Expression) -> str:
        pattern = self.text_of(node, "a pattern")
        try:
            check_pattern(pattern)
        except ValueError as error:
            self.refuse(node, str(error))
        return pattern

    def read_filter(self, node: exp.Filter) -> e.Expr:
        found = self.read(node.this)
        if not isinstance(found, e.Value):
            self.refuse(node, "filter belongs behind an aggregate")
        where = self.over(node, node.expression.this)
        if not _is_condition(where):
            self.refuse(node.expression, "filter needs a condition")
        return replace(found, aggregate=_scoped(found.aggregate, where))

    def over(self, node: exp.Expression, arg: exp.Expression) -> e.Expr:
        """The argument of an aggregate: an expression over rows."""
        if self.inside:
            self.refuse(node, "an aggregate does not hold another")
        self.inside = True
        found = self.read(arg)
        self.inside = False
        return found

    def fold(self, node: exp.Expression) -> e.Expr:
        """The one argument of an aggregate other than count; it reads a column."""
        self.only(node, "this")
        if isinstance(node.this, exp.Distinct):
            self.refuse(node, "distinct is allowed in count(distinct ...) only")
        found = self.over(node, node.this)
        if not e.columns(found):
            self.refuse(node, f"{called(node)} needs a column")
        return found

    def read_count(self, node: exp.Count) -> e.Expr:
        self.only(node, "this")
        if isinstance(node.this, exp.Star):
            if self.inside:
                self.refuse(node, "an aggregate does not hold another")
            return e.Value(a.Count())
        if isinstance(node.this, exp.Distinct):
            self.only(node.this, "expressions")
            return e.Value(a.Distinctness(tuple(self.over(node, n) for n in node.this.expressions)), "groups")
        if node.this is None:
            self.refuse(node, "write count(*) or count(column)")
        return e.Value(a.Count(e.Not(e.IsNull(self.over(node, node.this)))))

    def read_sum(self, node: exp.Sum) -> e.Expr:
        return e.Value(a.Sum(self.fold(node)))

    def read_min(self, node: exp.Min) -> e.Expr:
        return e.Value(a.Min(self.fold(node)))

    def read_max(self, node: exp.Max) -> e.Expr:
        return e.Value(a.Max(self.fold(node)))

    def read_avg(self, node: exp.Avg) -> e.Expr:
        return e.Value(a.Moments(self.fold(node)), "mean")

    def read_median(self, node: exp.Median) -> e.Expr:
        return e.Value(a.Quantiles(self.fold(node), (0.5,)), "quantile")

    def read_stddev(self, node: exp.Stddev) -> e.Expr:
        return e.Value(a.Moments(self.fold(node)), "stddev")

    read_stddevsamp = read_stddev


def _flat(kind: type[e.And] | type[e.Or], args: tuple[e.Expr, ...]) -> e.Expr:
    """Without brackets inside, and without a part that was said before."""
    parts = [p for arg in args for p in (arg.args if isinstance(arg, kind) else (arg,))]
    return kind(tuple(dict.fromkeys(parts)))


_NUMERIC_CALLS = {"abs", "floor", "ceil", "coalesce"}


def _without_nan(compare: e.Compare) -> e.Expr:
    sides = (compare.left, compare.right)
    if compare.op == "!=" or any(isinstance(s, e.Lit) and not isinstance(s.value, (int, float)) for s in sides):
        return compare
    tests = tuple(e.is_number(s) for s in sides if _may_be_nan(s))
    return e.And((compare, *tests)) if tests else compare


def _may_be_nan(side: e.Expr) -> bool:
    numeric = isinstance(side, (e.Col, e.Arith)) or (isinstance(side, e.Call) and side.name in _NUMERIC_CALLS)
    return numeric and bool(e.columns(side))
