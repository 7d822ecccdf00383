"""Confident learning by cleanlab, over a model of trees by scikit-learn. Needs the extra `cleanlab`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from cleanlab.filter import find_label_issues
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FOLDS = 5
_MOST_VALUES = 250  # of a text that are told apart: the most frequent


def suspects(
    labels: Sequence[str], numbers: Mapping[str, Sequence[Any]], texts: Mapping[str, Sequence[Any]]
) -> list[tuple[int, str]]:
    """Rows whose label is doubted, the most doubtful first, and the label that the others suggest. The same rows give
    the same answer."""
    classes = sorted(set(labels))
    codes = np.array([classes.index(label) for label in labels])
    table = np.array([*([_double(v) for v in c] for c in numbers.values()), *map(_coded, texts.values())]).T
    model = HistGradientBoostingClassifier(
        categorical_features=[False] * len(numbers) + [True] * len(texts),
        random_state=0,
        max_iter=50,
        learning_rate=0.2,
    )
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    with threadpool_limits(1):  # little work each: threads would mostly wait for each other
        sure = cross_val_predict(model, table, codes, cv=folds, method="predict_proba")
    found = find_label_issues(codes, sure, return_indices_ranked_by="self_confidence", n_jobs=1)
    return [(int(row), classes[int(sure[row].argmax())]) for row in found]


def _double(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _coded(values: Sequence[Any]) -> list[float]:
    """Numbers of the frequent values; others are missing to the model."""
    counts = Counter(v for v in values if v is not None)
    ranked = sorted(counts, key=lambda v: (-counts[v], v))[:_MOST_VALUES]
    places = {v: float(n) for n, v in enumerate(ranked)}
    return [places.get(v, float("nan")) for v in values]
