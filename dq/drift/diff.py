"""Differences that matter: large enough to care and too large for chance, corrected for the number of columns."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from dq.drift.observe import Names, Observation, Sides, number, observe, respelt
from dq.drift.significance import false_discovery
from dq.ir.data import format_path
from dq.profile import ColumnProfile
from dq.words import percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq.profile import Profile

Severity: TypeAlias = Literal["fail", "warn", "info"]

ROWS_TO_JUDGE = 1_000
ROWS_TO_REPORT = 200
SIGNIFICANCE = 0.001
_RANK: dict[Severity, int] = {"fail": 0, "warn": 1, "info": 2}

# One cause, one message: what follows from a difference is not said again.
_FOLLOWS: dict[str, frozenset[str]] = {
    "distribution": frozenset({"zeros", "negatives", "new_values", "vanished_values", "cardinality"}),
    "relabelled": frozenset(
        {"categories", "new_values", "vanished_values", "cardinality", "lengths", "masks", "padded", "blank", "empty"}
    ),
    "new_values": frozenset({"cardinality", "zeros", "negatives"}),
    "vanished_values": frozenset({"cardinality", "zeros", "negatives"}),
    "categories": frozenset({"cardinality"}),
    "identifiers": frozenset({"masks", "cardinality"}),
    "lengths": frozenset({"masks"}),
}
_ALIKE = 0.05  # share of rows by which categories must have moved more than new and vanished values explain


@dataclass(frozen=True, slots=True)
class Difference:
    """`column` is the path's text form, None for the table. `effect` is a share of rows, a distance from 0 to 1, or for
    `row_count` and `cardinality` the natural logarithm of the ratio; `p_value` is corrected for the number of tests.
    `also` names further columns of which the same is true in the same rows, as far as numbers tell.
    """

    column: str | None
    kind: str
    severity: Severity
    effect: float
    message: str
    p_value: float | None = None
    examples: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


def diff(
    a: Profile, b: Profile, names: Names = ("A", "B"), fewest: int = ROWS_TO_REPORT
) -> tuple[Difference, ...]:  # fmt: skip
    """What is different in B, gravest first. Columns with fewer than 1,000 rows on a side are `info`; with less than
    `fewest` only layout and spelling are compared. A profile of several partitions counts as its average one in
    `row_count`.
    """
    found = [*_layout(a, b, names), *_row_count(a, b, names)]
    pairs = [(left, right) for left in a.columns if (right := b.column(left.path)) and left.present and right.present]
    observed = [(pair, o) for pair in pairs for o in _observations(pair, names, fewest)]
    tested = [o.p_value for _, o in observed if o.p_value is not None]
    adjusted = iter(false_discovery(tested))
    by_column: dict[str, list[Difference]] = {}
    for pair, o in observed:
        p_value = None if o.p_value is None else next(adjusted)
        if o.effect >= o.warn and (p_value is None or p_value < SIGNIFICANCE):
            column = format_path(pair[0].path)
            severity = _severity(pair, o)
            by_column.setdefault(column, []).append(
                Difference(column, o.kind, severity, o.effect, o.message, p_value, o.examples)
            )
    found += [d for differences in by_column.values() for d in _causes(differences)]
    found += _emptied(a, b, names, fewest)
    return tuple(sorted(_together(found), key=lambda d: (_RANK[d.severity], -abs(d.effect), d.column or "", d.kind)))


def _observations(sides: Sides, names: Names, fewest: int) -> Iterator[Observation]:
    """A retyped column is one difference; its values are not held against each other."""
    if _retyped(*sides):
        return
    spelling = respelt(sides, names)
    if spelling is not None:
        yield spelling
    if _rows(sides) >= fewest:
        yield from observe(sides, names)


def _rows(sides: Sides) -> int:
    return min(side.rows for side in sides)


def _severity(sides: Sides, observed: Observation) -> Severity:
    if _rows(sides) < ROWS_TO_JUDGE or observed.kind == "identifiers":
        return "info"
    return "fail" if observed.effect >= observed.fail else "warn"


def _causes(found: list[Difference]) -> Iterator[Difference]:
    """Without what follows from another difference of the same column."""
    kinds = {d.kind: d for d in found}
    hidden = frozenset[str]().union(*(_FOLLOWS.get(kind, frozenset()) for kind in kinds))
    listed = max(
        (kinds[k].effect for k in ("new_values", "vanished_values", "completeness") if k in kinds), default=0.0
    )
    for d in found:
        told = d.kind == "categories" and listed and d.effect <= listed + _ALIKE
        if d.kind not in hidden and not told:
            yield d


def _together(found: list[Difference]) -> Iterator[Difference]:
    """Columns that came to miss the same share of rows are one message."""
    groups: dict[object, list[Difference]] = {}
    for d in found:
        alike = d.message.replace(f"`{d.column}`", "``") if d.kind == "completeness" else (d.column, d.kind)
        groups.setdefault(alike, []).append(d)
    for first, *rest in groups.values():
        also = tuple(d.column for d in rest if d.column)
        said = f"{first.message}; the same in {', '.join(f'`{c}`' for c in also)}" if also else first.message
        yield replace(first, message=said, also=also)


def _layout(a: Profile, b: Profile, names: Names) -> Iterator[Difference]:
    """Of a struct that is gone only the struct, not its leaves."""
    before, after = {c.path for c in a.columns}, {c.path for c in b.columns}
    gone = [p for p in sorted(before - after) if p[:-1] not in before - after]
    new = [p for p in sorted(after - before) if p[:-1] not in after - before]
    for path in gone:
        name = format_path(path)
        twin = next((format_path(n) for n in new if _bare(n) == _bare(path)), None)
        hint = f"; `{twin}` is new and looks like it" if twin else ""
        yield Difference(name, "column_removed", "fail", 1.0, f"column `{name}` is not in {names[1]}{hint}")
    for path in new:
        name = format_path(path)
        yield Difference(name, "column_added", "warn", 1.0, f"column `{name}` is not in {names[0]}")
    for left in a.columns:
        right = b.column(left.path)
        if right is not None and left.present and right.present and left.types != right.types:
            name = format_path(left.path)
            severity: Severity = "fail" if _retyped(left, right) else "warn"
            message = f"`{name}` is {right.type} in {names[1]}, {left.type} in {names[0]}"
            yield Difference(name, "column_retyped", severity, 1.0, message)


def _retyped(left: ColumnProfile, right: ColumnProfile) -> bool:
    """From one kind of value to another; numbers among each other are only noted."""
    return not ColumnProfile(left.path, left.types + right.types).comparable


def _bare(path: tuple[str, ...]) -> str:
    return re.sub(r"[\W_]+", "", ".".join(path)).casefold()


def _row_count(a: Profile, b: Profile, names: Names) -> Iterator[Difference]:
    before, after = (p.rows / max(1, len(p.partitions)) for p in (a, b))
    if not before or not after:
        if before != after:
            empty, full = (names[0], names[1]) if not before else (names[1], names[0])
            yield Difference(None, "row_count", "fail", 1.0, f"{empty} has no rows, {full} has {a.rows or b.rows:,}")
        return
    ratio = after / before
    if not 0.5 <= ratio <= 2:
        each = [
            f"{number(n)} rows{' per partition' if len(p.partitions) > 1 else ''}" for p, n in ((a, before), (b, after))
        ]
        severity: Severity = "warn" if max(before, after) >= ROWS_TO_JUDGE else "info"
        message = f"{names[1]} has {each[1]}, {names[0]} has {each[0]}"
        yield Difference(None, "row_count", severity, math.log(ratio), message)


def _emptied(a: Profile, b: Profile, names: Names, fewest: int) -> Iterator[Difference]:
    """Columns without a single value on one side."""
    for left in a.columns:
        right = b.column(left.path)
        if right is None or not left.rows or not right.rows or bool(left.present) == bool(right.present):
            continue
        name = format_path(left.path)
        there, share = (names[0], left.present / left.rows) if left.present else (names[1], right.present / right.rows)
        severity: Severity = "fail" if left.present and _rows((left, right)) >= ROWS_TO_JUDGE else "warn"
        if _rows((left, right)) < fewest:
            severity = "info"
        where = names[1] if left.present else names[0]
        message = f"`{name}` has no value at all in {where}; {percent(share)} of its rows have one in {there}"
        yield Difference(name, "completeness", severity, share, message)
