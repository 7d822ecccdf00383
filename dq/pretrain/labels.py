"""The label: missing, unseen, shifted, rare."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dq.drift.relabel import relabelling
from dq.drift.significance import chi2_p_value, ks_p_value
from dq.errors import UsageError
from dq.ir.data import FLOATS, INTEGERS, NUMBERS
from dq.pretrain import chance
from dq.pretrain.cut import SIGNIFICANCE, by_groups
from dq.pretrain.found import Found, graded, skipped
from dq.pretrain.splits import TRAIN
from dq.words import clause, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dq.drift.relabel import Relabelling
    from dq.pretrain.splits import Splits

_FEW_NUMBERS = 20
_MOST_CLASSES = 100_000
_SHOWN = 3


def task_of(splits: Splits) -> str:
    """What the person says, else by the label in train: numbers of more than 20 values, of hardly any value twice, or
    with a fraction, are regressed."""
    asked, name = splits.training.task, splits.training.label
    kinds = splits.kinds(name)
    if asked == "regression" and not kinds <= NUMBERS:
        raise UsageError(f"--task regression: the label {name} is {', '.join(sorted(kinds))}, not a number")
    if asked != "auto":
        return asked
    if not kinds or not kinds <= NUMBERS:
        return "classification"
    value = f"CAST({splits.column(name)} AS DOUBLE)"
    ((distinct, fractions),) = splits.desk.ask(
        f"SELECT approx_count_distinct({value}), count(*) FILTER (NOT isnan({value}) AND {value} <> floor({value})) "
        f"FROM {TRAIN}"
    )
    if (fractions and kinds & FLOATS) or distinct > 2 * _FEW_NUMBERS:
        return "regression"
    ((distinct, rows),) = splits.desk.ask(f"SELECT count(DISTINCT {value}), count({value}) FROM {TRAIN}")
    few = distinct <= 2 or (distinct <= _FEW_NUMBERS and 2 * distinct <= rows)
    return "classification" if few or not kinds <= INTEGERS | FLOATS else "regression"


def check(splits: Splits) -> Iterator[Found]:
    name = splits.training.label
    there = [s for s in splits.filled if splits.is_in(name, s)]
    for split in splits.filled:
        if split in there:
            yield _missing(splits, split)
        else:
            yield Found(
                "label_missing", "warn", f"{split} has no column `{name}`: its labels are not checked", name, split
            )
    if splits.task == "regression":
        yield from _numbers(splits, there)
        return
    classes = {s: _classes(splits, s) for s in there}
    train = classes[TRAIN]
    said = f"{counted(len(train), 'class')} in train"
    if len(train) == 1:
        said = f"one class only in train: {splits.shown(name, next(iter(train)))}"
    yield graded(splits.training, "label_classes", len(train), said, column=name, split=TRAIN)
    if train:
        rarest = min(train, key=lambda c: (train[c], c))
        message = f"the rarest class of train, {splits.shown(name, rarest)}, has {counted(train[rarest], 'row')}"
        yield graded(splits.training, "rarest_class", train[rarest], message, column=name, split=TRAIN)
    for split in there[1:]:
        respelt = relabelling(train, classes[split], name, (TRAIN, split))
        yield _unseen(splits, split, classes, respelt)
        before = {b: a for a, b in respelt.pairs} if respelt else {}
        yield _shift(splits, split, train, {before.get(c, c): n for c, n in classes[split].items()})


def _missing(splits: Splits, split: str) -> Found:
    where = f"{splits.label} IS NULL"
    ((rows,),) = splits.desk.ask(f"SELECT count(*) FROM {split} WHERE {where}")
    places = splits.places(split, where) if rows else ()
    said, name = clause(rows, "row", f"of {split}", "have") + " no label", splits.training.label
    measured = rows / splits.rows[split]
    return graded(splits.training, "label_missing", measured, said, column=name, split=split, rows=rows, places=places)


def _classes(splits: Splits, split: str, counted: str = "count(*)") -> dict[str, int]:
    label = splits.label
    found = splits.desk.ask(
        f"SELECT {label} AS y, {counted} AS n FROM {split} WHERE {label} IS NOT NULL GROUP BY y ORDER BY n DESC, y "
        f"LIMIT {_MOST_CLASSES + 1}"
    )
    if len(found) > _MOST_CLASSES:
        raise UsageError(
            f"--label {splits.training.label}: more than {_MOST_CLASSES:,} classes in {split}; name another label, or "
            "--task regression for a number"
        )
    return dict(found)


def _unseen(splits: Splits, split: str, classes: Mapping[str, Mapping[str, int]], respelt: Relabelling | None) -> Found:
    train, here, name = classes[TRAIN], classes[split], splits.training.label
    strange = {c: n for c, n in here.items() if c not in train}
    rows = sum(strange.values())
    said = clause(rows, "row", f"of {split}", "have") + " a class that train has not"
    if strange:
        shown = ", ".join(splits.shown(name, c) for c in list(strange)[:_SHOWN])
        said += f": {shown}{', ...' if len(strange) > _SHOWN else ''}"
        if respelt and not splits.discretion.covers(name):
            said += f"; {respelt.says}: the label classes differ in spelling only"
    measured = rows / splits.rows[split]
    places = splits.places(split, f"{splits.label} IN ({', '.join(map(text, list(strange)[:50]))})") if strange else ()
    rare = bool(strange) and _are_rare(splits, split)
    if rare:
        said += "; as many are to be expected, so many classes of train have one row only"
    return graded(
        splits.training, "label_unseen", measured, said, column=name, split=split, rows=rows, places=places, softly=rare
    )


def _are_rare(splits: Splits, split: str) -> bool:
    """Whether train has so many classes of one row (or group) that chance explains those it has not."""
    train, here = (_classes(splits, s, splits.counted) for s in (TRAIN, split))
    once = sum(n == 1 for n in train.values())
    if not once:
        return False
    sizes = Counter(train.get(c, 0) + here.get(c, 0) for c in train.keys() | here.keys())
    strange, total = sum(n for c, n in here.items() if c not in train), sum(here.values())
    return not chance.unseen(strange, once, sizes.items(), total / (total + sum(train.values())))[1]


def _shift(splits: Splits, split: str, train: Mapping[str, int], here: Mapping[str, int]) -> Found:
    name = splits.training.label
    total, rows = sum(train.values()), sum(here.values())
    if not total or not rows:
        return skipped("label_shift", f"{split} or train has no label", split)
    moved = {c: here.get(c, 0) / rows - train.get(c, 0) / total for c in train.keys() | here.keys()}
    distance = sum(map(abs, moved.values())) / 2
    most = max(moved, key=lambda c: (abs(moved[c]), c))
    before, after = train.get(most, 0) / total, here.get(most, 0) / rows
    said = f"shares of classes in {split} differ by {distance:.3f} in all; "
    said += f"most {splits.shown(name, most)}: {after:.1%}, {before:.1%} in train"
    if chi2_p_value(train, here) >= SIGNIFICANCE or by_groups(splits, split, distance):
        return Found("label_shift", "pass", said + "; chance explains it", name, split, distance)
    softly = split in splits.later
    return graded(splits.training, "label_shift", distance, said, column=name, split=split, softly=softly)


def _numbers(splits: Splits, there: list[str]) -> Iterator[Found]:
    """Exactly: by every value of the label."""
    name, label = splits.training.label, splits.label
    ((distinct,),) = splits.desk.ask(f"SELECT count(DISTINCT {label}) FROM {TRAIN}")
    said = (
        f"{distinct:,} values of the label in train" if distinct != 1 else "one value only in train: nothing to learn"
    )
    yield graded(splits.training, "label_classes", distinct, said, column=name, split=TRAIN)
    for split in there[1:]:
        distance, rows, total = distances(splits, label, split)
        if not rows or not total:
            yield skipped("label_shift", f"{split} or train has no label", split)
            continue
        said = f"the label of {split} is distributed differently: distance {distance:.3f} (Kolmogorov-Smirnov)"
        if ks_p_value(distance, total, rows) >= SIGNIFICANCE or by_groups(splits, split, distance):
            said = f"the label of {split} is distributed like that of train"
            yield Found("label_shift", "pass", said, name, split, distance)
        else:
            softly = split in splits.later
            yield graded(splits.training, "label_shift", distance, said, column=name, split=split, softly=softly)


def distances(splits: Splits, value: str, split: str) -> tuple[float, int, int]:
    """Largest difference of cumulative shares between train and the split, and the rows of both (split first)."""
    stacked = splits.stacked([f"{value} AS y"], (TRAIN, split))
    (found,) = splits.desk.ask(
        "WITH each AS (SELECT y, count(*) FILTER (s = 0) AS a, count(*) FILTER (s = 1) AS b "
        f"FROM {stacked} WHERE y IS NOT NULL GROUP BY y), below AS (SELECT sum(a) OVER w AS a, sum(b) OVER w AS b, "
        "sum(a) OVER () AS ta, sum(b) OVER () AS tb FROM each WINDOW w AS (ORDER BY y)) "
        "SELECT max(abs(a / nullif(ta, 0)::DOUBLE - b / nullif(tb, 0)::DOUBLE)), max(tb)::BIGINT, max(ta)::BIGINT "
        "FROM below"
    )
    distance, rows, total = found
    return distance or 0.0, rows or 0, total or 0


def text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
