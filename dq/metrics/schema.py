"""Is the layout what it should be? Judged from the schema alone: no row is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from dq.errors import nearest
from dq.ir.data import Schema, Type, fits, parse_path
from dq.ir.metric import Dimension, Facts, Measure, Metric, metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dq.ir.aggregate import Aggregate


@dataclass(frozen=True)
class Layout(Metric):
    """A metric that counts departures from a layout; the note names them."""

    dimension: ClassVar[Dimension] = Dimension.SCHEMA
    unit: ClassVar[str] = "violations"

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        found = self.departures(facts)
        return Measure(len(found), note="; ".join(found))

    def departures(self, facts: Facts) -> list[str]:
        raise NotImplementedError


@metric
@dataclass(frozen=True)
class ColumnPresent(Layout):
    """The column (`a.b`: the leaf of a struct) landed, under its name or an alias."""

    name: ClassVar[str] = "column_present"

    column: str

    def departures(self, facts: Facts) -> list[str]:
        if facts.schema.find(parse_path(self.column)):
            return []
        keys = {k for k, _ in facts.keys}
        names = tuple(n for n in facts.schema.names if n not in keys)
        return [f'no column "{self.column}"{nearest(self.column, names)}; {_listed(names)} landed']


@metric
@dataclass(frozen=True)
class ColumnType(Layout):
    """Every value of the landed type is a value of the declared one: equal, or widened without loss."""

    name: ClassVar[str] = "type"

    column: str
    declared: Type

    def departures(self, facts: Facts) -> list[str]:
        found = facts.schema.find(parse_path(self.column))
        if found is None or self.column in facts.schema.inferred or fits(found, self.declared):
            return []
        return [f"landed as {found}, declared {self.declared}"]


@metric
@dataclass(frozen=True)
class NoOtherColumns(Layout):
    """Nothing but the named columns landed."""

    name: ClassVar[str] = "strict"

    columns: tuple[str, ...]

    def departures(self, facts: Facts) -> list[str]:
        keys = {k for k, _ in facts.keys}
        other = [n for n in facts.schema.names if n not in self.columns and n not in keys]
        return [f"{_columns(other)} not in the contract"] if other else []


@metric
@dataclass(frozen=True)
class FilesAgree(Layout):
    """All files of the partition have the same columns and types; order of columns is no matter."""

    name: ClassVar[str] = "files_agree"

    def departures(self, facts: Facts) -> list[str]:
        if not facts.files:
            return []
        first, expected = facts.files[0]
        return [
            f"{file} differs from {first}: {'; '.join(changes)}"
            for file, schema in facts.files[1:]
            if (changes := changes_between(expected, schema))
        ]


@metric
@dataclass(frozen=True)
class Change(Layout):
    """Columns added, removed or retyped since the last accepted partition; nothing before there is one."""

    name: ClassVar[str] = "change"

    kind: Literal["added", "removed", "retyped"]
    but: tuple[str, ...] = ()  # columns whose layout the contract rules: declared, or optional and absent

    def departures(self, facts: Facts) -> list[str]:
        if facts.accepted is None:
            return []
        changed = compare(facts.accepted, facts.schema)[self.kind]
        return [words for name, words in changed if name not in self.but]


def compare(old: Schema, new: Schema) -> dict[str, list[tuple[str, str]]]:
    """(column, words) of what was added, removed and retyped. Inferred types are guesses and never count as retyped."""
    before, after = {f.name: f.type for f in old.fields}, {f.name: f.type for f in new.fields}
    guessed = old.inferred | new.inferred
    return {
        "added": [(n, f'column "{n}" ({t}) is new') for n, t in after.items() if n not in before],
        "removed": [(n, f'column "{n}" ({t}) is gone{nearest(n, after)}') for n, t in before.items() if n not in after],
        "retyped": [
            (n, f'column "{n}" was {before[n]} and is {t}')
            for n, t in after.items()
            if n in before and t != before[n] and n not in guessed and not fits(t, before[n])
        ],
    }


def changes_between(old: Schema, new: Schema) -> list[str]:
    return [words for changes in compare(old, new).values() for _, words in changes]


def _columns(names: list[str]) -> str:
    return ("column " if len(names) == 1 else "columns ") + _listed(names)


def _listed(names: tuple[str, ...] | list[str], limit: int = 12) -> str:
    shown = ", ".join(f'"{n}"' for n in names[:limit])
    return shown + (f" and {len(names) - limit} more" if len(names) > limit else "") if names else "none"
