"""All checks of the splits, in the order in which a person wants to know, and the document that tells of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dq.ir.codec import digest, encode, plain
from dq.ir.data import format_path
from dq.pretrain import columns, cut, drifted, entities, issues, labels, near, rows, values
from dq.pretrain.found import EFFECTS, MOST_EVIDENCE, Found, graded
from dq.pretrain.splits import TRAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dq.ir.training import Training
    from dq.pretrain.found import Place
    from dq.pretrain.issues import Suspects
    from dq.pretrain.splits import Splits
    from dq.profile import Profile

_RANK = {"fail": 0, "warn": 1, "skip": 2, "pass": 3}
_SHOWN_COLUMNS = 4


def checked(
    splits: Splits, profiles: Mapping[str, Profile], identical: Iterable[tuple[str, str]], suspects: Suspects | None,
    before: Iterable[Found],
) -> tuple[str, list[Found]]:  # fmt: skip
    """The task, and what was found, gravest first, what is known from `before` included; of a check that passes
    everywhere one line."""
    found = [
        *before,
        *_identical(splits, list(identical)),
        *values.sizes(splits),
        *values.layout(splits),
        *values.unread(splits),
    ]
    if splits.rows[TRAIN]:
        splits = cut.told(replace(splits, task=labels.task_of(splits)))
        for part in (
            rows.check, entities.check, labels.check, columns.check, values.numbers, values.lists, values.weights,
            values.coverage,
        ):  # fmt: skip
            found += part(splits)
        found += drifted.check(splits, profiles)
        if "near_duplicates" in splits.training.also:
            found += near.check(splits)
        if suspects is not None:
            found += issues.check(splits, suspects)
    return splits.task, sorted(_short(found), key=lambda f: _RANK[f.status])


def _identical(splits: Splits, pairs: list[tuple[str, str]]) -> Iterator[Found]:
    for a, b in pairs:
        yield graded(splits.training, "identical_splits", 1, f"{b} is {a}: their files are the same", split=b)
    if not pairs:
        yield Found("identical_splits", "pass", "no split is another one")


def _short(found: list[Found]) -> Iterator[Found]:
    told = {f.kind for f in found if f.status in ("warn", "fail")}
    passed: set[str] = set()
    for one in found:
        if one.status in ("warn", "fail") or (one.kind not in told | passed):
            passed.add(one.kind)
            yield one


def documents(
    found: Iterable[Found], training: Training, evidence: Mapping[Place, dict[str, Any]]
) -> list[dict[str, Any]]:
    """The checks of `dq.pretrain/1`."""
    ids: Counter[str] = Counter()
    told = []
    for one in found:
        name = f"{format_path((one.column,)) if one.column else 'table'}.{one.kind}"
        ids[name] += 1
        limit = training.limit(one.kind)
        told.append(
            {
                "id": name if ids[name] == 1 else f"{name}#{ids[name]}",
                "check": one.kind,
                "column": one.column,
                "split": one.split,
                "status": one.status,
                "measured": plain(one.measured),
                "limit": {"warn": limit.warn, "fail": limit.fail, "lower": limit.lower},
                "rows": one.rows,
                "explained": None if one.explained is None else round(one.explained, 1),
                "message": one.message,
                "effect": EFFECTS[one.kind],
                "evidence": [*(evidence[p] for p in one.places if p in evidence), *_shown(one)],
            }
        )
    return told


def _shown(one: Found) -> Iterator[dict[str, Any]]:
    for row in one.shown:
        cells = {n: None if v is None else str(plain(v)) for n, v in row.values}
        yield {"split": one.split, "file": row.file, "row": row.row, "values": cells}


def evidence(splits: Splits, found: Iterable[Found], landed: Any) -> dict[Place, dict[str, Any]]:
    """Rows to look at, with ids, label and the first features, as far as they may be shown. `landed` tells files and
    lines of rows of text."""
    training = splits.training
    shown = [*training.id, training.label, *(n for n in splits.features if n not in training.id)]
    names = list(dict.fromkeys(shown))[: _SHOWN_COLUMNS + len(training.id)]
    wanted: dict[str, list[Place]] = {}
    for one in found:
        for place in one.places[:MOST_EVIDENCE]:
            wanted.setdefault(place.split, []).append(place)
    told: dict[Place, dict[str, Any]] = {}
    for split, places in wanted.items():
        keys = ", ".join(f"({labels.text(p.file)}, {p.row})" for p in dict.fromkeys(places))
        asked = ", ".join(f"CAST({splits.column(n)} AS VARCHAR)" for n in names)
        numbers = ", ".join(str(p.row) for p in places)
        lines = landed(split, [p.row for p in places])
        for file, row, *cells in splits.desk.ask(
            f"SELECT f, r, {asked} FROM {split} WHERE r IN ({numbers}) AND (f, r) IN ({keys})"
        ):
            place = next(p for p in places if (p.file, p.row) == (file, row))
            pairs = [(format_path((n,)), v) for n, v in zip(names, cells, strict=True)]
            named, line = lines.get(row, (file, row))
            told[place] = {"split": split, "file": named, "row": line, "values": dict(splits.discretion.values(pairs))}
    return told


def profile_id(profile: Profile) -> str:
    """Of the states: the same rows give the same id, wherever they lie and whenever they are read."""
    return digest(encode(replace(profile, source="", partitions=(), now=None, files=0, bytes=0)))


def counts(checks: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    found = Counter(c["status"] for c in checks)
    return {status: found[status] for status in ("pass", "warn", "fail", "skip")}
