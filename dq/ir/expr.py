"""Row expressions: a closed, printable language with SQL's three-valued logic. `scalar.py` is its meaning.

Comparison is total on floats: NaN equals NaN and is greater than every number, -0.0 equals 0.0. Where NaN must fail,
a dialect says so with `is_number`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from dq.ir.predicates import predicate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Scalar: TypeAlias = "bool | int | float | Decimal | str | bytes | date | datetime | time | timedelta | None"
Limit: TypeAlias = "bool | int | float | Decimal | str | bytes | date | datetime | time | timedelta | Expr | None"
Path: TypeAlias = tuple[str, ...]
Comparison: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]
Operator: TypeAlias = Literal["+", "-", "*", "/", "%"]
Function: TypeAlias = Literal[
    "length", "lower", "upper", "trim", "abs", "floor", "ceil", "year", "month", "day", "date", "coalesce", "number"
]
Reduction: TypeAlias = Literal["avg", "median", "min", "max", "sum", "std", "index"]
Flavour: TypeAlias = Literal["re2", "rust", "python"]

FUNCTIONS: tuple[str, ...] = get_args(Function)


@dataclass(frozen=True, slots=True)
class Expr:
    """Base of all row expressions."""


@dataclass(frozen=True, slots=True)
class Col(Expr):
    """A column or struct leaf by path; NULL where any struct on the way is NULL."""

    path: Path


def _typed(values: tuple[Scalar, ...]) -> tuple[tuple[type, Scalar], ...]:
    return tuple((type(v), v) for v in values)


@dataclass(frozen=True, slots=True)
class Lit(Expr):
    """Equal where type and value are: 0, 0.0 and False are one to Python, and three to an engine."""

    value: Scalar

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lit) and _typed((self.value,)) == _typed((other.value,))

    def __hash__(self) -> int:
        return hash(_typed((self.value,)))


@dataclass(frozen=True, slots=True)
class Key(Expr):
    """A value of the partition's own key (`partition.dt`); bound before an engine sees the expression."""

    name: str


@dataclass(frozen=True, slots=True)
class Now(Expr):
    """The moment of the run, and so much later, with a `form` of strftime as text; bound before an engine sees it."""

    shift: timedelta = timedelta()
    form: str = ""

    def at(self, now: datetime) -> datetime | str:
        moment = now + self.shift
        return moment.strftime(self.form) if self.form else moment


@dataclass(frozen=True, slots=True)
class Past(Expr):
    """Of a check's own numbers in the last `count` partitions that teach: one number. In limits of bounds only.

    `index` counts from the newest (0). `none`: what there is without any; None: nothing to compare with.
    """

    reduce: Reduction
    count: int = 1
    index: int = 0
    none: Scalar = None


@dataclass(frozen=True, slots=True)
class Compare(Expr):
    op: Comparison
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class And(Expr):
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Or(Expr):
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Not(Expr):
    arg: Expr


@dataclass(frozen=True, slots=True)
class IsNull(Expr):
    arg: Expr


@dataclass(frozen=True, slots=True)
class IsNan(Expr):
    """NULL for NULL; FALSE for everything that is not a float."""

    arg: Expr


@dataclass(frozen=True, slots=True)
class IsInf(Expr):
    """NULL for NULL; FALSE for everything that is not a float."""

    arg: Expr


@dataclass(frozen=True, slots=True)
class In(Expr):
    """Equality with any of the values; NULL for NULL. The values hold no NULL."""

    arg: Expr
    values: tuple[Scalar, ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, In) and self.arg == other.arg and _typed(self.values) == _typed(other.values)

    def __hash__(self) -> int:
        return hash((self.arg, _typed(self.values)))


@dataclass(frozen=True, slots=True)
class Matches(Expr):
    """Regular expression found anywhere in the text (anchor with ^ and $). Linear-time engines: no look-around."""

    arg: Expr
    pattern: str
    flavour: Flavour = "re2"


@dataclass(frozen=True, slots=True)
class Holds(Expr):
    """A condition on one value that only Python can judge, of the closed table `predicates.PREDICATES`; NULL for NULL.

    `args` is JSON text. Engines ask once for each distinct value of a batch. `limit`: a moment that is the last of the
    arguments, which are a list then; a literal by the time an engine asks.
    """

    name: str
    arg: Expr
    args: str = "null"
    limit: Expr | None = None

    def condition(self) -> Callable[[Any], bool]:
        """Raises ValueError on wrong arguments."""
        args = self.args
        if isinstance(self.limit, Lit) and isinstance(self.limit.value, date):
            args = json.dumps([*json.loads(args), self.limit.value.isoformat()])
        return predicate(self.name, args)


@dataclass(frozen=True, slots=True)
class Exists(Expr):
    """Whether another data set has a row with these values in these columns. NULL where one of them is NULL, unless
    `nulls_equal`: then NULL equals NULL."""

    args: tuple[Expr, ...]
    dataset: str
    columns: tuple[Path, ...]
    nulls_equal: bool = False


@dataclass(frozen=True, slots=True)
class Arith(Expr):
    """Integers are computed in 128 bits and never wrap. `/` is float division; by zero, and `%` by zero, is NULL."""

    op: Operator
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """A closed set of functions. `length` counts code points of text, bytes of binary, items of lists and maps;
    `number` is 1 or 0 of a boolean, and microseconds (since 1970) of a time or duration."""

    name: Function
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Bucket(Expr):
    """Signed logarithmic bucket of a number: 0 for 0, else sign * (1 + 2**20 + ceil(ln|x| * 50)).

    A bucket spans 2 % of its value, so its middle is within 1 % of every member. NULL for NULL, NaN and infinity.
    `ln` agrees between engines, `log2` does not.
    """

    arg: Expr


@dataclass(frozen=True, slots=True)
class Value(Expr):
    """A number computed over the whole partition (`max(at)`). In a condition on rows it makes a second stage of the
    plan: the number is known before the rows are asked.

    `part` says which number of the aggregate's state it is; None: the state itself.
    """

    aggregate: Any  # an ir.aggregate.Aggregate; typed loosely to keep this module at the bottom
    part: Literal["mean", "stddev", "quantile", "groups"] | None = None


@dataclass(frozen=True, slots=True)
class Foreign(Expr):
    """What only Polars computes, of the columns `args` as they landed: an expression of its own (`polars`: its JSON),
    code that a person wrote (`python`: where it stands), or a cast as it casts (`cast`: NULL where it does not).

    `result` is the value's Type; None: a condition. One value for all rows is that of the first row alone.
    """

    language: Literal["polars", "python", "cast"]
    text: str
    args: tuple[Expr, ...]
    result: Any = None


BUCKETS_PER_E = 50
BUCKET_OFFSET = 2**20 + 1


def children(expr: Expr) -> Iterator[Expr]:
    kind: Any = type(expr)
    for name in kind.__match_args__:
        value = getattr(expr, name)
        if isinstance(value, Expr):
            yield value
        elif isinstance(value, tuple):
            yield from (v for v in value if isinstance(v, Expr))


def walk(expr: Expr) -> Iterator[Expr]:
    yield expr
    for child in children(expr):
        yield from walk(child)


def columns(expr: Expr | None) -> frozenset[Path]:
    """Paths the expression reads."""
    return frozenset(e.path for e in walk(expr) if isinstance(e, Col)) if expr is not None else frozenset()


def replace_leaves(expr: Expr, leaves: dict[Expr, Expr]) -> Expr:
    """The same expression with the given nodes exchanged."""
    if expr in leaves:
        return leaves[expr]
    kind: Any = type(expr)
    changes: dict[str, Any] = {}
    for name in kind.__match_args__:
        value = getattr(expr, name)
        if isinstance(value, Expr):
            changes[name] = replace_leaves(value, leaves)
        elif isinstance(value, tuple) and any(isinstance(v, Expr) for v in value):
            changes[name] = tuple(replace_leaves(v, leaves) if isinstance(v, Expr) else v for v in value)
    return replace(expr, **changes) if changes else expr


def all_of(*args: Expr | None) -> Expr | None:
    """Conjunction that drops absent parts; None when nothing is left."""
    present = tuple(a for a in args if a is not None)
    return present[0] if len(present) == 1 else And(present) if present else None


def is_number(expr: Expr) -> Expr:
    return Not(IsNan(expr))
