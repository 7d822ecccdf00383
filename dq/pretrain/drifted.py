"""Features that are distributed differently, by the profiles of the splits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dq.drift import diff
from dq.ir.data import format_path
from dq.pretrain.cut import by_groups, shared_by_groups
from dq.pretrain.found import Found, graded, skipped
from dq.pretrain.splits import TRAIN
from dq.words import counted, verb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dq.drift import Difference
    from dq.pretrain.splits import Splits
    from dq.profile import Profile

_FEWEST = 30  # rows of a split, below which all is chance
_ALONE = 0.5  # of a distribution moved: then a single feature is enough, however few there are
# Told by other checks, exactly; of names that a batch has of its own nothing follows.
_ELSEWHERE = frozenset(
    {"column_removed", "column_added", "column_retyped", "row_count", "new_values", "cardinality", "identifiers"}
)


def check(splits: Splits, profiles: Mapping[str, Profile]) -> Iterator[Found]:
    """A single feature warns, unless most of it moved; many fail, but in a split by time, which drifts by nature."""
    features = {format_path((n,)) for n in splits.features}
    for split in splits.filled[1:]:
        if min(splits.rows[TRAIN], splits.rows[split]) < _FEWEST:
            said = f"train or {split} has fewer than {_FEWEST} rows: distributions are not compared"
            yield skipped("feature_drift", said, split)
            continue
        a, b = (_only(profiles[s], splits) for s in (TRAIN, split))
        found = [d for d in diff(a, b, (TRAIN, split), _FEWEST) if _matters(d, splits, split)]
        for d in found:
            yield Found("feature_drift", "warn", splits.discretion.told(d.message), d.column, split, abs(d.effect))
        columns = {c for d in found for c in (d.column, *d.also) if c in features}
        measured = len(columns) / len(features)
        said = f"{len(columns)} of {counted(len(features), 'feature')} of {split} {verb(len(columns), 'are')} "
        said += "distributed differently than in train"
        alone = len(columns) == 1 and max(abs(d.effect) for d in found) < _ALONE
        softly = splits.is_soft(TRAIN, split) or split in splits.later or alone
        total = graded(splits.training, "feature_drift", measured, said, split=split, softly=softly)
        if total.status != "warn" or not found:
            yield total


def _matters(found: Difference, splits: Splits, split: str) -> bool:
    """How few texts look says little: each listed one counts once, whatever it stands for."""
    if found.kind in _ELSEWHERE or (found.kind, found.severity) == ("masks", "info"):
        return False
    if found.column in splits.names and found.kind in ("categories", "vanished_values"):
        return not shared_by_groups(splits, split, found.column)
    return not by_groups(splits, split, abs(found.effect))


def _only(profile: Profile, splits: Splits) -> Profile:
    return replace(profile, columns=tuple(c for c in profile.columns if c.path[0] in splits.features))
