"""Are these the same rows? Profiles of a partition and its copy agree in everything, whatever bytes hold it, in
whatever order its rows stand."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq.ir.aggregate import MomentsState, RegistersState, TopState
from dq.ir.data import FLOATS, INTEGERS, TEXTS
from dq.profile.summary import distinct_count, is_unique

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dq.ir.expr import Path
    from dq.profile.states import ColumnProfile, Profile

FEWEST_ROWS = 20
MANY_VALUES = 20
_LONG_TEXT = 16  # characters on average: no name, no code
_CLOSE = 1e-9  # sums of floats depend on the order of rows
_PASSING = ("future", "key", "sample", "sizes")  # of the moment of the run, of depth full, told by moments


@dataclass(frozen=True, slots=True)
class _Column:
    exact: str
    moments: MomentsState | None
    registers: RegistersState


@dataclass(frozen=True, slots=True)
class Trace:
    """What is compared of a profile, in little memory."""

    rows: int
    columns: Mapping[Path, _Column]


def trace(profile: Profile) -> Trace | None:
    """None where equal profiles would not mean equal rows: few rows, or only columns that are the same by nature."""
    if profile.rows < FEWEST_ROWS or not any(map(_tells, profile.columns)):
        return None
    return Trace(profile.rows, {c.path: _column(c) for c in profile.columns})


def same_rows(left: Trace, right: Trace) -> bool:
    return (
        left.rows == right.rows
        and left.columns.keys() == right.columns.keys()
        and all(_alike(column, right.columns[path]) for path, column in left.columns.items())
    )


def _tells(column: ColumnProfile) -> bool:
    """Whether other rows would hold other values: not where they count 1 to n, or name each thing there is once."""
    distinct, _ = distinct_count(column)
    if (distinct or 0) < MANY_VALUES:
        return False
    low, high = column.states.get("min"), column.states.get("max")
    if column.type.kind in INTEGERS and low is not None and high is not None:
        return bool(high - low >= 2 * column.present)
    if column.type.kind in TEXTS and is_unique(column) is not False:
        return bool(column.states.get("length_sum", 0) >= _LONG_TEXT * column.present)
    return True


def _column(column: ColumnProfile) -> _Column:
    loose = ("moments", "distinct", *_PASSING, *(["sum"] if column.type.kind in FLOATS else []))
    exact = sorted((n, s) for n, s in column.states.items() if n not in loose and not _estimated(s))
    written = repr((str(column.type), exact)).encode()
    registers = column.states.get("distinct", RegistersState())
    short = RegistersState(registers.stamp, hashlib.sha256(registers.registers).digest())
    return _Column(hashlib.sha256(written).hexdigest(), column.states.get("moments"), short)


def _estimated(state: Any) -> bool:
    return isinstance(state, TopState) and state.error > 0


def _alike(left: _Column, right: _Column) -> bool:
    a, b = left.registers, right.registers
    return left.exact == right.exact and (a.stamp != b.stamp or a == b) and _close(left.moments, right.moments)


def _close(left: MomentsState | None, right: MomentsState | None) -> bool:
    if left is None or right is None:
        return left is right
    spread = math.sqrt(max(left.m2, 0.0) / max(left.n, 1))
    near = abs(left.mean - right.mean) <= _CLOSE * (abs(left.mean) + spread)
    return left.n == right.n and near and math.isclose(left.m2, right.m2, rel_tol=1e-6, abs_tol=_CLOSE * left.mean**2)
