"""Features that are distributed differently, by the profiles of the splits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dq.drift import diff
from dq.ir.data import format_path
from dq.pretrain.found import Found, graded
from dq.pretrain.splits import TRAIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dq.pretrain.splits import Splits
    from dq.profile import Profile

# Told by other checks, exactly.
_ELSEWHERE = frozenset({"column_removed", "column_added", "column_retyped", "row_count", "new_values", "cardinality"})


def check(splits: Splits, profiles: Mapping[str, Profile]) -> Iterator[Found]:
    """Single features warn; many of them fail."""
    features = {format_path((n,)) for n in splits.features}
    for split in splits.filled[1:]:
        found = [
            d for d in diff(_only(profiles[TRAIN], splits), _only(profiles[split], splits), (TRAIN, split))
            if d.kind not in _ELSEWHERE and d.severity != "info"
        ]  # fmt: skip
        for d in found:
            yield Found("feature_drift", "warn", splits.discretion.told(d.message), d.column, split, abs(d.effect))
        columns = {c for d in found for c in (d.column, *d.also) if c in features}
        measured = len(columns) / len(features)
        said = f"{len(columns)} of {len(features)} features of {split} are distributed differently than in train"
        total = graded(
            splits.training, "feature_drift", measured, said, split=split, softly=splits.is_soft(TRAIN, split)
        )
        if total.status != "warn" or not found:
            yield total


def _only(profile: Profile, splits: Splits) -> Profile:
    return replace(profile, columns=tuple(c for c in profile.columns if c.path[0] in splits.features))
