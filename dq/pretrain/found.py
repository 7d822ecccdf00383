"""What a check found, graded by its limit, with places to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from dq.ir.result import Evidence
    from dq.ir.training import Training

Status: TypeAlias = Literal["pass", "warn", "fail", "skip"]
MOST_EVIDENCE = 5


@dataclass(frozen=True, slots=True)
class Place:
    """One row of a split."""

    split: str
    file: str
    row: int


@dataclass(frozen=True, slots=True)
class Found:
    """`kind` names the check. `measured` is in the unit of its limit; `rows` how many rows are concerned, of
    which train alone leads one to expect `explained`. `shown` are rows as they may be shown, where places do not do."""

    kind: str
    status: Status
    message: str
    column: str | None = None
    split: str | None = None
    measured: float | None = None
    rows: int | None = None
    places: tuple[Place, ...] = ()
    explained: float | None = None
    shown: tuple[Evidence, ...] = ()


def graded(
    training: Training, kind: str, measured: float, message: str, *, column: str | None = None,
    split: str | None = None, rows: int | None = None, places: tuple[Place, ...] = (), softly: bool = False,
) -> Found:  # fmt: skip
    """`softly`: what would fail warns."""
    limit = training.limit(kind)
    status: Status = "pass"
    if limit.exceeds(limit.fail, measured):
        status = "warn" if softly else "fail"
    elif limit.exceeds(limit.warn, measured):
        status = "warn"
    return Found(kind, status, message, column, split, measured, rows, places)


def skipped(kind: str, message: str, split: str | None = None) -> Found:
    return Found(kind, "skip", message, split=split)


EFFECTS = {
    "split_size": "a score on so few rows says little",
    "split_rows": "a score on so few rows is mostly chance",
    "identical_splits": "the score measures memory: the model is asked what it was told",
    "row_overlap": "rows that the model has seen are answered from memory: the score is too good",
    "id_overlap": "the same individuals are learnt and tested: the score is too good for new ones",
    "group_overlap": "the model recognises groups it has learnt: the score is too good for new ones",
    "time_leakage": "the model learns from the future of what it is tested on: live it will be worse",
    "duplicate_ids": "a row that is there twice counts twice, and may land in two splits next time",
    "conflicting_labels": "alike rows with different labels set a ceiling to every score",
    "duplicate_rows": "rows that repeat weigh more than others, in training and in the score",
    "near_duplicates": "the model has seen all but the same rows: the score is too good",
    "label_issues": "the model learns what is wrong, and is scored by it",
    "label_missing": "rows without a label are dropped or learnt as a class of their own",
    "label_classes": "with one class there is nothing to learn",
    "label_unseen": "labels that train has not are always predicted wrong",
    "label_shift": "the model's prior is not that of the data it is tested on",
    "rarest_class": "a class with so few rows is not learnt",
    "unseen_categories": "values without an embedding or a column of their own are guessed or crash",
    "missing_words": "a word for a missing value is learnt as a value",
    "numbers_as_text": "every number is a class of its own, and larger ones are no more than smaller ones",
    "missing_values": "the model sees what the imputer says, or drops the row",
    "feature_drift": "the model is tested where it has learnt little: the score tells of another population",
    "target_leakage": "the feature knows the answer; it will not when the model is asked in earnest",
    "missingness_leakage": "whether the feature is missing tells the answer; it will not in earnest",
    "constant_features": "it carries nothing; some losses and scalers divide by its spread of zero",
    "id_like_features": "a value per row is learnt by heart, and hides from the comparison that rows are the same",
    "not_a_number": "one NaN makes the gradient of the whole batch NaN",
    "infinite_values": "one infinity makes loss and gradients NaN",
    "float32_overflow": "it becomes infinite as float32",
    "unreadable_values": "what cannot be read as its type is missing to the model",
    "readable": "rows that cannot be read are missing to the model",
    "layout": "features are taken for each other, or training stops",
    "list_length": "tensors of unequal length do not stack, or are cut and padded in silence",
    "weights": "a negative or missing weight turns or voids the loss",
    "contract": "the model is trained on data that is not what the team agreed on",
    "contract_coverage": "nobody watches a feature that the contract does not know",
}  # fmt: skip
