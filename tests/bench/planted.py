"""`python -m tests.bench.planted [ROWS]`: problems planted in two splits, and which of them each tool tells by itself;
writes the second section of tests/bench/PRETRAIN.md. `planted.py TOOL TRAIN TEST` is one tool, run by its interpreter.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

HEAD = "## What each tells"
ROWS = 10_000
SHARES = (0.01, 0.10)
ROLES = {"label": "y", "id": "id", "group": "household", "time": "at"}

# What is planted; the check of ours that is to tell it, and that of Deepchecks where it has one. Evidently tells drift.
PROBLEMS = (
    ("rows of test that are in train", "row_overlap", "TrainTestSamplesMix"),
    ("ids in both", "id_overlap", "IndexTrainTestLeakage"),
    ("households in both", "group_overlap", ""),
    ("rows of test before the end of train", "time_leakage", "DateTrainTestLeakageOverlap"),
    ("alike rows with another label", "conflicting_labels", "ConflictingLabels"),
    ("rows that repeat", "duplicate_rows", "DataDuplicates"),
    ("a class that train has not", "label_unseen", "NewLabelTrainTest"),
    ("labels that are missing", "label_missing", ""),
    ("categories that train has not", "unseen_categories", "NewCategoryTrainTest"),
    ("a feature that is the label renamed", "target_leakage", "FeatureLabelCorrelation"),
    ("a feature that drifts", "feature_drift", "FeatureDrift"),
    ("a constant feature", "constant_features", "IsSingleValue"),
    ("infinite values", "infinite_values", ""),
    ("words for missing values", "missing_words", "MixedNulls"),
)

EVIDENTLY = {
    "label_missing": "^Column 'y' missing", "infinite_values": "of 'a'", "feature_drift": "'b'|column b$",
    "unseen_categories": "column kind$|'kind'", "missing_words": "column word$|'word'", "label_unseen": "column y$",
}  # fmt: skip


def plant(folder: Path, rows: int, share: float) -> list[str]:
    """Both splits as Parquet. A problem is in this share of the rows, but for drift, the label renamed and the
    constant; what is planted in values spares the rows of test that are in train."""
    import numpy as np
    import polars as pl

    draw, size = np.random.default_rng(1), rows // 4

    def part(first: int, count: int) -> dict[str, np.ndarray]:
        n = np.arange(first, first + count)
        features = {name: draw.normal(size=count) for name in "abc"}
        kinds = {"kind": draw.choice(["red", "green", "blue"], count), "word": draw.choice(["x", "y"], count)}
        y = draw.choice(["no", "yes"], count).astype(object)
        told = {"renamed": np.char.add("is ", y.astype(str)), "constant": n * 0, "y": y}
        return {"id": n, "household": n // 3, "at": n, **features, **kinds, **told}

    train, test = part(0, rows // 3 * 3), part(rows, size)
    taken, *rest = np.array_split(draw.permutation(size), [int(size * share)])
    copied = draw.integers(0, rows // 3 * 3, len(taken))
    for name in ("a", "b", "c", "kind", "word", "y"):
        test[name][taken] = train[name][copied]

    def chosen() -> np.ndarray:
        return draw.choice(rest[0], len(taken), replace=False)

    for name in ("id", "household"):
        test[name][chosen()] = train[name][copied]
    test["at"][chosen()] = 5
    for name, value in (("y", "never"), ("y", None), ("kind", "pink"), ("word", "N/A"), ("a", np.inf)):
        test[name] = test[name].astype(object)
        test[name][chosen()] = value
    test["b"][rest[0]] += 0.5
    again = draw.choice(rows // 3 * 3, int(rows * share), replace=False)
    more = {name: np.concatenate([values, values[again], values[again]]) for name, values in train.items()}
    more["id"][len(train["id"]) :] = np.arange(10 * rows, 10 * rows + 2 * len(again))
    flipped = slice(len(train["id"]) + len(again), None)
    more["y"][flipped] = np.where(more["y"][flipped] == "no", "yes", "no")
    paths = []
    for split, values in (("train", more), ("test", test)):
        frame = pl.DataFrame({n: v.tolist() for n, v in values.items()})
        frame = frame.with_columns(at=pl.from_epoch(pl.col("at") + 1_700_000_000))
        paths.append(str(folder / f"{split}.parquet"))
        frame.write_parquet(paths[-1])
    return paths


def ours(train: str, test: str) -> Iterable[str]:
    from dq import pretrain

    return {c["check"] for c in pretrain(train, test=test, **ROLES).checks if c["status"] in ("fail", "warn")}


def deepchecks(train: str, test: str) -> Iterable[str]:
    """Checks of which a condition does not hold."""
    import pandas as pd
    from deepchecks.tabular import Dataset
    from deepchecks.tabular.suites import data_integrity, train_test_validation

    roles = {"label": "y", "index_name": "id", "datetime_name": "at", "cat_features": ["kind", "word", "renamed"]}
    a, b = (Dataset(pd.read_parquet(path).drop(columns="household"), **roles) for path in (train, test))
    for found in (train_test_validation().run(a, b), data_integrity().run(a, b)):
        for one in found.results:
            if not getattr(one, "conditions_results", None) or all(c.is_pass() for c in one.conditions_results):
                continue
            yield type(one.check).__name__


def evidently(train: str, test: str) -> Iterable[str]:
    """Columns of which a test of its presets fails."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset, DataSummaryPreset

    kinds = DataDefinition(
        id_column="id", timestamp="at", numerical_columns=["a", "b", "c", "constant"],
        categorical_columns=["kind", "word", "renamed", "y"],
    )  # fmt: skip
    a, b = (Dataset.from_pandas(pd.read_parquet(path), data_definition=kinds) for path in (train, test))
    found = Report([DataDriftPreset(), DataSummaryPreset()], include_tests=True).run(b, a).dict()
    return {t["name"] for t in found["tests"] if not str(t["status"]).endswith("SUCCESS")}


TOOLS: dict[str, Callable[[str, str], Iterable[str]]] = {"ours": ours, "deepchecks": deepchecks, "evidently": evidently}


def heard(tool: str, said: list[str], problem: tuple[str, str, str]) -> str:
    """Whether what the tool said tells the problem."""
    _, mine, theirs = problem
    if tool == "evidently":
        return "yes" if any(re.search(EVIDENTLY.get(mine, "^$"), text) for text in said) else "-"
    return "yes" if (mine if tool == "ours" else theirs) in said else "-"


def asked(tool: str, splits: list[str]) -> list[str]:
    """What the tool said, by the interpreter that it is installed for."""
    from tests.bench.before_training import interpreter

    quiet = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONWARNINGS": "ignore"}
    command = [interpreter(tool), __file__, tool, *splits]
    told = subprocess.run(command, check=True, env=quiet, stdout=subprocess.PIPE, text=True).stdout
    return list(json.loads(told.splitlines()[-1]))


def section(rows: int) -> str:
    answers: dict[tuple[str, float], list[str]] = {}
    for share in SHARES:
        with tempfile.TemporaryDirectory() as folder:
            splits = plant(Path(folder), rows, share)
            for tool in TOOLS:
                answers[tool, share] = asked(tool, splits)
    heads = [f"{tool}, {share:.0%}" for tool in TOOLS for share in SHARES]
    lines = [
        HEAD,
        "",
        f"Written by `python -m tests.bench.planted {rows}` on {datetime.now(UTC):%Y-%m-%d}: a train split of {rows:,}",
        "rows and more that are planted, a test split of a quarter; in 1 % and 10 % of the rows. Deepchecks tells a",
        "problem where a condition of its suites does not hold, Evidently where a test of its presets fails, ours",
        "where a check fails or warns; all with their own thresholds.",
        "",
        f"| planted | {' | '.join(heads)} |",
        f"| --- |{' --- |' * len(heads)}",
    ]
    for problem in PROBLEMS:
        cells = [heard(tool, answers[tool, share], problem) for tool in TOOLS for share in SHARES]
        lines.append(f"| {problem[0]} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if len(sys.argv) > 2:
        name, *paths = sys.argv[1:]
        print(json.dumps(sorted(set(TOOLS[name](*paths)))))
    else:
        told = section(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
        place = Path(__file__).with_name("PRETRAIN.md")
        place.write_text(f"{place.read_text().partition(HEAD)[0].rstrip()}\n\n{told}")
        print(told)
