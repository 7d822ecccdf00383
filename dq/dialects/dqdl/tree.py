"""A ruleset as it is written. Equal trees say the same: places are no part of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Place: TypeAlias = "tuple[int, int]"  # line and column, from 1


def _place() -> Place:
    return field(default=(1, 1), compare=False)


@dataclass(frozen=True, slots=True)
class Number:
    value: int | float
    place: Place = _place()


@dataclass(frozen=True, slots=True)
class Amount:
    """A duration or a size."""

    value: int | float
    unit: str
    place: Place = _place()


@dataclass(frozen=True, slots=True)
class Text:
    value: str
    place: Place = _place()


@dataclass(frozen=True, slots=True)
class Keyword:
    name: Literal["NULL", "EMPTY", "WHITESPACES_ONLY"]
    place: Place = _place()


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    place: Place = _place()


@dataclass(frozen=True, slots=True)
class Called:
    """`now()`, `last(5)`, and what is made of them."""

    name: str
    args: tuple[Operand, ...] = ()
    place: Place = _place()


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """All operators bind alike, from left to right: `a + b * c` is `(a + b) * c`. `grouped`: in parentheses."""

    op: Literal["+", "-", "*", "/"]
    left: Operand
    right: Operand
    place: Place = _place()
    grouped: bool = field(default=False, compare=False)


Operand: TypeAlias = "Number | Amount | Text | Keyword | Variable | Called | Arithmetic"
Word: TypeAlias = "Literal['=', '!=', '<', '<=', '>', '>=', 'between', 'in', 'matches']"


@dataclass(frozen=True, slots=True)
class Condition:
    op: Word
    operands: tuple[Operand, ...]
    negated: bool = False
    place: Place = _place()


@dataclass(frozen=True, slots=True)
class Tag:
    """`with NAME` and what follows: a condition, which a plain value is too (`=`), or a list of values."""

    name: str
    value: Condition | tuple[Operand, ...]
    place: Place = _place()


@dataclass(frozen=True, slots=True)
class Rule:
    type: str
    parameters: tuple[Text | Variable, ...] = ()
    condition: Condition | None = None
    where: Text | Variable | None = None
    labels: tuple[tuple[str, str], ...] = ()
    tags: tuple[Tag, ...] = ()
    place: Place = _place()


@dataclass(frozen=True, slots=True)
class Group:
    """Rules joined by `and`, or by `or`. One item alone is a rule in parentheses that has labels of its own."""

    op: Literal["and", "or"]
    items: tuple[Item, ...]
    labels: tuple[tuple[str, str], ...] = ()
    place: Place = _place()


Item: TypeAlias = "Rule | Group"


@dataclass(frozen=True, slots=True)
class Ruleset:
    """`metadata` and `sources` hold texts and lists of texts by key; `variables` by name. `rules` and `analyzers` are
    None where there is no such section."""

    metadata: tuple[tuple[str, str | tuple[str, ...]], ...] = ()
    sources: tuple[tuple[str, str | tuple[str, ...]], ...] = ()
    variables: tuple[tuple[str, str | tuple[str, ...]], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    rules: tuple[Item, ...] | None = None
    analyzers: tuple[Rule, ...] | None = None
