"""Labels that are probably wrong: a model that was trained on the other rows says something else, and is sure of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from dq.pretrain.found import MOST_EVIDENCE, Found, Place, graded, skipped
from dq.pretrain.splits import ORDERED, TRAIN
from dq.words import counted, verb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dq.pretrain.splits import Splits

_MOST_ROWS = 10_000
_FEWEST = 10  # rows of a class, below which no model learns it
_SHOWN = 3


class Suspects(Protocol):
    """`numbers` and `texts` are features by name, a value per row. Answers the places of rows whose label is doubted,
    the most doubtful first, and what it should rather be."""

    def __call__(
        self, labels: Sequence[str], numbers: Mapping[str, Sequence[Any]], texts: Mapping[str, Sequence[Any]]
    ) -> list[tuple[int, str]]: ...


def check(splits: Splits, suspects: Suspects) -> Iterator[Found]:
    name, label = splits.training.label, splits.label
    if splits.task != "classification":
        yield skipped("label_issues", "of classification only")
        return
    ranked = [n for n in splits.features if splits.kinds(n) and splits.kinds(n) <= ORDERED]
    named = [n for n in splits.features if n not in ranked]
    asked = [splits.double(n) for n in ranked] + [f"CAST({splits.value(n)} AS VARCHAR)" for n in named]
    learnt = f"SELECT {label} FROM {TRAIN} GROUP BY {label} HAVING count(*) >= {_FEWEST}"
    rows = splits.desk.ask(
        f"SELECT f, r, {', '.join([label, *asked])} FROM {TRAIN} WHERE {label} IN ({learnt}) "
        f"ORDER BY hash(f, r), f, r LIMIT {_MOST_ROWS}"
    )
    labels = [row[2] for row in rows]
    if len(set(labels)) < 2:
        yield skipped("label_issues", f"fewer than two classes of {_FEWEST} rows or more")
        return
    columns = {n: [row[3 + i] for row in rows] for i, n in enumerate([*ranked, *named])}
    found = suspects(labels, {n: columns[n] for n in ranked}, {n: columns[n] for n in named})
    said = f"{len(found):,} of {counted(len(rows), 'label')} of {TRAIN} {verb(len(found), 'are')} probably wrong"
    if len(rows) < splits.rows[TRAIN]:
        said += f" ({splits.rows[TRAIN]:,} rows: a sample is judged)"
    pairs = [f"{splits.shown(name, to)} rather than {splits.shown(name, labels[n])}" for n, to in found[:_SHOWN]]
    said += f"; first {', '.join(dict.fromkeys(pairs))}" if pairs else ""
    places = tuple(Place(TRAIN, *rows[n][:2]) for n, _ in found[:MOST_EVIDENCE])
    yield graded(
        splits.training, "label_issues", len(found) / len(rows), said, column=name, split=TRAIN, rows=len(found),
        places=places,
    )  # fmt: skip
