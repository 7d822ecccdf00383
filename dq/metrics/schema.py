"""Is the layout what it should be? Judged from the schema alone: no row is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from dq.errors import nearest
from dq.ir.data import NUMBERS, Kind, Schema, Type, fits, format_path, parse_path
from dq.ir.metric import Dimension, Facts, Measure, Metric, metric

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dq.ir.aggregate import Aggregate
    from dq.ir.expr import Path


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
        near = nearest(self.column, [format_path((n,)) for n in names])
        return [f'no column "{self.column}"{near}; {_listed(names)} landed']


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
        free = facts.passing.union(self.but) if self.kind == "removed" else self.but
        return [words for name, words in changed if name not in free]


def compare(old: Schema, new: Schema) -> dict[str, list[tuple[str, str]]]:
    """(column, words) of what was added, removed and retyped. Inferred types are guesses and never count as retyped,
    but what is nested in them has names and kinds of its own."""
    before, after = {f.name: f.type for f in old.fields}, {f.name: f.type for f in new.fields}
    guessed = old.inferred | new.inferred
    found = {
        "added": [(n, f'column "{n}" ({t}) is new') for n, t in after.items() if n not in before],
        "removed": [(n, f'column "{n}" ({t}) is gone{nearest(n, after)}') for n, t in before.items() if n not in after],
        "retyped": [
            (n, f'column "{n}" was {before[n]} and is {t}')
            for n, t in after.items()
            if n in before and t != before[n] and n not in guessed and not fits(t, before[n])
        ],
    }
    for name in (n for n in after if n in before and n in guessed):
        for change, words in _inside((name,), before[name], after[name]):
            found[change].append((name, words))
    return found


def _inside(path: Path, before: Type, after: Type) -> Iterator[tuple[str, str]]:
    """(change, words) of the fields of guessed structs; of guesses, numbers are alike."""
    if before.item and after.item and before.kind is after.kind:
        yield from _inside((*path, "[]"), before.item, after.item)
    elif before.kind is after.kind is Kind.STRUCT:
        old, new = ({f.name: f.type for f in t.fields} for t in (before, after))
        for name in old | new:
            inner = (*path, name)
            if name not in old:
                yield "added", f"{_field(inner)} ({new[name]}) is new"
            elif name not in new:
                yield "removed", f"{_field(inner)} ({old[name]}) is gone{nearest(name, new)}"
            else:
                yield from _inside(inner, old[name], new[name])
    elif len(path) > 1 and not _alike(before.kind, after.kind):
        yield "retyped", f"{_field(path)} was {before} and is {after}"


def _field(path: Path) -> str:
    return f'field "{format_path(path)}"'.replace(".`[]`", "[]")


def _alike(before: Kind, after: Kind) -> bool:
    unknown = {Kind.NULL, Kind.JSON} & {before, after}
    return bool(unknown) or before is after or {before, after} <= NUMBERS


def changes_between(old: Schema, new: Schema) -> list[str]:
    return [words for changes in compare(old, new).values() for _, words in changes]


def _columns(names: list[str]) -> str:
    return ("column " if len(names) == 1 else "columns ") + _listed(names)


def _listed(names: tuple[str, ...] | list[str], limit: int = 12) -> str:
    shown = ", ".join(f'"{n}"' for n in names[:limit])
    return shown + (f" and {len(names) - limit} more" if len(names) > limit else "") if names else "none"
