"""Split a partition that fails by rows alone: good rows are published, the others withheld with the rules they broke.

What is withheld is told by the bytes and the suite, so a split that was decided is made again, byte for byte, by
whoever finishes it. The good rows are read back and judged like anything that landed; unless they pass, and all rows
that were read are in one of the parts, nothing is split.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from fractions import Fraction
from heapq import merge
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dq import inventory
from dq.engines.base import Indivisible, Unreadable
from dq.errors import HoldError
from dq.evaluate import percent
from dq.ir.data import DataFile
from dq.ir.positions import FileSplit, Parts, PositionsState, Selection, packed, unpacked
from dq.ir.result import Cause, Judgement, Reason, Split, Status, Verdict
from dq.judge import fitted, judge, run, shape_of
from dq.plan import bind, passes_over

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dq.engines.base import Dataset, Engine, Parted
    from dq.ir.check import Suite
    from dq.ir.data import Partition
    from dq.ir.result import Decision
    from dq.judge import Asking, Background, Scanned
    from dq.profile import Profile


class Divider(Protocol):
    """Reads and writes for a split. Raises Indivisible where the partition cannot be split, HoldError where we fail."""

    def select(self, partition: Partition, suite: Suite, ids: frozenset[str], most_ratio: float) -> Selection: ...

    def part(self, partition: Partition, selection: Selection) -> Parts: ...

    def scan(self, partition: Partition, suite: Suite) -> Scanned: ...


def divide(
    partition: Partition, suite: Suite, judgement: Judgement, most_ratio: float, divider: Divider,
    background: Callable[[Partition, Profile | None], Background],
) -> tuple[Judgement, Scanned | None]:  # fmt: skip
    """The judgement that promotes the good rows, with their scan; or the one that quarantines all, and why.

    `background` is what a partition with these files and this profile is compared with. Raises HoldError where a row
    went missing.
    """
    try:
        selection = divider.select(partition, suite, _failing(suite, judgement, most_ratio), most_ratio)
        parts = divider.part(partition, selection)
        good = partition.with_files(parts.good, inventory.identity(parts.good))
        scanned = divider.scan(good, suite)
        alone = judge(good, suite, scanned, background(good, scanned.profile))
        _agree(judgement, alone, selection, parts)
    except Indivisible as why:
        return whole(judgement, str(why)), None
    if alone.verdict is Verdict.HOLD:
        raise HoldError("; ".join(r.message for r in alone.reasons))
    return replace(judgement, verdict=Verdict.PROMOTE, split=_told(alone, parts, selection)), scanned


def _failing(suite: Suite, judgement: Judgement, most_ratio: float) -> frozenset[str]:
    """Ids of the blocking checks that failed by single rows. Raises Indivisible where one failed by the whole, or by
    too many rows alone. Records that could not be read are located by their reader."""
    by_row = {c.id for c in suite.checks if c.metric.failing() is not None}
    unread = [r for r in judgement.checks if r.metric == "readable" and r.column is None and r.failed_rows]
    blocking = [r for r in judgement.checks if r.blocks]
    rejected = [r for r in blocking if r.metric == "readable" and r.column is None]
    if rejected and suite.malformed:
        raise Indivisible(f"{rejected[0].id}: more than {suite.malformed} of the records are malformed")
    failed = [r for r in blocking if r not in rejected]
    for result in failed:
        if result.id not in by_row or result.failed_rows is None or result.status is not Status.FAIL:
            raise Indivisible(f"{result.id} judges the whole partition")
    total = (judgement.rows or 0) + sum(r.failed_rows or 0 for r in unread)
    for result in failed:
        if (result.failed_rows or 0) > _most(total, most_ratio):
            raise _many(result.failed_rows or 0, total, most_ratio)
    return frozenset(r.id for r in failed)


def _most(total: int, ratio: float) -> int:
    return int(Fraction(str(ratio)) * total)


def _many(count: int, total: int, most_ratio: float) -> Indivisible:
    return Indivisible(
        f"{percent(count, total)} of the rows are bad, at most {percent(most_ratio, 1)} may be split off"
    )


def whole(judgement: Judgement, why: str) -> Judgement:
    """The quarantine of all rows, with the reason why it is no split."""
    reason = Reason(Cause.DATA, "table.split", f"not split: {why}", "" if judgement.reasons else "land it again whole")
    return replace(judgement, verdict=Verdict.QUARANTINE, reasons=(*judgement.reasons, reason))


def _agree(judgement: Judgement, alone: Judgement, selection: Selection, parts: Parts) -> None:
    """Every row that was read is in one of the parts, or nothing is decided. Raises Indivisible where the good rows do
    not pass by themselves."""
    if alone.verdict is Verdict.QUARANTINE:
        said = ", ".join(r.id for r in alone.reasons)
        raise Indivisible(f"the other rows by themselves fail too ({said})")
    withheld = selection.bad + selection.rejected
    if alone.verdict is Verdict.PROMOTE and (
        parts.records != withheld or (judgement.rows or 0) != (alone.rows or 0) + selection.bad
    ):
        raise HoldError(
            f"split: {judgement.rows} rows were read, {alone.rows} are left and {selection.bad} withheld: nothing is"
            " decided"
        )
    if not judgement.schema.inferred and judgement.schema != alone.schema:
        raise Indivisible("the good rows would be written with another schema")


def _told(alone: Judgement, parts: Parts, selection: Selection) -> Split:
    return Split(
        digest=alone.digest,
        files=tuple(replace(f, location="", signature="") for f in alone.files),
        rows=alone.rows or 0,
        checks=alone.checks,
        schema=alone.schema,
        withheld=tuple(replace(f, location="") for f in parts.withheld),
        bad=selection.bad,
        rejected=selection.rejected,
        selection=selection,
    )


def select(
    suite: Suite,
    dataset: Dataset,
    ids: frozenset[str],
    most_ratio: float,
    asking: Asking,
    engines: Mapping[str, Engine],
) -> Selection:
    """The rows that fail the checks, and the records that could not be read. Raises Indivisible where they are more
    than the share of the rows, or have no place of their own."""
    rejected = dataset.lay_out({}) if dataset.findings else ()
    count = sum(len(unpacked(p)) for f in rejected for _, p in f.rules)
    total = (dataset.rows or 0) + count
    most = _most(total, most_ratio)
    counted = 0 if suite.malformed else count  # what is allowed to be malformed has a bound of its own
    if counted > most:
        raise _many(counted, total, most_ratio)
    shape = shape_of(dataset, asking.now)
    checks = fitted((c for c in suite.checks if c.id in ids), shape.schema)
    asked = {c.id: bind(question, shape) for c in checks if (question := c.metric.failing(most)) is not None}
    try:
        states = run(passes_over(dict.fromkeys(asked.values()), shape, asking.engine), dataset, engines)
    except Unreadable as error:
        raise Indivisible(error.finding.message) from None
    found: dict[str, PositionsState] = {k: states[a] for k, a in asked.items()}
    if any(state.over for state in found.values()):
        raise Indivisible("more rows fail than were counted")
    files = _files(dataset, found)
    bad = sum(len(_union(f.rules)) // 8 for f in files) - count
    if bad + counted > most:
        raise _many(bad + counted, total, most_ratio)
    return Selection(files, bad, count)


def _files(dataset: Dataset, found: Mapping[str, PositionsState]) -> tuple[FileSplit, ...]:
    """By file what is withheld; files without a bad row are left out."""
    rules: dict[str, list[tuple[str, bytes]]] = {}
    for identity, state in found.items():
        for path, positions in state.files:
            rules.setdefault(path, []).append((identity, positions))
    if not dataset.table:
        return tuple(FileSplit(path, tuple(own)) for path, own in sorted(rules.items()))
    bad = {path: _union(own) for path, own in rules.items()}
    laid = (replace(f, rules=(*rules.get(f.path, ()), *f.rules)) for f in dataset.lay_out(bad))
    return tuple(f for f in laid if f.rules)


def _union(rules: Iterable[tuple[str, bytes]]) -> bytes:
    """Packed positions of all rules, each once."""
    return packed(position for position, _ in groupby(merge(*(unpacked(positions) for _, positions in rules))))


def part(
    partition: Partition, selection: Selection, room: Path,
    parting: Callable[[DataFile, FileSplit, str, str, str], Parted],
) -> Parts:  # fmt: skip
    """Write both parts of every file with bad rows below `room`: `good/`, and `rows/` with what they broke in `rules/`
    where it is no column. Raises Indivisible, EngineError."""
    splits = {f.path: f for f in selection.files}
    good: list[DataFile] = []
    withheld: list[DataFile] = []
    records = 0
    for file in partition.files:
        if file.path not in splits:
            good.append(file)
            continue
        kept, bad, rules = room / "good" / file.path, room / "rows" / file.path, room / "rules" / f"{file.path}.ndjson"
        for target in (kept, bad, rules):
            target.parent.mkdir(parents=True, exist_ok=True)
        parted = parting(file, splits[file.path], str(kept), str(bad), str(rules))
        records += parted.withheld
        if parted.kept:
            good.append(_written(file.path, kept))
        withheld += [_written(str(p.relative_to(room)), p) for p in (bad, rules) if p.exists()]
    if not good:
        raise Indivisible("no row is good")
    return Parts(tuple(good), tuple(withheld), records)


def again(partition: Partition, decision: Decision, selection: Selection | None, divider: Divider) -> Parts:
    """The parts that a split was decided on, written anew where they are gone. Raises HoldError where that fails."""
    said = f"{decision.source} {decision.partition}: its split cannot be made again"
    if selection is None:
        raise HoldError(f"{said}: history holds no selection of it; judge it anew with --again")
    try:
        parts = divider.part(partition, selection)
    except Indivisible as why:
        raise HoldError(f"{said}: {why}") from None
    if _digests(parts.good) != _digests(decision.published) or _digests(parts.withheld) != _digests(decision.withheld):
        raise HoldError(f"{said} as it was decided; judge it anew with --again")
    return parts


def _digests(files: tuple[DataFile, ...]) -> list[tuple[str, str]]:
    return [(f.path, f.digest) for f in files]


def _written(name: str, path: Path) -> DataFile:
    with open(path, "rb") as stream:
        return DataFile(name, os.path.getsize(path), str(path), "", hashlib.file_digest(stream, "sha256").hexdigest())
