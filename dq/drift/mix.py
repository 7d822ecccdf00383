"""What a column of few values is made of: the share of each, of the values that are there."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from dq.ir.data import INTEGERS, Kind
from dq.profile import ColumnProfile, exact_counts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

METRIC = "share of "
_FEW = 20  # distinct numbers; and texts of which the rare ones are remembered
_MANY = 100  # distinct texts of which any are
FREQUENT = 0.01
_ENOUGH = 20  # values from which shares mean something
_LONG = 60  # characters: a longer text is no category
_KINDS = INTEGERS | {Kind.STRING, Kind.ENUM, Kind.BOOL}
_NAMES = 20_000  # are taken apart once: every partition has the same
_NAME = re.compile(rf'(.*)\.({METRIC}(?:"(?:[^"\\]|\\.)*"|-?\d+|true|false))', re.S)


def shares(column: ColumnProfile) -> dict[str, float]:
    """By metric, `share of "paid"`; of more than a few texts the frequent ones. Empty for columns of many values, for
    long texts, and for hardly any rows."""
    if column.type.kind not in _KINDS or column.present < _ENOUGH:
        return {}
    counts = exact_counts(column)
    most = _FEW if column.type.kind in INTEGERS else max(_FEW, min(_MANY, column.present // 5))
    if counts is None or len(counts) > most or any(len(str(value)) > _LONG for value in counts):
        return {}
    found = {value: n / column.present for value, n in counts.items()}
    kept = {v: s for v, s in found.items() if len(found) <= _FEW or s >= FREQUENT}
    return {f"{METRIC}{json.dumps(value, ensure_ascii=False)}": share for value, share in kept.items()}


@lru_cache(maxsize=_NAMES)
def parts(name: str) -> tuple[str, str]:
    """Column and metric of a number's name; a value in it may hold any character."""
    if found := _NAME.fullmatch(name):
        return found[1], found[2]
    column, _, metric = name.rpartition(".")
    return column, metric


def is_share(name: str) -> bool:
    return METRIC in name and parts(name)[1].startswith(METRIC)


def whole(numbers: Mapping[str, float], names: Iterable[str]) -> dict[str, float]:
    """With the other shares among `names`, which are 0 where the column has shares of other values."""
    here = {parts(n)[0] for n in numbers if is_share(n)}
    return {**{n: 0.0 for n in names if is_share(n) and parts(n)[0] in here}, **numbers} if here else dict(numbers)
