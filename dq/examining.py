"""The splits of one training run: opened, profiled, laid side by side, examined. Plain data comes in and goes out."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dq.decide import mended
from dq.discretion import Discretion, marked
from dq.errors import HoldError, SourceChanged, SuiteError, UsageError
from dq.evaluate import structure
from dq.ir.codec import digest
from dq.ir.data import DataFile, Partition, Reading, format_path
from dq.ir.result import Cause, Status
from dq.judge import Asking, Background, judge, peak_memory, run, scan, shape_of
from dq.opening import Engines, TextParser, open_files
from dq.others import Others
from dq.pretrain import record as records
from dq.pretrain.found import Found, graded, skipped
from dq.pretrain.splits import Splits, resolved
from dq.profile import Profile, questions
from dq.profile import profile as collect
from dq.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from dq.engines.base import Dataset
    from dq.engines.duckdb.desk import Desk
    from dq.ir.check import Check, Suite
    from dq.ir.expr import Scalar
    from dq.ir.limits import Budget
    from dq.ir.other import Referenced
    from dq.ir.training import Training
    from dq.pretrain.issues import Suspects


@dataclass(frozen=True, slots=True)
class Given:
    """One split as it was named: `suite` says how it is read, what in it is personal, and what it must be; `keys` are
    what its path says."""

    name: str
    said: str
    files: tuple[DataFile, ...]
    suite: Suite
    keys: tuple[tuple[str, Scalar], ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    given: tuple[Given, ...]
    training: Training
    known: frozenset[str] | None
    engine: str
    now: datetime
    referenced: tuple[Referenced, ...] = ()


@dataclass(slots=True)
class Opened:
    """Splits as Parquet. `landed` says by split where rows lay in text; `unread` counts values that could not be read
    as their declared type; `found` is what was wrong with files, and what the contract says."""

    datasets: dict[str, Dataset] = field(default_factory=dict)
    landed: dict[str, str] = field(default_factory=dict)
    unread: dict[str, dict[str, int]] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)


def examine(request: Request, budget: Budget) -> dict[str, Any]:
    """The document. Reads every byte twice: for the fingerprint, and for the checks."""
    from dq.pretrain import examine as examination

    started = time.perf_counter()
    seen = {f.location: _signature(f) for g in request.given for f in g.files}
    digests = {g.name: [records.digest_of(f) for f in g.files] for g in request.given}
    prints = {name: records.fingerprint(found) for name, found in digests.items()}
    order = list(prints)
    identical = [(a, b) for i, a in enumerate(order) for b in order[i + 1 :] if prints[a] == prints[b]]
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="dq-", dir=budget.temp))
        opened = _opened(request, budget, folder, stack)
        features = resolved(request.training, {n: d.landed for n, d in opened.datasets.items()})
        profiles = _profiles(request, opened.datasets, budget)
        splits, desk = _splits(request, opened, features, profiles, budget, folder)
        stack.callback(desk.close)
        task, found = examination.checked(splits, profiles, identical, _suspects(request.training), opened.found)
        shown = examination.evidence(splits, found, desk.places)
        checks = examination.documents(found, request.training, shown)
    changed = next((path for g in request.given for f in g.files if _signature(f) != seen[path := f.location]), None)
    if changed:
        raise SourceChanged(f"{changed} changed while it was read; run it again")
    return {
        "schema": "dq.pretrain/1",
        "success": not any(c["status"] == "fail" for c in checks),
        "label": request.training.label,
        "task": task,
        "roles": {
            "id": list(request.training.id), "group": list(request.training.group), "time": request.training.time,
            "weight": request.training.weight, "features": list(features),
        },
        "splits": [
            {
                "name": g.name, "data": g.said, "rows": splits.rows[g.name], "bytes": sum(f.bytes for f in g.files),
                "digest": prints[g.name], "profile": examination.profile_id(profiles[g.name]),
                "files": [{"bytes": f.bytes, "digest": d} for f, d in zip(g.files, digests[g.name], strict=True)],
            }
            for g in request.given
        ],
        "counts": examination.counts(checks),
        "checks": checks,
        "suite": request.training.file,
        "suite_digest": digest(replace(request.training, file="", contract=None)),
        "scan": {"seconds": round(time.perf_counter() - started, 6), "peak_memory_bytes": peak_memory()},
        "decided_at": request.now.isoformat(),
    }  # fmt: skip


def _opened(request: Request, budget: Budget, folder: str, stack: ExitStack) -> Opened:
    """Raises UsageError where a split cannot be read at all."""
    opened, others = Opened(), Others(request.referenced, budget)
    stack.callback(others.close)
    for one in request.given:
        places = [*(f.location for f in one.files), folder, *others.locations]
        with closing(TextParser(places, budget)) as parser:
            dataset = open_files(one.files, one.suite.reading, budget, parser)
            told = [f.said for f in dataset.findings]
            if not dataset.readable or dataset.rows is None:
                steps = dict.fromkeys(mended(f.kind) for f in dataset.findings[:3])
                raise UsageError(f"--{one.name} {one.said}: {'; '.join([*told[:3], *steps]) or 'no data'}")
            faults = structure(dataset.findings, allowed=one.suite.malformed, rows=dataset.rows)
            allowed = not any(fault.blocks for fault in faults)
            for message in told:
                said = f"{one.name}: {message}"
                opened.found.append(graded(request.training, "readable", 1, said, split=one.name, softly=allowed))
            opened.found += _held_against_contract(request, one, dataset, others, budget)
            if dataset.table:
                dataset = _kept(one.name, dataset, opened, budget, folder)
        stack.callback(dataset.close)
        opened.datasets[one.name] = dataset
    return opened


def _held_against_contract(
    request: Request, one: Given, dataset: Dataset, others: Others, budget: Budget
) -> Iterator[Found]:
    """What the contract says of the split, whose data stays open. How much there must be of a partition says nothing of
    a part, and what cannot be read has checks of its own. Raises HoldError, SuiteError."""
    checks = tuple(c for c in one.suite.checks if _is_of_parts(c))
    if not checks:
        yield skipped("contract", "no contract is named that it is to keep", one.name)
        return
    suite = replace(one.suite, checks=checks)
    partition = Partition(one.suite.source, one.said, one.keys, one.files)
    asking = Asking(request.now, request.engine, None, request.referenced)
    with closing(Engines(request.engine, budget)) as engines:
        mine = others.join(replace(dataset, close=lambda: None), suite)
        scanned = scan(partition, suite, lambda: mine, asking, engines)
    if scanned.fault:
        kind = SuiteError if scanned.fault.cause is Cause.SUITE else HoldError
        raise kind(f"--{one.name} {one.said}: {scanned.fault.message}")
    results = judge(partition, suite, scanned, Background()).checks
    broken = [r for r in results if r.status in (Status.FAIL, Status.ERROR) and r.metric != "readable"]
    for result in broken:
        said = f"{one.name} breaks `{result.id}` of the contract: {result.message}"
        found = graded(
            request.training, "contract", 1, said, column=result.column, split=one.name, rows=result.failed_rows,
            softly=not result.blocks,
        )  # fmt: skip
        yield replace(found, shown=result.evidence)
    if not broken:
        said = f"{one.name} keeps the contract: {counted(len(results), 'check')}"
        yield graded(request.training, "contract", 0, said, split=one.name)


def _is_of_parts(check: Check) -> bool:
    kind = check.metric
    return kind.dimension != "volume" and kind.name not in ("readable", "same_content", "change")


def _suspects(training: Training) -> Suspects | None:
    if "label_issues" not in training.also:
        return None
    from dq.engines.cleanlab import suspects

    return suspects


def _kept(name: str, dataset: Dataset, opened: Opened, budget: Budget, folder: str) -> Dataset:
    """Text as Parquet."""
    from dq.engines.duckdb import stored

    path, places = os.path.join(folder, f"{name}.parquet"), os.path.join(folder, f"{name}.places.parquet")
    stored.write_parquet(dataset, path)
    stored.write_places(dataset, places)
    opened.unread[name], opened.landed[name] = stored.unread(dataset), places
    dataset.close()
    file = DataFile(f"{name}.parquet", os.path.getsize(path), os.path.realpath(path))
    return open_files((file,), Reading(format="parquet"), budget)


def _profiles(request: Request, datasets: Mapping[str, Dataset], budget: Budget) -> dict[str, Profile]:
    """Core profiles; of a split without rows an empty one."""
    from dq.engines.base import Unreadable
    from dq.plan import plan

    found: dict[str, Profile] = {}
    with closing(Engines(request.engine, budget)) as engines:
        for one in request.given:
            dataset = datasets[one.name]
            if not dataset.rows:
                found[one.name] = Profile(one.name)
                continue
            pii = marked(one.suite, dataset.landed)
            asked = questions(dataset.landed, request.now, "core", pii)
            folded = plan((), asked, shape_of(dataset), request.engine)
            try:
                states = dict(folded.known) | run(folded.passes, dataset, engines)
            except Unreadable as error:
                raise UsageError(f"--{one.name} {one.said}: {error.finding.said}") from None
            answers = {a: states[b] for a, b in folded.bound.items()}
            found[one.name] = collect(one.name, one.said, dataset.landed, answers, dataset.rows, request.now, pii=pii)
    return found


def _splits(
    request: Request, opened: Opened, features: tuple[str, ...], profiles: Mapping[str, Profile], budget: Budget,
    folder: str,
) -> tuple[Splits, Desk]:  # fmt: skip
    from dq.engines.duckdb.desk import Desk

    schemas = {n: d.landed for n, d in opened.datasets.items()}
    names = tuple(dict.fromkeys(n for s in schemas.values() for n in s.names))
    limits = {"threads": budget.threads, "memory_bytes": budget.engine_bytes, "temp_bytes": budget.temp_bytes}
    desk = Desk(opened.datasets, names, folder, opened.landed, **limits)
    personal = frozenset(format_path(c.path) for p in profiles.values() for c in p.columns if c.personal)
    for one in request.given:
        personal |= marked(one.suite, schemas[one.name])
    discretion = Discretion(personal, request.given[0].suite.samples)
    rows = {n: d.rows or 0 for n, d in opened.datasets.items()}
    return (
        Splits(
            desk, request.training, rows, schemas, names, features, unread=opened.unread, known=request.known,
            discretion=discretion,
        ),
        desk,
    )  # fmt: skip


def _signature(file: DataFile) -> tuple[int, int, int] | None:
    try:
        found = os.stat(file.location)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
