"""What every door calls: the one place that names concrete engines and stores."""

from __future__ import annotations

import logging
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dq import config as configuration
from dq import standing
from dq.catalogue import partition_named
from dq.drift import Difference
from dq.drift import diff as compare
from dq.errors import ContractViolation
from dq.gate import Run, Wanted
from dq.history import History
from dq.ir import document
from dq.ir.check import Suite
from dq.ir.data import Partition, Reading
from dq.ir.positions import Places
from dq.ir.result import CheckResult, Judgement, Verdict
from dq.isolation.pool import Pool
from dq.judge import Asking, Background, held, judge
from dq.opening import is_path, said
from dq.profile import Profile
from dq.profile import document as profile_document
from dq.reach import access_of, brought, brought_too, place, reading_of
from dq.references import referenced
from dq.running import gate_run, new_run_id, published_files, zones_of
from dq.scanning import Scanner
from dq.suite import Semantics, load_contract

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from dq.config import Config
    from dq.ir.contract import Contract
    from dq.plan import Plan
    from dq.profile import Depth
    from dq.reports.gx import ResultFormat
    from dq.scanning import Scanning

EngineName = Literal["auto", "duckdb", "polars"]
log = logging.getLogger("dq")
_GUESS = Reading(delimiter=None)


@dataclass(frozen=True, slots=True)
class Result:
    """Outcome of validating data: nothing was moved. `document` is `dq.result/1`."""

    judgement: Judgement
    document: dict[str, Any]
    result_format: ResultFormat = "SUMMARY"
    places: Places = Places()

    @property
    def success(self) -> bool:
        return self.judgement.verdict is Verdict.PROMOTE

    @property
    def verdict(self) -> str:
        return self.judgement.verdict.value

    @property
    def checks(self) -> tuple[CheckResult, ...]:
        return self.judgement.checks

    def raise_for_failure(self) -> None:
        """Raises ContractViolation naming every reason, unless all blocking checks passed."""
        if not self.success:
            raise ContractViolation("; ".join(f"{r.id}: {r.message}" for r in self.judgement.reasons))

    def to_json(self) -> str:
        from dq.reports.json import render

        return render(self.document)

    def to_gx(self) -> dict[str, Any]:
        """The expectations' results as Great Expectations writes and loads them; without expectations, none."""
        from dq.reports.gx import validation_result

        at, name, form = self.document["decided_at"], self.judgement.source, self.result_format
        return validation_result(self.checks, suite=name, time=at, result_format=form, places=self.places)

    def _repr_html_(self) -> str:
        from dq.reports.html import framed

        return framed(self.document)

    def __repr__(self) -> str:
        from dq.reports.text import render

        return render(self.document)


def validate(
    data: Any, suite: Any, *, now: datetime | None = None, engine: EngineName = "auto",
    limits: configuration.Limits | None = None, semantics: Semantics = "pandas", show: tuple[Any, ...] | None = None,
    result_format: ResultFormat = "SUMMARY", references: Mapping[str, Any] | None = None, config: Config | None = None,
) -> Result:  # fmt: skip
    """Judge data against a contract, or a suite of Great Expectations or pandera; moves and records nothing.
    `semantics` and `result_format` matter to GX only. Files are read in a judge process. `references` says where data
    sets are that the suite compares with, named like `data`; the others are published data of sources of `config`.
    `show` (paths of columns that tell a row) is shown with evidence; then `Result.places` tells every failing row.

    `suite` is a path (`file.py:NAME` of a schema in Python), a contract, or a schema or model of pandera, whose code
    then runs in this process. `data` is a path, a glob, a folder (of a disk, or s3://), published data
    (`dq://SOURCE[/PARTITION][?since=DATE&until=DATE]`) or a list of them, or a frame.
    Raises UsageError for a path that is not there, SuiteError for a suite, StoreError for a file that does not open.
    """
    samples = 200 if result_format == "COMPLETE" else 20
    contract: Contract = load_contract(suite, semantics=semantics, samples=samples, access=access_of(config))
    partition = partition_named(data, contract, config)
    held_to = contract.suite_at(dict(partition.values))
    published = partial(published_files, config=config) if config else None
    with (
        referenced(contract, references or {}, published) as placed,
        brought_too(placed, limits or configuration.Limits(), access_of(config)) as others,
    ):
        every = show is not None or result_format == "COMPLETE"
        asking = Asking(now or datetime.now(UTC), engine, None, others, every, show or ())
        with _scanning(data, partition, limits, asking, config, contract) as (scanning, here):
            scanned = scanning.submit(here, held_to).result()
    judgement = judge(partition, held_to, scanned, Background())
    body = document.result(judgement, landing=partition.key, decided_at=asking.now.isoformat(), run_id=new_run_id())
    return Result(judgement, body, result_format, replace(scanned.places, labels=_labels(data)))


@dataclass(frozen=True, slots=True, repr=False)
class Profiled(Profile):
    """A profile that shows itself: as a table, in a notebook as a page in a frame. `unread`: faults of what it is not
    of."""

    unread: tuple[str, ...] = ()

    @property
    def document(self) -> dict[str, Any]:
        """`dq.profile/1`."""
        return profile_document(self)

    def _repr_html_(self) -> str:
        from dq.reports.html import framed

        return framed(self.document)

    def __repr__(self) -> str:
        from dq.reports.tables import profile as render

        return render(self.document)


class Differences(tuple[Difference, ...]):
    """Gravest first; they show themselves likewise. `document` is `dq.diff/1`."""

    document: dict[str, Any]

    def _repr_html_(self) -> str:
        from dq.reports.html import framed

        return framed(self.document)

    def __repr__(self) -> str:
        from dq.reports.tables import difference as render

        return render(self.document)


def _labels(data: Any) -> tuple[Any, ...] | None:
    """What a frame itself calls its rows."""
    if is_path(data):
        return None
    from dq.engines.frames import labels

    return labels(data)


@contextmanager
def _scanning(
    data: Any, partition: Partition, limits: configuration.Limits | None, asking: Asking, config: Config | None,
    contract: Contract | None,
) -> Iterator[tuple[Scanning, Partition]]:  # fmt: skip
    """What reads the data, and the partition as it is read. Files are read in a judge process, unless the suite is
    `live`: objects with code of this process."""
    limits = limits or configuration.Limits()
    with brought(partition, limits, access_of(config), reading_of(contract)) as here:
        locations, budget = [f.location for f in here.files], limits.budget()
        scanning: Scanning
        if is_path(data) and limits.isolated and not (contract and contract.live):
            scanning = Pool(locations, budget, asking)
        else:
            scanning = Scanner(locations, budget, asking, None if is_path(data) else data)
        with closing(scanning):
            yield scanning, here


def profile(
    data: Any, *, depth: Depth = "full", suite: str | Path | Contract | None = None, now: datetime | None = None,
    engine: EngineName = "auto", limits: configuration.Limits | None = None, config: Config | None = None,
) -> Profiled:  # fmt: skip
    """Completeness, ranges, distribution and top values of every column, as mergeable states. Files are read in a judge
    process.

    Without a suite the dialect of text is guessed from its head, and logged at INFO; faults of files that leave others
    readable are logged as warnings. Raises UsageError where no file can be read, HoldError where reading takes more
    than the limits.
    """
    contract = None if suite is None else load_contract(suite, access=access_of(config))
    found, read, unread = _profiled(data, depth, contract, now, engine, limits, config=config)
    if contract is None and read.format not in (None, "parquet"):
        marks = f", delimiter {read.delimiter!r}, quote {read.quote!r}" if read.format == "csv" else ""
        log.info("read as %s%s, %s", read.format, marks, read.encoding)
    return Profiled(**{one.name: getattr(found, one.name) for one in fields(found)}, unread=unread)


def _profiled(
    data: Any, depth: Depth, contract: Contract | None = None, now: datetime | None = None,
    engine: EngineName = "auto", limits: configuration.Limits | None = None, source: str = "",
    config: Config | None = None,
) -> tuple[Profile, Reading, tuple[str, ...]]:  # fmt: skip
    """The profile, how text was read, and faults that leave it readable."""
    partition = partition_named(data, contract, config)
    held_to = contract.suite_at(dict(partition.values)) if contract else Suite(partition.source, reading=_GUESS)
    asking = Asking(now or datetime.now(UTC), engine)
    with _scanning(data, partition, limits, asking, config, contract) as (scanning, here):
        found, read, faults = scanning.ask("profile", here, held_to, depth, source or partition.source)
    _warn(faults)
    return found, read, faults


def _warn(faults: tuple[str, ...]) -> None:
    for fault in faults:
        log.warning("%s", fault)


def diff(
    a: Any, b: Any, *, suite: str | Path | Contract | None = None, engine: EngineName = "auto",
    config: Config | None = None,
) -> Differences:  # fmt: skip
    """Differences between two data sets or profiles that are neither small nor chance, gravest first."""
    sides: list[tuple[str, Profile]] = [
        (x.source, x) if isinstance(x, Profile) else (said(x), profile(x, suite=suite, engine=engine, config=config))
        for x in (a, b)
    ]
    (_, left), (_, right) = sides
    found = Differences(compare(left, replace(right, source=left.source)))
    one, other = ({"name": name, "rows": side.rows} for name, side in sides)
    found.document = document.difference(one, other, found)
    return found


def explain(
    data: Any, suite: str | Path | Contract, *, engine: EngineName = "auto",
    limits: configuration.Limits | None = None, references: Mapping[str, Any] | None = None,
    config: Config | None = None,
) -> Plan:  # fmt: skip
    """The plan that `validate` would run: opens the data, computes nothing."""
    contract = load_contract(suite, access=access_of(config))
    partition = partition_named(data, contract, config)
    held_to = contract.suite_at(dict(partition.values))
    published = partial(published_files, config=config) if config else None
    with (
        referenced(contract, references or {}, published) as placed,
        brought_too(placed, limits or configuration.Limits(), access_of(config)) as others,
    ):
        asking = Asking(datetime.now(UTC), engine, None, others)
        with _scanning(data, partition, limits, asking, config, contract) as (scanning, here):
            return _planned(scanning, here, held_to)


def explain_landed(source: str, name: str, *, config: Config) -> Plan:
    """The plan that the gate would run for a landed partition, its profile included."""
    with closing(gate_run(source, config, Wanted())) as one:
        partition = standing.landed(one, name)
        suite = one.contract.suite_at(dict(partition.values))
        at, limits = place(one.zones), config.limits
        with _scanning(at, partition, limits, one.asking, config, one.contract) as (scanning, here):
            return _planned(scanning, here, suite)


def _planned(scanning: Scanning, partition: Partition, suite: Suite) -> Plan:
    found: Plan
    found, faults = scanning.ask("plan", partition, suite)
    _warn(faults)
    return found


def gate(
    source: str, *, config: Config | None = None, wanted: Wanted | None = None, now: datetime | None = None
) -> list[dict[str, Any]]:
    """Judge every ready, undecided partition of the source and promote or quarantine it; their `dq.result/1`."""
    return list(gated(gate_run(source, config or configuration.load(), wanted or Wanted(), now)))


def gated(one: Run) -> Generator[dict[str, Any], None, None]:
    """The documents of one run; what it leaves undone is in `one.open` afterwards."""
    from dq.gate import gate as judge_source

    with closing(one):
        yield from judge_source(one)


def gate_named(source: str, name: str, *, config: Config, wanted: Wanted, wait_seconds: float = 0.0) -> dict[str, Any]:
    """The standing decision on one partition, judged now if need be. While it is absent or not ready it is looked at
    again for `wait_seconds`, and tried again after a hold when that is due; then it is a hold that says why."""
    until = time.monotonic() + wait_seconds
    pause = max(0.05, min(10.0, wait_seconds / 20))
    while True:
        one = gate_run(source, config, wanted)
        key = standing.key_of(one, name)
        one = replace(one, wanted=replace(wanted, keys=frozenset({key})))
        documents = list(gated(one))
        found = documents[0] if documents else _absent(one, key)
        tried = one.open.held[-1] if one.open.held else None
        if found["verdict"] != Verdict.HOLD or (tried and tried.parked):
            return found | {"success": found["success"] and not one.open.undelivered}
        seconds = (tried.due - datetime.now(UTC)).total_seconds() if tried and tried.due else pause
        left = until - time.monotonic()
        if left <= 0 or (tried and seconds > left):
            return found
        time.sleep(max(0.0, min(left, seconds)))


def _absent(one: Run, name: str) -> dict[str, Any]:
    judgement = held(Partition(one.contract.source, name), one.contract.suite, "not in landing")
    return document.result(judgement, decided_at=one.moment, run_id=one.run_id)


def look(locations: list[str], source: str, config: Config) -> tuple[Profile, Reading, tuple[str, ...]]:
    """Profile of files nobody has described, how text was read, and faults that leave them readable."""
    return _profiled(locations, "full", limits=config.limits, source=source, config=config)


def published(source: str, *, config: Config | None = None) -> list[str]:
    """Locations of the files that readers of the source see now, in partition order."""
    zones = zones_of(source, config or configuration.load())
    return [f["path"] for f in standing.current(source, zones.curated, History(zones.history))]
