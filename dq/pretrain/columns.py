"""Features one by one: those that carry nothing, that name rows, that know the label, and categories train has not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dq.drift.significance import wilson
from dq.ir.data import INTEGERS, TEXTS
from dq.pretrain import chance, power
from dq.pretrain.found import Found, graded
from dq.pretrain.labels import text
from dq.pretrain.splits import CATEGORIES, ORDERED, TRAIN
from dq.profile.questions import NULL_LIKE
from dq.words import clause, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq.pretrain.splits import Splits

_NUMBER = "[+-]?(0|[1-9][0-9.,' ]*)([.,][0-9]+)?"

_CHUNK = 50  # columns in one query
_FEW = 5_000  # distinct values that are told apart one by one
_LINEAR, _OCTAVE, _SPAN = 4_095, 8, 20_000
_FEWEST_IDS = 100  # rows, below which distinct values are no ids yet
_SHOWN = 3
_SURE = 0.9  # of both sides: 19 in 20 on one


@dataclass(frozen=True, slots=True)
class Spread:
    """Of a feature in train: values that are there, about how many differ, and whether all are the same."""

    present: int
    distinct: int
    constant: bool
    low: float | None = None
    high: float | None = None
    linear: float = 0.0  # squared correlation with a label that is a number


@dataclass(frozen=True, slots=True)
class Target:
    """What there is to predict: `rows` (or groups) that are not of the largest class, or all that have a label. Of a
    number `grid` is SQL of its place among the others."""

    rows: int
    grid: str = ""


def check(splits: Splits) -> Iterator[Found]:
    ranked = [n for n in splits.features if splits.kinds(n) and splits.kinds(n) <= ORDERED]
    named = [n for n in splits.features if splits.kinds(n) & CATEGORIES and n not in ranked]
    spreads = _spreads(splits, ranked, named)
    target = _target(splits)
    for name in splits.features:
        if not splits.kinds(name) or (name in spreads and not spreads[name].present):
            yield graded(splits.training, "constant_features", 1, f"`{name}` has no value at all in train", column=name)
        elif name in spreads:
            yield from _carries(splits, name, spreads[name])
            yield from _knows(splits, name, spreads[name], target, is_ranked=name in ranked)
    for name in splits.training.id:
        if splits.kinds(name) and splits.kinds(name) <= ORDERED:
            spread = _spreads(splits, [name], [])[name]
            yield from (f for f in _knows(splits, name, spread, target, is_ranked=True) if f.status != "pass")
    for name in named:
        for split in splits.filled[1:]:
            if splits.is_in(name, split) and spreads[name].present:
                yield from _unseen(splits, name, split)


def _spreads(splits: Splits, ranked: list[str], named: list[str]) -> dict[str, Spread]:
    found: dict[str, Spread] = {}
    names = [*ranked, *named]
    for start in range(0, len(names), _CHUNK):
        chunk = names[start : start + _CHUNK]
        asked = ", ".join(_asked(splits, n, n in ranked) for n in chunk)
        (row,) = splits.desk.ask(f"SELECT {asked} FROM {TRAIN}")
        for i, name in enumerate(chunk):
            present, distinct, constant, low, high = row[5 * i : 5 * i + 5]
            found[name] = Spread(present, distinct, bool(constant), low, high)
    return found | _linear(splits, {n: found[n] for n in ranked}) if splits.task == "regression" else found


def _asked(splits: Splits, name: str, is_ranked: bool) -> str:
    value = splits.value(name)
    ends = f"min({splits.double(name)}), max({splits.double(name)})" if is_ranked else "NULL, NULL"
    return f"count({value}), approx_count_distinct({value}), min({value}) = max({value}), {ends}"


def _linear(splits: Splits, spreads: dict[str, Spread]) -> dict[str, Spread]:
    """With the correlation; values are scaled first, that squares of them do not overflow."""
    usable = {n: s for n, s in spreads.items() if s.low is not None and s.high is not None and s.low < s.high}
    if not usable:
        return {}
    scaled = [f"{splits.double(n)} / {max(abs(s.low or 0), abs(s.high or 0))!r}" for n, s in usable.items()]
    label = _scaled_label(splits)
    asked = ", ".join(f"corr({v}, {label})" for v in scaled)
    (row,) = splits.desk.ask(f"SELECT {asked} FROM {TRAIN}")
    return {
        n: Spread(s.present, s.distinct, s.constant, s.low, s.high, 0.0 if r is None or r != r else r * r)
        for (n, s), r in zip(usable.items(), row, strict=True)
    }


def _carries(splits: Splits, name: str, spread: Spread) -> Iterator[Found]:
    rows = splits.rows[TRAIN]
    if spread.constant:
        absent = f" where it is there ({spread.present:,} of {counted(rows, 'row')})" if spread.present < rows else ""
        yield graded(
            splits.training, "constant_features", 1, f"`{name}` is one and the same value{absent}", column=name
        )
    measured = 1 - spread.present / rows
    said = f"`{name}` is missing in {measured:.1%} of train"
    yield graded(splits.training, "missing_values", measured, said, column=name, split=TRAIN)
    if (
        splits.kinds(name) <= TEXTS | INTEGERS
        and spread.present >= _FEWEST_IDS
        and spread.distinct > 0.8 * spread.present
    ):
        ((distinct,),) = splits.desk.ask(f"SELECT count(DISTINCT {splits.value(name)}) FROM {TRAIN}")
        said = f"`{name}` has {distinct:,} values in {spread.present:,} rows: an id? name it with --id"
        yield graded(splits.training, "id_like_features", distinct / spread.present, said, column=name)


def _target(splits: Splits) -> Target:
    label = splits.label
    if splits.task == "regression":
        ((rows,),) = splits.desk.ask(f"SELECT {splits.counted} FROM {TRAIN} WHERE {label} IS NOT NULL")
        return Target(rows, _rank(splits))
    ((rows,),) = splits.desk.ask(
        f"SELECT coalesce(sum(n) - max(n), 0)::BIGINT FROM (SELECT {splits.counted} AS n FROM {TRAIN} "
        f"WHERE {label} IS NOT NULL GROUP BY {label})"
    )
    return Target(rows)


def _knows(splits: Splits, name: str, spread: Spread, target: Target, *, is_ranked: bool) -> Iterator[Found]:
    """The label, from the feature alone, in train."""
    key = _key(splits, name, spread) if is_ranked else splits.value(name)
    exact = not is_ranked or spread.distinct <= _FEW
    if splits.task == "classification":
        measured, missing, same = _of_classes(splits, key, is_ranked, spread.distinct <= _FEW)
    else:
        measured, missing = _of_numbers(splits, key, target.grid, is_ranked, spread.distinct <= _FEW)
        measured, same = max(measured, spread.linear), spread.linear > 1 - 1e-12
    label = splits.training.label
    said = f"`{name}` alone predicts {measured:.1%} of what there is to predict of `{label}`"
    if same and exact:
        said = f"`{name}` is the label `{label}` under another name: every value stands for one"
        measured = 1.0
    yield _leak(splits, "target_leakage", measured, said, name, 0 if same and exact else target.rows)
    said = f"whether `{name}` is missing predicts {missing:.1%} of what there is to predict of `{label}`"
    yield _leak(splits, "missingness_leakage", missing, said, name, target.rows)


def _leak(splits: Splits, kind: str, measured: float, said: str, name: str, rows: int) -> Found:
    """Fails for what is beyond the luck of so few rows, if there are any: a hundred flowers are easily told apart."""
    limit = splits.training.limit(kind).fail
    lucky = rows > 0 and limit is not None and wilson(round(measured * rows), rows, _SURE)[0] <= limit
    return graded(splits.training, kind, measured, said, column=name, split=TRAIN, softly=lucky)


def _key(splits: Splits, name: str, spread: Spread) -> str:
    """SQL of the value; of many values the place in a grid that is fine both linearly and in powers of two, so that
    their order is kept and there are few thousand."""
    value = splits.double(name)
    if spread.distinct <= _FEW or spread.low is None or spread.high is None or spread.low == spread.high:
        return value
    low, high = spread.low, spread.high
    linear = f"floor(({value} / 2 - {low / 2!r}) / {high / 2 - low / 2!r} * {_LINEAR})"
    power_of = f"(floor(log2(abs({value})) * {_OCTAVE}) + {_SPAN // 2})"
    return (
        f"CASE WHEN {value} = 0 THEN {linear} * {2 * _SPAN} + {_SPAN} ELSE {linear} * {2 * _SPAN} + {_SPAN} + "
        f"sign({value}) * {power_of} END"
    )


def _of_classes(splits: Splits, key: str, is_ranked: bool, few: bool) -> tuple[float, float, bool]:
    """Power, power of being missing, and whether the feature is the label renamed. Rows of one group that are alike
    count once: else what is constant in a group predicts the group's label."""
    label = splits.label
    counts = f"SELECT {key} AS k, {label} AS y, {splits.counted} AS n FROM {TRAIN} WHERE y IS NOT NULL GROUP BY k, y"
    if is_ranked or few:
        found = splits.desk.ask(f"{counts} ORDER BY k NULLS LAST, y")
        best = max(power.of_classes(found), power.of_order(power.by_share(found)))
        if is_ranked:
            parts = power.in_parts_of_classes(found)
            best = max(best, power.of_order(found), power.of_classes(parts), power.of_order(power.by_share(parts)))
        return best, power.missingness(found), power.renamed(found)
    major = splits.desk.ask(f"SELECT y, sum(n)::BIGINT AS n FROM ({counts}) GROUP BY y ORDER BY n DESC, y")
    rows, most = sum(n for _, n in major), major[0][1] if major else 0
    absent = splits.desk.ask(f"SELECT k IS NULL, y, sum(n)::BIGINT FROM ({counts}) GROUP BY 1, 2 ORDER BY 1, 2")
    missing = power.missingness([(None if k else 0, y, n) for k, y, n in absent])
    if rows == most:
        return 0.0, missing, False
    ((right,),) = splits.desk.ask(
        "SELECT sum(CASE WHEN t = 1 THEN CASE WHEN w = "
        f"{text(major[0][0])} THEN 1 ELSE 0 END WHEN top[1] - 1 > coalesce(top[2], 0) THEN top[1] ELSE 0 END)::BIGINT "
        f"FROM (SELECT sum(n) AS t, max(n, 2) AS top, arg_max(y, n) AS w FROM ({counts}) GROUP BY k)"
    )
    return max(0.0, (right - most) / (rows - most)), missing, False


def _rank(splits: Splits) -> str:
    """SQL of the label's place in a grid. The table `ranks` has the share of rows below every place, less a half: a few
    huge labels outweigh all others in squares, and none in ranks."""
    name = splits.training.label
    key = _key(splits, name, _spreads(splits, [name], [])[name])
    splits.desk.run(
        "CREATE OR REPLACE TEMP TABLE ranks AS "
        "SELECT g, (sum(n) OVER (ORDER BY g) - n / 2) / sum(n) OVER () - 0.5 AS u "
        f"FROM (SELECT {key} AS g, count(*) AS n FROM {TRAIN} WHERE {splits.label} IS NOT NULL GROUP BY g)"
    )
    return key


def _scaled_label(splits: Splits) -> str:
    """SQL of the label between -1 and 1: squares of it neither overflow nor vanish. NULL where it is nothing but 0."""
    ((scale,),) = splits.desk.ask(f"SELECT max(abs({splits.label})) FROM {TRAIN}")
    return f"({splits.label} / {scale!r})" if scale else "CAST(NULL AS DOUBLE)"


def _of_numbers(splits: Splits, key: str, grid: str, is_ranked: bool, few: bool) -> tuple[float, float]:
    """Of the label as it is, and of its ranks, whichever is predicted better."""
    label = _scaled_label(splits)
    ((mean,),) = splits.desk.ask(f"SELECT avg({label}) FROM {TRAIN}")
    if mean is None:
        return 0.0, 0.0
    z, groups = f"{label} - {mean!r}", splits.training.group
    unit = f", {splits.value(groups[0])} AS w" if groups else ""
    rows = f"(SELECT {key} AS k, {z} AS z, {grid} AS g{unit} FROM {TRAIN} WHERE {splits.label} IS NOT NULL) "
    rows += "JOIN ranks USING (g)"
    if groups:  # rows of one that share a value count once, as in classification
        rows = f"(SELECT k, avg(z) AS z, avg(u) AS u FROM {rows} GROUP BY k, w)"
    sums = f"SELECT k, count(*) AS n, sum(z) AS s, sum(z * z) AS q, sum(u) AS t, sum(u * u) AS p FROM {rows} GROUP BY k"
    if not is_ranked and not few:
        return _of_many(splits, sums)
    found = splits.desk.ask(f"{sums} ORDER BY k NULLS LAST")
    best = missing = 0.0
    for told in ([(k, n, s, q) for k, n, s, q, _, _ in found], [(k, n, t, p) for k, n, _, _, t, p in found]):
        best, missing = max(best, power.of_numbers(told)), max(missing, power.missingness_of_numbers(told))
        if is_ranked:
            best = max(best, power.of_numbers(power.in_parts_of_numbers(told)))
    return best, missing


def _of_many(splits: Splits, sums: str) -> tuple[float, float]:
    """Of more values than are brought here."""
    best = missing = 0.0
    for s, q in (("s", "q"), ("t", "p")):
        ((left, total),) = splits.desk.ask(
            f"SELECT sum(CASE WHEN n = 1 THEN {q} ELSE greatest(0, {q} - {s} * {s} / n) * (n / (n - 1)) ** 2 END), "
            f"sum({q}) FROM ({sums})"
        )
        absent = splits.desk.ask(f"SELECT k IS NULL, sum(n)::BIGINT, sum({s}), sum({q}) FROM ({sums}) GROUP BY 1")
        missing = max(missing, power.missingness_of_numbers([(None if k else 0, *row) for k, *row in absent]))
        best = max(best, 1 - left / total if total else 0.0)
    return best, missing


def _unseen(splits: Splits, name: str, split: str) -> Iterator[Found]:
    """What rare values explain is counted in what is independent: rows, or groups."""
    values, groups = splits.value(name), splits.training.group
    unit = splits.value(groups[0]) if groups else "NULL"
    independent = "count(DISTINCT u)" if groups else "count(*)"
    splits.desk.run(
        "CREATE OR REPLACE TEMP TABLE seen AS SELECT x, count(*) FILTER (s = 0) AS a, count(*) FILTER (s = 1) AS b, "
        f"{independent} FILTER (s = 0) AS ua, {independent} FILTER (s = 1) AS ub "
        f"FROM {splits.stacked([f'{values} AS x', f'{unit} AS u'], (TRAIN, split))} WHERE x IS NOT NULL GROUP BY x"
    )
    ((rows, strange, units, once, total, here, present),) = splits.desk.ask(
        "SELECT coalesce(sum(b) FILTER (a = 0), 0)::BIGINT, count(*) FILTER (a = 0), "
        "coalesce(sum(ub) FILTER (a = 0), 0)::BIGINT, count(*) FILTER (ua = 1), coalesce(sum(ua), 0)::BIGINT, "
        "coalesce(sum(ub), 0)::BIGINT, coalesce(sum(b), 0)::BIGINT FROM seen"
    )
    if here and total:
        sizes = splits.desk.ask("SELECT ua + ub AS n, count(*) FROM seen WHERE n > 0 GROUP BY n")
        excess, beyond = chance.unseen(units, once, sizes, here / (here + total))
        unexplained = max(0.0, excess) * rows / units if units else 0.0
        said = clause(rows, "row", f"of {split} ({rows / present:.2%})", "have")
        said += f" one of {counted(strange, 'value')} of `{name}` that train has not"
        if rows:
            first = splits.desk.ask("SELECT x FROM seen WHERE a = 0 ORDER BY b DESC, x LIMIT 3")
            said += f": {', '.join(splits.shown(name, x) for (x,) in first)}{', ...' if strange > _SHOWN else ''}"
            said += f"; rare values explain about {max(0.0, rows - unexplained):,.0f}"
        found = graded(
            splits.training, "unseen_categories", unexplained / present if beyond or not once else 0.0, said,
            column=name, split=split, rows=rows, softly=split in splits.later or not beyond,
        )  # fmt: skip
        yield replace(found, explained=max(0.0, rows - unexplained))
    if splits.kinds(name) <= TEXTS:
        yield from _words(splits, name, split)
        if split == splits.filled[1]:
            yield _numbers(splits, name)


def _words(splits: Splits, name: str, split: str) -> Iterator[Found]:
    """Of train and the split, whose values are in `seen`."""
    words = ", ".join(map(text, NULL_LIKE))
    found = splits.desk.ask(
        f"SELECT x, a::BIGINT, b::BIGINT FROM seen WHERE lower(trim(x)) IN ({words}) OR trim(x) = '' "
        "ORDER BY a + b DESC, x LIMIT 3"
    )
    counts = [(split, sum(b for _, _, b in found))]
    if split == splits.filled[1]:
        counts.insert(0, (TRAIN, sum(a for _, a, _ in found)))
    for where, rows in counts:
        shown = ", ".join(repr(x) for x, _, _ in found)
        said = clause(rows, "value", f"of `{name}` in {where}", "are") + f" a word for a missing one: {shown}"
        measured = rows / splits.rows[where]
        yield graded(splits.training, "missing_words", measured, said, column=name, split=where, rows=rows)


def _numbers(splits: Splits, name: str) -> Found:
    """Of train: text that is numbers, but for a few words or for their marks. Whole numbers may be names."""
    number = f"regexp_full_match(trim(x), {text(_NUMBER)})"
    ((whole, found, broken),) = splits.desk.ask(
        f"SELECT sum(a), coalesce(sum(a) FILTER ({number}), 0)::BIGINT, "
        f"coalesce(sum(a) FILTER ({number} AND regexp_matches(x, '[.,]')), 0)::BIGINT FROM seen"
    )
    measured = found / int(whole) if whole and broken * 2 > found else 0.0
    said = f"`{name}` is text, and {measured:.1%} of its values in train are numbers"
    if measured < 1:
        others = splits.desk.ask(f"SELECT x FROM seen WHERE NOT {number} ORDER BY a + b DESC, x LIMIT 3")
        said += f"; others are {', '.join(splits.shown(name, x) for (x,) in others)}" if others else ""
    return graded(splits.training, "numbers_as_text", measured, said, column=name, split=TRAIN, rows=found)
