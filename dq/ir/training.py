"""What a model is trained on: which column plays which part, and what its splits may be like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Task: TypeAlias = Literal["auto", "classification", "regression"]


@dataclass(frozen=True, slots=True)
class Limit:
    """What is measured may be this much, or with `lower` no less; None: however much."""

    warn: float | None = None
    fail: float | None = None
    lower: bool = False

    def exceeds(self, end: float | None, measured: float) -> bool:
        return end is not None and (measured < end if self.lower else measured > end)


# Shares of rows unless the comment says otherwise.
LIMITS: Mapping[str, Limit] = {
    "split_size": Limit(warn=0.01, lower=True),  # of the rows of train
    "split_rows": Limit(warn=100, fail=1, lower=True),  # rows
    "identical_splits": Limit(fail=0),  # pairs of splits
    "row_overlap": Limit(warn=0, fail=0),  # fails for what duplicates inside train do not explain
    "id_overlap": Limit(fail=0),
    "group_overlap": Limit(fail=0),
    "time_leakage": Limit(fail=0),
    "duplicate_ids": Limit(warn=0),
    "conflicting_labels": Limit(warn=0),
    "duplicate_rows": Limit(warn=0),
    "near_duplicates": Limit(warn=0),  # fails for what near twins inside train do not explain; only if asked for
    "label_missing": Limit(fail=0),
    "label_classes": Limit(fail=2, lower=True),  # classes in train
    "label_unseen": Limit(fail=0),
    "label_shift": Limit(warn=0.10, fail=0.25),  # total variation, or distance of distributions
    "label_issues": Limit(warn=0.01),  # of the labels that were looked at; only if asked for
    "rarest_class": Limit(warn=10, lower=True),  # rows
    "unseen_categories": Limit(warn=0, fail=0.05),  # beyond what values that are rare in train explain
    "missing_words": Limit(warn=0),
    "numbers_as_text": Limit(warn=0.5),  # of the values
    "missing_values": Limit(warn=0.05),
    "feature_drift": Limit(warn=0, fail=0.20),  # of the features
    "target_leakage": Limit(warn=0.75, fail=0.95),  # of what there is to predict
    "missingness_leakage": Limit(warn=0.75, fail=0.95),
    "constant_features": Limit(warn=0),  # features
    "id_like_features": Limit(warn=0.95),  # distinct values of the rows
    "not_a_number": Limit(warn=0),
    "infinite_values": Limit(fail=0),
    "float32_overflow": Limit(fail=0),
    "unreadable_values": Limit(fail=0),
    "layout": Limit(fail=0),  # columns
    "list_length": Limit(fail=0),
    "weights": Limit(fail=0),
    "readable": Limit(fail=0),  # faults of files
    "contract": Limit(warn=0, fail=0),  # checks of the contract that do not hold; one of severity warn warns
    "contract_coverage": Limit(warn=0),  # features
}

SIMILARITY = 0.8
OPTIONAL = ("near_duplicates", "label_issues")


@dataclass(frozen=True, slots=True)
class Training:
    """Roles by column name. `features`: all that play no other part. `horizon_seconds` lie between the last moment of
    train and the first of another split. Numbers are compared after rounding to `digits` behind the point. `also` are
    checks of OPTIONAL that are asked for; rows of at least this `similarity` are near duplicates."""

    label: str = ""
    id: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    time: str | None = None
    weight: str | None = None
    features: tuple[str, ...] = ()
    task: Task = "auto"
    horizon_seconds: float = 0.0
    digits: int | None = None
    also: tuple[str, ...] = ()
    similarity: float = SIMILARITY
    limits: tuple[tuple[str, Limit], ...] = ()
    contract: str | None = None
    file: str = ""

    def limit(self, kind: str) -> Limit:
        return dict(self.limits).get(kind, LIMITS[kind])

    @property
    def apart(self) -> frozenset[str]:
        """Columns that are no features."""
        return frozenset(n for n in (self.label, *self.id, *self.group, self.time, self.weight) if n)
