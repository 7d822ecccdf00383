"""Whether what is read becomes tensors: sizes, layout, numbers, lists, weights, and what the contract knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq.errors import nearest
from dq.ir.data import FLOATS, NUMBERS, RAW, Kind
from dq.pretrain.found import Found, graded, skipped
from dq.pretrain.splits import TRAIN
from dq.profile import ColumnProfile
from dq.words import clause, counted, verb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq.pretrain.splits import Splits

_FLOAT32_MAX = 3.4028234663852886e38
_CHUNK = 50
_FIXED = 0.9  # of lists are of one length: then all should be


def sizes(splits: Splits) -> Iterator[Found]:
    for name, rows in splits.rows.items():
        said = f"{name} has {counted(rows, 'row')}" if rows else f"{name} is empty"
        yield graded(splits.training, "split_rows", rows, said, split=name, rows=rows)
        if name != TRAIN and rows and splits.rows[TRAIN]:
            ratio = rows / splits.rows[TRAIN]
            said = f"{name} has {counted(rows, 'row')}, {ratio:.2%} of the {splits.rows[TRAIN]:,} of train"
            yield graded(splits.training, "split_size", ratio, said, split=name, rows=rows)


def layout(splits: Splits) -> Iterator[Found]:
    """Features of the other splits against train's: there, of the same type, in the same order."""
    known = splits.schemas[TRAIN].names
    for split in (s for s in splits.schemas if s != TRAIN):
        names = splits.schemas[split].names
        missing = [n for n in splits.features if n not in names]
        for name in missing:
            said = f"{split} has no column `{name}`{nearest(name, [n for n in names if n not in known])}"
            yield graded(splits.training, "layout", 1, said, column=name, split=split)
        added = [n for n in names if n not in known]
        if added:
            yield Found(
                "layout", "warn", f"{split} has columns that train has not: {', '.join(added[:10])}", None, split
            )
        shared = [n for n in names if n in known]
        if shared != [n for n in known if n in names]:
            first = next(n for n, m in zip(shared, (n for n in known if n in names), strict=True) if n != m)
            said = f"the columns of {split} are in another order than those of train, from `{first}` on"
            yield Found("layout", "warn", said, None, split)
        if splits.rows[split] and splits.rows[TRAIN]:
            yield from _retyped(splits, split)


def _retyped(splits: Splits, split: str) -> Iterator[Found]:
    for name in (*splits.features, splits.training.label):
        before, after = splits.type(name), splits.type(name, split)
        if before is None or after is None or before == after or Kind.NULL in (before.kind, after.kind):
            continue
        said = f"`{name}` is {after} in {split}, {before} in train"
        if ColumnProfile((name,), (before, after)).comparable:
            yield Found("layout", "warn", said, name, split)
        else:
            yield graded(splits.training, "layout", 1, said, column=name, split=split)


def numbers(splits: Splits) -> Iterator[Found]:
    """NaN, infinity and what float32 does not hold, in every split."""
    names = [n for n in splits.features if splits.kinds(n) & (FLOATS | {Kind.DECIMAL}) and splits.kinds(n) <= NUMBERS]
    for split in splits.filled:
        there = [n for n in names if splits.is_in(n, split)]
        for start in range(0, len(there), _CHUNK):
            chunk = there[start : start + _CHUNK]
            asked = ", ".join(_asked(f"CAST({splits.column(n)} AS DOUBLE)") for n in chunk)
            (row,) = splits.desk.ask(f"SELECT {asked} FROM {split}")
            for i, name in enumerate(chunk):
                yield from _strange(splits, split, name, row[3 * i : 3 * i + 3])


def _asked(value: str) -> str:
    return (
        f"count(*) FILTER (isnan({value})), count(*) FILTER (isinf({value})), "
        f"count(*) FILTER (isfinite({value}) AND abs({value}) > {_FLOAT32_MAX!r})"
    )


def _strange(splits: Splits, split: str, name: str, counts: tuple[int, ...]) -> Iterator[Found]:
    value = f"CAST({splits.column(name)} AS DOUBLE)"
    kinds = (
        ("not_a_number", "NaN", f"isnan({value})"),
        ("infinite_values", "infinite", f"isinf({value})"),
        ("float32_overflow", "beyond float32", f"isfinite({value}) AND abs({value}) > {_FLOAT32_MAX!r}"),
    )
    for (kind, words, where), rows in zip(kinds, counts, strict=True):
        said = clause(rows, "value", f"of `{name}` in {split}", "are") + f" {words}"
        places = splits.places(split, where) if rows else ()
        measured = rows / splits.rows[split]
        yield graded(splits.training, kind, measured, said, column=name, split=split, rows=rows, places=places)


def unread(splits: Splits) -> Iterator[Found]:
    for split, counts in splits.unread.items():
        for raw, rows in counts.items():
            name = raw.removeprefix(RAW)
            said = (
                f"{counted(rows, 'value')} of `{name}` in {split} cannot be read as the type that the contract declares"
            )
            measured = rows / max(1, splits.rows[split])
            yield graded(splits.training, "unreadable_values", measured, said, column=name, split=split, rows=rows)


def lists(splits: Splits) -> Iterator[Found]:
    """Lists of numbers that are mostly of one length are embeddings: all of them must be."""
    for name in splits.features:
        types = splits.types(name)
        if splits.kinds(name) != {Kind.LIST} or not all(t.item and t.item.kind in NUMBERS for t in types):
            continue
        size = f"len({splits.column(name)})"
        (usual,) = splits.desk.ask(
            f"SELECT mode(n), count(*) FILTER (n = (SELECT mode({size}) FROM {TRAIN})), count(n) "
            f"FROM (SELECT {size} AS n FROM {TRAIN})"
        )
        length, alike, rows = usual
        if not rows or alike < _FIXED * rows:
            continue
        for split in (s for s in splits.filled if splits.is_in(name, s)):
            where = f"{size} <> {length}"
            ((other,),) = splits.desk.ask(f"SELECT count(*) FROM {split} WHERE {where}")
            said = clause(other, "list", f"of `{name}` in {split}", "are")
            said += f" not of length {length:,}, as those of train are"
            places = splits.places(split, where) if other else ()
            measured = other / splits.rows[split]
            yield graded(
                splits.training, "list_length", measured, said, column=name, split=split, rows=other, places=places
            )


def weights(splits: Splits) -> Iterator[Found]:
    name = splits.training.weight
    if name is None:
        yield skipped("weights", "no column of weights is named")
        return
    if not splits.kinds(name) <= NUMBERS:
        said = f"the weight `{name}` is {', '.join(sorted(splits.kinds(name)))}, not a number"
        yield graded(splits.training, "weights", 1, said, column=name)
        return
    value = f"CAST({splits.column(name)} AS DOUBLE)"
    bad = f"{value} IS NULL OR NOT isfinite({value}) OR {value} < 0"
    for split in (s for s in splits.filled if splits.is_in(name, s)):
        ((rows, positive),) = splits.desk.ask(
            f"SELECT count(*) FILTER ({bad}), count(*) FILTER ({value} > 0) FROM {split}"
        )
        said = clause(rows, "weight", f"of {split}", "are") + " negative, missing or infinite"
        if not positive:
            said, rows = f"the weights of {split} add up to nothing", splits.rows[split]
        places = splits.places(split, bad) if rows and positive else ()
        measured = rows / splits.rows[split]
        yield graded(splits.training, "weights", measured, said, column=name, split=split, rows=rows, places=places)


def coverage(splits: Splits) -> Iterator[Found]:
    if splits.known is None:
        yield skipped("contract_coverage", "no contract is named")
        return
    strange = [n for n in splits.features if n not in splits.known]
    said = (
        f"{len(strange)} of {counted(len(splits.features), 'feature')} {verb(len(strange), 'are')} not in the contract"
    )
    said += f": {', '.join(strange[:10])}" if strange else ""
    yield graded(splits.training, "contract_coverage", len(strange), said)
