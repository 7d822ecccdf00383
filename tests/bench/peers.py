"""One tool that checks splits before training, on Parquet of a train and a test split: `peers.py TOOL TRAIN TEST`.

Run by the interpreter that the tool is installed for; says its seconds and its CPU seconds, reading included and
importing not: a first round on the first 2,000 rows is not timed.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

LABEL, ROW, MOMENT = "y", "id", "at"
WARM_ROWS = 2_000


def ours(train: str, test: str) -> None:
    from dq import pretrain

    pretrain(train, test=test, label=LABEL, id=ROW, time=MOMENT)


def deepchecks(train: str, test: str) -> None:
    """All of its checks of splits and of data that need no model, as its suites have them."""
    import pandas as pd
    from deepchecks.tabular import Dataset
    from deepchecks.tabular.suites import data_integrity, train_test_validation

    frames = [pd.read_parquet(path) for path in (train, test)]
    texts = [c for c in frames[0].columns if frames[0][c].dtype == object]
    told: Any = {"label": LABEL, "index_name": ROW, "datetime_name": MOMENT, "cat_features": texts}
    a, b = (Dataset(frame, **told) for frame in frames)
    train_test_validation().run(a, b)
    data_integrity().run(a, b)


def evidently(train: str, test: str) -> None:
    """Drift of every column, and its summary of both splits."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset, DataSummaryPreset

    frames = [pd.read_parquet(path) for path in (train, test)]
    texts = [c for c in frames[0].columns if frames[0][c].dtype == object]
    numbers = [c for c in frames[0].columns if c not in (*texts, ROW, MOMENT)]
    definition = DataDefinition(
        id_column=ROW, timestamp=MOMENT, numerical_columns=numbers, categorical_columns=texts
    )  # fmt: skip
    a, b = (Dataset.from_pandas(frame, data_definition=definition) for frame in frames)
    Report([DataDriftPreset(), DataSummaryPreset()]).run(b, a).dict()


TOOLS: dict[str, Callable[[str, str], None]] = {"ours": ours, "deepchecks": deepchecks, "evidently": evidently}


def head(path: str, folder: str) -> str:
    """The first rows as a file of their own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = os.path.join(folder, os.path.basename(path))
    pq.write_table(pa.Table.from_batches([next(pq.ParquetFile(path).iter_batches(WARM_ROWS))]), target)
    return target


if __name__ == "__main__":
    tool, *splits = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        TOOLS[tool](*(head(path, folder) for path in splits))
    started, used = time.perf_counter(), sum(os.times()[:4])
    TOOLS[tool](*splits)
    print(time.perf_counter() - started, sum(os.times()[:4]) - used)
