"""What depth `full` adds to a profile: keys, what rare values look like, which columns are missing together."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from dq.ir.aggregate import Aggregate, Count, Distinctness, DistinctnessState, TopState
from dq.ir.data import FLOATS, TEXTS
from dq.ir.expr import And, Call, Col, Compare, IsNull, Lit, Path
from dq.ir.numbers import distinct_estimate
from dq.ir.sampling import ValueSample
from dq.profile.questions import HASHABLE
from dq.profile.states import LONGEST_VALUE, ColumnProfile, Profile, discreet

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_CANDIDATES = 32
KEY_PAIRS = 4
SAMPLED_VALUES = 2_000
MISSING_TOGETHER = 12
NEARLY_UNIQUE_RATIO = 0.9  # three standard errors of the estimate below 1


def further_questions(found: Profile) -> tuple[Aggregate, ...] | None:
    """What depth `full` asks once earlier answers are known: exact uniqueness of columns that may be keys, what rare
    values look like, and which columns are missing together; then pairs that may be keys. None when all is known."""
    if "missing_together" not in found.states:
        asked: tuple[Mapping[Any, Aggregate], ...] = (
            _key_questions(found), _sample_questions(found), _missing_questions(found),
        )  # fmt: skip
    elif "pairs" not in found.states:
        asked = (_pair_questions(found),)
    else:
        return None
    return tuple(dict.fromkeys(a for part in asked for a in part.values()))


def deepen(found: Profile, states: Mapping[Aggregate, Any]) -> Profile:
    """The profile with the answers to `further_questions`: `key` and `sample` of columns, `missing_together` and
    `pairs` of the table."""

    def answers(asked: Mapping[Any, Aggregate]) -> dict[Any, Any]:
        return {subject: states[a] for subject, a in asked.items() if a in states}

    if "missing_together" in found.states:
        return replace(found, states={**found.states, "pairs": answers(_pair_questions(found))})
    unique, sampled = answers(_key_questions(found)), answers(_sample_questions(found))
    together = answers(_missing_questions(found))
    columns = []
    for column in found.columns:
        more = {n: part[column.path] for n, part in (("key", unique), ("sample", sampled)) if column.path in part}
        deeper = replace(column, states={**column.states, **more})
        columns.append(deeper if column.personal else discreet(deeper, marked=False))
    return replace(found, columns=tuple(columns), states={**found.states, "missing_together": together})


def _key_questions(found: Profile) -> dict[Path, Aggregate]:
    """Floats are no keys."""
    near = [c for c in found.columns if c.type.kind in HASHABLE - FLOATS and "distinct" in c.states and c.present]
    near = [c for c in near if distinct_estimate(c.states["distinct"]) >= NEARLY_UNIQUE_RATIO * c.present]
    return {c.path: Distinctness((Col(c.path),)) for c in near[:KEY_CANDIDATES]}


def _sample_questions(found: Profile) -> dict[Path, Aggregate]:
    """Of texts whose most frequent values are not all there are."""
    asked: dict[Path, Aggregate] = {}
    for column in found.columns:
        top = column.states.get("top")
        if column.type.kind in TEXTS and isinstance(top, TopState) and top.error and "distinct" in column.states:
            every = max(1, round(distinct_estimate(column.states["distinct"]) / SAMPLED_VALUES))
            short = Compare("<=", Call("length", (Col(column.path),)), Lit(LONGEST_VALUE))
            asked[column.path] = ValueSample(Col(column.path), every, 4 * SAMPLED_VALUES, short)
    return asked


def _pair_questions(found: Profile) -> dict[tuple[Path, Path], Aggregate]:
    """Pairs that may be keys where no column is one and no row occurs twice. Of a pair, a value of one is in as many
    rows as the other has distinct values at most."""
    rows = found.states.get("rows")
    if not isinstance(rows, DistinctnessState) or rows.duplicate_rows or any(map(_is_known_key, found.columns)):
        return {}
    known = [c for c in found.columns if c.type.kind in HASHABLE - FLOATS and {"distinct", "top"} <= c.states.keys()]
    most = {c.path: c.states["top"].counts[0][1] for c in known if c.present == found.rows and c.states["top"].counts}
    values = {c.path: distinct_estimate(c.states["distinct"]) / NEARLY_UNIQUE_RATIO for c in known if c.path in most}
    ranked = sorted(most, key=lambda p: (-values[p], p))[:KEY_CANDIDATES]
    pairs = [(a, b) for a, b in combinations(sorted(ranked), 2) if most[a] <= values[b] and most[b] <= values[a]]
    pairs.sort(key=lambda pair: values[pair[0]] * values[pair[1]])  # stable; no wider than it must be
    return {(a, b): Distinctness((Col(a), Col(b))) for a, b in pairs[:KEY_PAIRS]}


def _is_known_key(column: ColumnProfile) -> bool:
    key = column.states.get("key")
    return isinstance(key, DistinctnessState) and column.present == column.rows and not key.duplicate_rows


def _missing_questions(found: Profile) -> dict[tuple[Path, Path], Aggregate]:
    """Pairs among the columns that miss most, but not all; of a struct only the struct."""
    nulls = {c.path: c.states.get("nulls", 0) for c in found.columns if len(c.path) == 1}
    partial = sorted((p for p, n in nulls.items() if 0 < n < found.rows), key=lambda p: (-nulls[p], p))
    chosen = sorted(partial[:MISSING_TOGETHER])
    return {(a, b): Count(And((IsNull(Col(a)), IsNull(Col(b))))) for i, a in enumerate(chosen) for b in chosen[i + 1 :]}
