"""How the splits were cut: by time they differ by nature, and rows of one group count as one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dq.drift.significance import chi2_p_value, ks_p_value
from dq.ir.data import TEXTS, TIMES
from dq.pretrain.splits import TRAIN

if TYPE_CHECKING:
    from dq.pretrain.splits import Splits

SIGNIFICANCE = 0.001
_MOST_VALUES = 1_000


def told(splits: Splits) -> Splits:
    """With what is known of the cut."""
    return replace(splits, later=_later(splits), units=_units(splits))


def _later(splits: Splits) -> frozenset[str]:
    """Splits of another time than train: the person names the time, or all moments of a feature come after, those
    written as text included."""
    if splits.training.time:
        return frozenset(splits.filled[1:])
    found = set()
    for name in (n for n in splits.features if _is_time(splits, n)):
        moment = f"TRY_CAST({splits.column(name)} AS TIMESTAMP)"
        for split in (s for s in splits.filled[1:] if splits.is_in(name, s)):
            (last, known, there), (first, here, whole) = (
                splits.desk.ask(f"SELECT {end}({moment}), count({moment}), count({splits.column(name)}) FROM {part}")[0]
                for end, part in (("max", TRAIN), ("min", split))
            )
            if (known, here) == (there, whole) and last is not None and first is not None and last < first:
                found.add(split)
    return frozenset(found)


def _is_time(splits: Splits, name: str) -> bool:
    """Of text the first value tells."""
    column, kinds = splits.column(name), splits.kinds(name)
    asked = f"SELECT TRY_CAST({column} AS TIMESTAMP) IS NOT NULL FROM {TRAIN} WHERE {column} IS NOT NULL LIMIT 1"
    return bool(kinds) and (kinds <= TIMES or (kinds <= TEXTS and (True,) in splits.desk.ask(asked)))


def _units(splits: Splits) -> dict[str, int]:
    if not splits.training.group:
        return dict(splits.rows)
    grouped = {}
    for split in splits.filled:
        ((grouped[split],),) = splits.desk.ask(f"SELECT {splits.counted} FROM {split}")
    return grouped


def by_groups(splits: Splits, split: str, distance: float) -> bool:
    """Whether groups explain that much of a distance between the distributions of train and the split."""
    if not splits.training.group:
        return False
    groups = splits.units[TRAIN], splits.units[split]
    return not all(groups) or ks_p_value(distance, *groups) >= SIGNIFICANCE


def shared_by_groups(splits: Splits, split: str, name: str) -> bool:
    """Whether groups explain how the values of a column are shared out."""
    if not splits.training.group or not splits.is_in(name, TRAIN, split):
        return False
    stacked = splits.stacked(
        [f"{splits.value(name)} AS x", f"{splits.value(splits.training.group[0])} AS u"], (TRAIN, split)
    )
    found = splits.desk.ask(
        "SELECT x, count(DISTINCT u) FILTER (s = 0) AS a, count(DISTINCT u) FILTER (s = 1) AS b "
        f"FROM {stacked} GROUP BY x ORDER BY a + b DESC, x LIMIT {_MOST_VALUES}"
    )
    left, right = ({x: counts[i] for x, *counts in found} for i in (0, 1))
    return chi2_p_value(left, right) >= SIGNIFICANCE
