"""The splits as the checks see them: names to select from, and values that compare across splits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from dq.discretion import Discretion
from dq.errors import UsageError, nearest
from dq.ir.data import FLOATS, INTEGERS, NUMBERS, TEXTS, TIMES, Kind, format_path
from dq.pretrain.found import MOST_EVIDENCE, Place
from dq.profile import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dq.ir.data import Schema, Type
    from dq.ir.training import Training

TRAIN, VAL, TEST = "train", "val", "test"
CATEGORIES = TEXTS | {Kind.BOOL, Kind.UUID}
ORDERED = NUMBERS | TIMES


class Desk(Protocol):
    """Views by split, with columns `c0`, `c1` ..., `f` and `r`. Raises EngineError."""

    def run(self, sql: str) -> None: ...

    def ask(self, sql: str) -> list[tuple[Any, ...]]: ...


@dataclass(frozen=True, slots=True)
class Splits:
    """`rows` and `schemas` by split, train first. `names` are all columns, in the order of the desk's. `units` says by
    split how many rows or, where groups are named, groups there are; `later` are splits of another time than train."""

    desk: Desk
    training: Training
    rows: Mapping[str, int]
    schemas: Mapping[str, Schema]
    names: tuple[str, ...]
    features: tuple[str, ...]
    task: str = ""
    unread: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    known: frozenset[str] | None = None  # columns of the contract
    discretion: Discretion = Discretion()
    units: Mapping[str, int] = field(default_factory=dict)
    later: frozenset[str] = frozenset()

    @property
    def counted(self) -> str:
        """SQL of an aggregate: how many of what is independent."""
        groups = self.training.group
        return f"count(DISTINCT {self.value(groups[0])})" if groups else "count(*)"

    @property
    def filled(self) -> tuple[str, ...]:
        """Splits with rows."""
        return tuple(s for s, n in self.rows.items() if n)

    @property
    def pairs(self) -> Iterator[tuple[str, str]]:
        """An earlier and a later split."""
        filled = self.filled
        return ((a, b) for i, a in enumerate(filled) for b in filled[i + 1 :])

    def is_soft(self, a: str, b: str) -> bool:
        """Whether what the two share spoils only the choice of a model, and no final score."""
        return TEST in self.rows and (a, b) != (TRAIN, TEST)

    def type(self, name: str, split: str = TRAIN) -> Type | None:
        return self.schemas[split].find((name,))

    def types(self, name: str) -> list[Type]:
        return [t for s in self.schemas if (t := self.type(name, s)) and t.kind is not Kind.NULL]

    def is_in(self, name: str, *splits: str) -> bool:
        return all(self.type(name, s) is not None for s in splits)

    def kinds(self, name: str) -> frozenset[Kind]:
        return frozenset(t.kind for t in self.types(name))

    def value(self, name: str) -> str:
        """SQL of a column, comparable across splits: numbers as numbers, text as text, and no negative zero."""
        column, kinds, types = self.column(name), self.kinds(name), self.types(name)
        if kinds and kinds <= NUMBERS:
            return self._number(column, kinds, len(set(types)) > 1)
        if len(set(types)) <= 1 and not kinds & CATEGORIES:
            return column
        return f"CAST({column} AS {'TIMESTAMP' if kinds <= TIMES else 'VARCHAR'})"

    def _number(self, column: str, kinds: frozenset[Kind], mixed: bool) -> str:
        digits = self.training.digits
        if kinds <= INTEGERS:
            return f"CAST({column} AS HUGEINT)" if mixed else column
        if Kind.DECIMAL in kinds and not mixed and digits is None:
            return column
        kind = "FLOAT" if kinds >= FLOATS else "DOUBLE"
        text = f"CAST({column} AS {kind})"
        return f"(round({text}, {digits}) + 0)" if digits is not None else f"({text} + 0)"

    def column(self, name: str) -> str:
        return f"c{self.names.index(name)}"

    def double(self, name: str) -> str:
        """SQL of a number or moment as a finite DOUBLE, else NULL."""
        column = self.column(name)
        if self.kinds(name) <= TIMES:
            return f"epoch(CAST({column} AS TIMESTAMP))"
        if self.kinds(name) <= INTEGERS:
            return f"CAST({column} AS DOUBLE)"
        return f"CASE WHEN isfinite(CAST({column} AS DOUBLE)) THEN CAST({column} AS DOUBLE) END"

    @property
    def label(self) -> str:
        """SQL of the label: text of a class, or a finite DOUBLE."""
        name = self.training.label
        if self.task == "regression":
            return self.double(name)
        column = self.value(name)
        if self.kinds(name) & FLOATS:
            column = f"CASE WHEN NOT isnan({column}) THEN {column} END"
        return f"CAST({column} AS VARCHAR)"

    def stacked(self, expressions: Sequence[str], splits: Sequence[str], where: str = "") -> str:
        """Rows of several splits above each other; `s` is the split's place among them."""
        listed = ", ".join(expressions)
        condition = f" WHERE {where}" if where else ""
        return (
            "("
            + " UNION ALL ".join(f"SELECT {i} AS s, {listed} FROM {n}{condition}" for i, n in enumerate(splits))
            + ")"
        )

    def shown(self, name: str, value: Any) -> str:
        """A value in words, as far as it may be shown."""
        told = self.discretion.values([(format_path((name,)), value)])
        return repr(told[0][1]) if told and told[0][1] != HIDDEN else HIDDEN

    def places(self, split: str, where: str) -> tuple[Place, ...]:
        """The first rows of which the condition holds."""
        found = self.desk.ask(f"SELECT f, r FROM {split} WHERE {where} ORDER BY f, r LIMIT {MOST_EVIDENCE}")
        return tuple(Place(split, f, r) for f, r in found)


def resolved(training: Training, schemas: Mapping[str, Schema]) -> tuple[str, ...]:
    """The features. Raises UsageError for a role whose column is in no split, or not in train."""
    known = schemas[TRAIN].names
    if not training.label:
        raise UsageError("which column is the label? name it: --label COLUMN")
    named = [
        ("--label", training.label),
        *(("--id", n) for n in training.id),
        *(("--group", n) for n in training.group),
    ]
    named += [("--time", training.time or ""), ("--weight", training.weight or "")]
    for flag, name in [*named, *(("--features", n) for n in training.features)]:
        if name and name not in known:
            raise UsageError(f"{flag} {name}: train has no such column{nearest(name, known)}; it has {_some(known)}")
    both = [n for n in training.features if n in training.apart]
    if both:
        raise UsageError(f"--features {both[0]}: it plays another part already; a feature plays none")
    features = training.features or tuple(n for n in known if n not in training.apart)
    if not features:
        raise UsageError("train has no column left to be a feature")
    return features


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
