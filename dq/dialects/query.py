"""Queries that people write in SQL: one SELECT over the data sets it may name, and nothing else.

What is run is printed from the tree that was looked at, never the text itself. Every node of the tree, every function
and every relation is on a list; what is on none is refused, whatever it would do.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from dq.dialects.patterns import check_pattern
from dq.dialects.sql import RuleError, called, place_of
from dq.errors import nearest
from dq.ir.other import Native

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dq.ir.expr import Path

_LONGEST = 50_000
_BEGINNINGS = {TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN, TokenType.FROM}
_SHAPE = (
    exp.Select, exp.Union, exp.Intersect, exp.Except, exp.Subquery, exp.With, exp.CTE, exp.TableAlias, exp.From,
    exp.Join, exp.Table, exp.Where, exp.Group, exp.Having, exp.Qualify, exp.Order, exp.Ordered, exp.Limit, exp.Offset,
    exp.Distinct, exp.Window, exp.WindowSpec, exp.Filter, exp.WithinGroup, exp.Identifier, exp.Column, exp.Dot,
    exp.Star, exp.Alias, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Tuple, exp.Interval, exp.Var, exp.DataType,
    exp.DataTypeParam, exp.Cast, exp.TryCast, exp.Case, exp.If, exp.Escape, exp.Collate, exp.IgnoreNulls,
    exp.RespectNulls, exp.GroupingSets, exp.Rollup, exp.Cube,
)  # fmt: skip
_OPERATORS = (
    exp.And, exp.Or, exp.Xor, exp.Not, exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ, exp.GT, exp.GTE, exp.LT,
    exp.LTE, exp.Between, exp.In, exp.Is, exp.Like, exp.ILike, exp.Exists, exp.Any, exp.All, exp.Add, exp.Sub, exp.Mul,
    exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.DPipe, exp.RegexpLike, exp.RegexpFullMatch, exp.SimilarTo,
)  # fmt: skip
_FUNCTIONS = (
    exp.Abs, exp.Ceil, exp.Floor, exp.Round, exp.Sqrt, exp.Ln, exp.Log, exp.Exp, exp.Pow, exp.Sign, exp.Greatest,
    exp.Least, exp.Coalesce, exp.Nullif, exp.IsNan, exp.IsInf, exp.Lower, exp.Upper, exp.Trim, exp.Length,
    exp.Substring, exp.Concat, exp.ConcatWs, exp.Replace, exp.Left, exp.Right, exp.StrPosition, exp.StartsWith,
    exp.EndsWith, exp.Contains, exp.RegexpReplace, exp.RegexpExtract, exp.Reverse, exp.Initcap, exp.Year, exp.Month,
    exp.Day, exp.Hour, exp.Minute, exp.Second, exp.Quarter, exp.Week, exp.DayOfWeek, exp.DayOfMonth, exp.DayOfYear,
    exp.Extract, exp.Date, exp.DateTrunc, exp.TimestampTrunc, exp.DateDiff, exp.DateAdd, exp.DateSub, exp.LastDay,
    exp.StrToTime, exp.StrToDate, exp.TimeToStr, exp.TsOrDsToDate, exp.TsOrDsToTimestamp, exp.TsOrDsAdd,
    exp.TsOrDsDiff, exp.UnixToTime, exp.TimeToUnix, exp.Timestamp, exp.TimestampDiff, exp.TimestampAdd,
    exp.TimestampSub, exp.Cast, exp.JSONExtractScalar, exp.JSONPath, exp.JSONPathKey, exp.JSONPathRoot,
)  # fmt: skip
_AGGREGATES = (
    exp.Count, exp.CountIf, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Median, exp.Mode, exp.Stddev, exp.StddevPop,
    exp.StddevSamp, exp.Variance, exp.VariancePop, exp.ApproxDistinct, exp.Quantile, exp.ApproxQuantile,
    exp.PercentileCont, exp.PercentileDisc, exp.AnyValue, exp.First, exp.Last, exp.LogicalAnd, exp.LogicalOr,
    exp.ArgMax, exp.ArgMin, exp.Corr, exp.CovarPop, exp.CovarSamp, exp.RowNumber, exp.Rank, exp.DenseRank,
    exp.PercentRank, exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue,
)  # fmt: skip
_ALLOWED = frozenset((*_SHAPE, *_OPERATORS, *_FUNCTIONS, *_AGGREGATES))
_NAMED = frozenset({"isfinite", "epoch", "epoch_ms", "kurtosis", "skewness", "bool_and", "bool_or", "instr", "mad"})
_UNSTEADY = (exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp, exp.Rand, exp.Uuid)
_TIDE = frozenset({"now", "today", "get_current_time", "transaction_timestamp"})
_INSIDE = "⟨relation⟩"


def read_query(text: str, relations: Mapping[str, str], *, dialect: str = "duckdb", limit: int = 20) -> Native:
    """The query, of which the first `limit` rows are kept. `relations`: name it may select from -> data set, "" being
    the one that is judged.

    Raises RuleError for a text that is no query, or not only a query.
    """
    tree = _parsed(text, dialect)
    reader = _Reader(text, {name.lower(): dataset for name, dataset in relations.items()})
    reader.check(tree)
    columns = reader.columns(tree)
    used = reader.settle(tree)
    if not used:
        raise RuleError(f"the query reads no data set: it selects from {reader.known()}", text, None)
    printed = tree.sql(dialect="duckdb", comments=False)
    _Reader(printed, {name: "" for name, _ in used}).check(_parsed(printed, "duckdb"))
    return Native(printed, used, *columns, limit)


def tables(text: str, *, dialect: str = "duckdb") -> tuple[str, ...]:
    """Names of the tables that a query selects from, what it names by itself aside. Raises RuleError."""
    found = (t for t in _parsed(text, dialect).find_all(exp.Table) if isinstance(t.this, exp.Identifier))
    return tuple(dict.fromkeys(t.name for t in found if not _sees(t)))


def quoted(name: str, dialect: str) -> str:
    """A name as the dialect writes it."""
    return str(exp.to_identifier(name, quoted=True).sql(dialect=dialect))


def _parsed(text: str, dialect: str) -> exp.Expr:
    if len(text) > _LONGEST:
        raise RuleError(f"a query has at most {_LONGEST:,} characters", text, None)
    try:
        with _quiet():
            tokens = sqlglot.tokenize(text, read=dialect)
            if not tokens or tokens[0].token_type not in _BEGINNINGS:
                raise RuleError("a query is one SELECT", text, 0 if text.strip() else None)
            trees = [tree for tree in sqlglot.parse(text, read=dialect) if tree is not None]
    except sqlglot.errors.SqlglotError as error:
        first = getattr(error, "errors", None) or [{}]
        found = first[0].get("highlight", "")
        at = f' at "{found}"' if found else ""
        raise RuleError(f"the query cannot be read{at}", text, None) from None
    except RecursionError:
        raise RuleError("the query is nested too deeply", text, None) from None
    if len(trees) != 1:
        raise RuleError("a query is one SELECT, not several statements", text, None)
    return trees[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """sqlglot logs what it does not know; here that is an error or refused."""
    logger = logging.getLogger("sqlglot")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


class _Reader:
    def __init__(self, text: str, relations: Mapping[str, str]) -> None:
        self.text = text
        self.relations = relations

    def refuse(self, node: Any, message: str) -> None:
        raise RuleError(message, self.text, place_of(node))

    def check(self, tree: exp.Expr) -> None:
        if not isinstance(tree, (exp.Select, exp.SetOperation, exp.Subquery)):
            self.refuse(tree, f"a query is one SELECT, not {called(tree)}")
        try:
            for node in tree.walk():
                self.node(node)
        except RecursionError:
            raise RuleError("the query is nested too deeply", self.text, None) from None

    def node(self, node: exp.Expr) -> None:
        if isinstance(node, exp.Table):
            self.table(node)
        elif isinstance(node, _UNSTEADY) or (isinstance(node, exp.Anonymous) and node.name.lower() in _TIDE):
            name = node.name if isinstance(node, exp.Anonymous) else called(node)
            self.refuse(node, f"{name.lower()} answers differently each time: the same data must end the same way")
        elif isinstance(node, exp.Anonymous):
            if node.name.lower() not in _NAMED:
                self.refuse(node, f'"{node.name}" is no function that a query may call{nearest(node.name, _names())}')
        elif type(node) not in _ALLOWED:
            self.refuse(node, f'"{called(node)}" is no part of a query that is allowed here')
        if isinstance(node, (exp.RegexpLike, exp.RegexpFullMatch)) and isinstance(node.expression, exp.Literal):
            try:
                check_pattern(node.expression.name)
            except ValueError as error:
                self.refuse(node, str(error))

    def table(self, node: exp.Table) -> None:
        """A data set by its name, or what a WITH names where it can be seen."""
        if not isinstance(node.this, exp.Identifier):
            name = node.this.name if isinstance(node.this, exp.Anonymous) else called(node.this)
            self.refuse(node, f'"{name}" is no data set: a query selects from {self.known()}')
        if node.args.get("db") or node.args.get("catalog"):
            self.refuse(node, f'"{node.sql()}" names a place: a query selects from {self.known()}')
        if node.name.lower() not in self.relations and not _sees(node):
            self.refuse(node, f'no data set "{node.name}"{nearest(node.name, self.relations)}; there is {self.known()}')

    def known(self) -> str:
        return ", ".join(self.relations) or "data sets by their names"

    def columns(self, tree: exp.Expr) -> tuple[tuple[Path, ...] | None, tuple[Path, ...]]:
        """Columns that are read, None being all; and those that must be there, which only a plain SELECT tells."""
        if any(isinstance(n, exp.Star) and not isinstance(n.parent, exp.Count) for n in tree.walk()):
            read: tuple[Path, ...] | None = None
        else:
            found = {part.name for c in tree.find_all(exp.Column) for part in c.parts}
            read = tuple((name,) for name in sorted(found))
        tables = list(tree.find_all(exp.Table))
        if not isinstance(tree, exp.Select) or len(tables) != 1 or len(list(tree.find_all(exp.Select))) != 1:
            return read, ()
        own = {tables[0].name.lower(), tables[0].alias_or_name.lower()}
        given = {s.alias.lower() for s in tree.selects if s.alias}
        if self.relations.get(tables[0].name.lower()) != "":
            return read, ()
        needs = set()
        for column in tree.find_all(exp.Column):
            parts = [p.name for p in column.parts]
            parts = parts[1:] if len(parts) > 1 and parts[0].lower() in own else parts
            if parts[0] not in ("*", "") and parts[0].lower() not in given:
                needs.add(parts[0])
        return read, tuple((name,) for name in sorted(needs))

    def settle(self, tree: exp.Expr) -> tuple[tuple[str, str], ...]:
        """Give the data sets names that nobody else has; returns those names."""
        found: dict[str, str] = {}
        for node in list(tree.find_all(exp.Table)):
            name = node.name.lower()
            if _sees(node):
                continue
            inside = f"{_INSIDE}{list(self.relations).index(name)}"
            found[inside] = self.relations[name]
            if not node.alias:
                node.set("alias", exp.TableAlias(this=exp.to_identifier(node.name, quoted=True)))
            node.set("this", exp.to_identifier(inside, quoted=True))
        return tuple(sorted(found.items()))


def _names() -> list[str]:
    return [*_NAMED, *(f.sql_name().lower() for f in (*_FUNCTIONS, *_AGGREGATES) if hasattr(f, "sql_name"))]


def _sees(table: exp.Table) -> bool:
    """Whether the name is one of a WITH around it: of its own query, or one before it in the same WITH."""
    name, node = table.name.lower(), table.parent
    inside: exp.Expr = table
    while node is not None:
        if isinstance(node, exp.With):
            names = [c.alias.lower() for c in node.expressions]
            place = next(i for i, c in enumerate(node.expressions) if c is inside)
            if name in names[: place + (1 if node.args.get("recursive") else 0)]:
                return True
        else:
            held = node.args.get("with_") or node.args.get("with")
            if held is not None and held is not inside and name in [c.alias.lower() for c in held.expressions]:
                return True
        inside, node = node, node.parent
    return False
