"""What every door calls: the one place that names concrete engines and stores."""

from __future__ import annotations

import glob
import os
import tempfile
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq import config as configuration
from dq.engines.base import Dataset
from dq.errors import ContractViolation, SuiteError, UsageError, nearest
from dq.gate import Run, Wanted, Zones
from dq.history import History
from dq.inventory import identity
from dq.ir import document
from dq.ir.check import Suite
from dq.ir.contract import Contract
from dq.ir.data import DataFile, Finding, Partition, Reading, Schema
from dq.ir.result import CheckResult, Judgement, Verdict
from dq.judge import Asking, Background, judge, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq.config import Config
    from dq.plan import Plan
    from dq.profile import Profile

FORMATS = {
    ".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".json": "json",
    ".ndjson": "ndjson", ".jsonl": "ndjson",
}  # fmt: skip
COMPRESSIONS = (".gz", ".zst")


@dataclass(frozen=True, slots=True)
class Result:
    """Outcome of validating data: nothing was moved. `document` is `dq.result/1`."""

    judgement: Judgement
    document: dict[str, Any]

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

    def __repr__(self) -> str:
        from dq.reports.text import render

        return render(self.document)


def validate(data: Any, suite: str | Path | Contract, *, now: datetime | None = None, engine: str = "auto") -> Result:
    """Judge data against a contract; moves and records nothing.

    `data` is a path, a glob, a folder or a list of them, or a Polars, Arrow, pandas or DuckDB frame. Raises UsageError
    for a path that is not there, SuiteError for a suite that cannot be read.
    """
    contract = suite if isinstance(suite, Contract) else load_contract(suite)
    partition, reading_keys = _partition(data, contract)
    held = contract.suite_at(dict(partition.values))
    asking = _asking(now, engine, depth=None)
    judgement, _ = judge(partition, held, lambda: _open(data, partition, held, reading_keys), Background(), asking)
    body = document.result(judgement, landing=_said(data), decided_at=asking.now.isoformat(), run_id=new_run_id())
    return Result(judgement, body)


def profile(
    data: Any, *, depth: str = "full", suite: str | Path | Contract | None = None, now: datetime | None = None,
    engine: str = "auto",
) -> Profile:  # fmt: skip
    """Completeness, ranges, distribution and top values of every column, as mergeable states.

    Without a suite the dialect of text is guessed from its head and said in `profile.dialect`; raises UsageError where
    no file can be read.
    """
    from dq.profile import profile as collect
    from dq.profile import questions

    contract = None if suite is None else suite if isinstance(suite, Contract) else load_contract(suite)
    partition, keys = _partition(data, contract)
    held = contract.suite_at(dict(partition.values)) if contract else Suite(partition.source, reading=_GUESS)
    asking = _asking(now, engine, depth)
    dataset = _open(data, partition, held, keys)
    try:
        if not dataset.readable or dataset.rows is None:
            raise UsageError("; ".join(f"{f.file}: {f.kind}: {f.message}" for f in dataset.findings) or "no data")
        from dq.judge import run, shape_of
        from dq.plan import plan

        folded = plan((), questions(dataset.schema, asking.now, depth), shape_of(dataset), engine)
        states = dict(folded.known) | run(folded.passes, dataset, asking.engines)
        answers = {a: states[b] for a, b in folded.bound.items()}
        return collect(partition.source, partition.key, dataset.schema, answers, dataset.rows, asking.now, depth)
    finally:
        dataset.close()


def diff(a: Any, b: Any, *, suite: str | Path | Contract | None = None, engine: str = "auto") -> tuple[Any, ...]:
    """Ranked differences between two data sets or profiles."""
    from dq.drift import diff as compare
    from dq.profile import Profile

    left, right = (x if isinstance(x, Profile) else profile(x, suite=suite, engine=engine) for x in (a, b))
    return compare(left, right)


def explain(data: Any, suite: str | Path | Contract, *, engine: str = "auto") -> Plan:
    """The plan that `validate` would run: opens the data, computes nothing."""
    contract = suite if isinstance(suite, Contract) else load_contract(suite)
    partition, keys = _partition(data, contract)
    held = contract.suite_at(dict(partition.values))
    dataset = _open(data, partition, held, keys)
    try:
        return prepare(dataset, held, _asking(None, engine, "core"))[2]
    finally:
        dataset.close()


def gate(
    source: str, *, config: Config | None = None, wanted: Wanted | None = None, now: datetime | None = None
) -> Iterator[dict[str, Any]]:
    """Judge every ready, undecided partition of the source and promote or quarantine it; yields `dq.result/1`."""
    from dq.gate import gate as judge_source

    return judge_source(gate_run(source, config or configuration.load(), wanted or Wanted(), now))


def published(source: str, *, config: Config | None = None) -> list[str]:
    """Locations of the files that readers of the source see now, in partition order."""
    config = config or configuration.load()
    if config.zones.curated is None:
        raise UsageError("no curated zone is configured: nothing is published")
    curated = store(config.zones.curated)
    found = []
    for commits in History(store(config.zones.history)).publications(source).values():
        newest = commits[-1]
        single = curated.stat(newest.path) is not None
        found += [curated.location(newest.path if single else f"{newest.path}/{f.path}") for f in newest.files]
    return sorted(found)


def gate_run(source: str, config: Config, wanted: Wanted, now: datetime | None = None) -> Run:
    contract = contract_of(source, config)
    zones = zones_of(source, config)
    if not Path(zones.landing.location(zones.prefix)).is_dir():
        raise UsageError(f"{zones.landing.location(zones.prefix)}: no landing folder for source {source}")
    asking = _asking(now, config.engine.name, "core", config)

    def open_data(partition: Partition, suite: Suite) -> Dataset:
        return open_files(partition.files, replace(suite.reading, keys=partition.values))

    return Run(contract, zones, History(zones.history), open_data, asking, new_run_id(), wanted)


def zones_of(source: str, config: Config) -> Zones:
    own = config.sources.get(source)
    landing, prefix = (own.landing, "") if own and own.landing else (config.zones.landing, source)
    curated = store(config.zones.curated) if config.zones.curated else None
    return Zones(
        store(landing), prefix, store(config.zones.history), store(config.zones.quarantine), curated
    )  # fmt: skip


def sources(config: Config) -> list[str]:
    """Sources that have a contract, by name."""
    folder = Path(config.suites)
    if not folder.is_dir():
        raise UsageError(f"{folder}: no folder of contracts (dq init PATH writes a first one)")
    return sorted(f.stem for f in folder.glob("*.yaml"))


def contract_of(source: str, config: Config) -> Contract:
    file = Path(config.suites) / f"{source}.yaml"
    if not file.is_file():
        known = sources(config)
        raise UsageError(f"{file}: no contract for source {source}{nearest(source, known)}; there are {known}")
    contract = load_contract(file)
    if contract.source != source:
        raise SuiteError(f'source: is "{contract.source}", the file is named after "{source}"', file=str(file))
    return contract


def load_contract(path: str | Path) -> Contract:
    """Raises UsageError when the file is not there, SuiteError when it cannot be read."""
    from dq.dialects.contract import load

    try:
        return load(Path(path).read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise SuiteError(f"not UTF-8 at byte {error.start}", file=str(path)) from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


@cache
def store(url: str) -> Any:
    """The store that serves a path or URL. Raises ConfigError on a scheme nobody serves."""
    from dq.errors import ConfigError
    from dq.stores import STORES

    scheme, found, _ = url.partition("://")
    name = STORES.get(scheme if found else "file")
    if name is None:
        raise ConfigError(f"{url}: no store for {scheme}://; known are {', '.join(STORES)}")
    return _attribute(name)(url)


def new_run_id() -> str:
    return uuid.uuid4().hex[:12]


def _attribute(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


class _Engines(dict[str, Any]):
    """Engines by name, made when first asked for."""

    def __init__(self, threads: int | None, memory_bytes: int | None, temp: str | None) -> None:
        super().__init__()
        self.limits = {"threads": threads, "memory_bytes": memory_bytes, "temp": temp}

    def __missing__(self, name: str) -> Any:
        from dq.engines import ENGINES

        if name not in ENGINES:
            raise UsageError(f'no engine "{name}"{nearest(name, ENGINES)}; there are auto, {", ".join(ENGINES)}')
        self[name] = _attribute(ENGINES[name])(**self.limits)
        return self[name]


def _asking(now: datetime | None, engine: str, depth: str | None, config: Config | None = None) -> Asking:
    limits = config.limits if config else configuration.Limits()
    engines = _Engines(limits.threads, limits.memory_bytes, limits.temp)
    return Asking(engines, now or datetime.now(UTC), engine, depth)


_GUESS = Reading(delimiter=None)


def _partition(data: Any, contract: Contract | None) -> tuple[Partition, tuple[Any, ...]]:
    """The data as a partition, keyed by the contract's layout where its path fits."""
    source = contract.source if contract else "data"
    if not _is_path(data):
        return Partition(source, ""), ()
    files = find_files(data)
    values: tuple[Any, ...] = ()
    if contract and contract.layout:
        values = _path_keys(contract.layout, files)
    hashed = tuple(replace(f, digest=_sha256(f.location)) for f in files)
    return Partition(source, _said(data), values, hashed, digest=identity(hashed)), values


def _path_keys(layout: str, files: tuple[DataFile, ...]) -> tuple[Any, ...]:
    """Key values where the end of every file's path fits the layout and all files agree."""
    from dq.ir.layout import parse_layout

    parsed = parse_layout(layout)
    found = set()
    for file in files:
        parts = Path(file.location).parts
        tails = (parts[-n:] for n in range(1, len(parts) + 1))
        match = next((m for tail in tails if (m := parsed.match(tuple(tail))) is not None), None)
        found.add(tuple(match.items()) if match else None)
    return next(iter(found)) or () if len(found) == 1 else ()


def _is_path(data: Any) -> bool:
    return isinstance(data, (str, Path)) or (
        isinstance(data, (list, tuple)) and bool(data) and all(isinstance(d, (str, Path)) for d in data)
    )


def _said(data: Any) -> str:
    if not _is_path(data):
        return type(data).__name__
    return str(data) if isinstance(data, (str, Path)) else ", ".join(map(str, data))


def find_files(data: Any) -> tuple[DataFile, ...]:
    """Data files at paths, globs and folders, sorted. Raises UsageError where one names nothing."""
    from dq.inventory import is_data

    found: dict[str, DataFile] = {}
    for one in [data] if isinstance(data, (str, Path)) else data:
        text = str(one)
        if os.path.isdir(text):
            names = [e.path for e in store(text).list() if is_data(e.path, e.bytes)]
            base = {os.path.join(text, n): n for n in names}
        elif os.path.lexists(text):
            base = {text: os.path.basename(text)}
        else:
            base = {n: n for n in sorted(glob.glob(text, recursive=True)) if os.path.isfile(n)}
        if not base:
            raise UsageError(f"{text}: no such file, folder or pattern with data files in it")
        for path, name in base.items():
            try:
                size = os.stat(path).st_size
                with open(path, "rb"):
                    pass
            except OSError as error:
                raise UsageError(f"{path}: {error.strerror}") from None
            found[path] = DataFile(name, size, os.path.abspath(path))
    return tuple(found[p] for p in sorted(found))


def _sha256(location: str) -> str:
    path = Path(location)
    return str(store(str(path.parent)).digest(path.name))


def _open(data: Any, partition: Partition, suite: Suite, keys: tuple[Any, ...]) -> Dataset:
    if _is_path(data):
        return open_files(partition.files, replace(suite.reading, keys=keys))
    from dq.engines.frames import open_frame

    return open_frame(data, suite.reading)


def open_files(files: tuple[DataFile, ...], reading: Reading) -> Dataset:
    """Open files of one format; what cannot be opened is a finding of the dataset, not an exception."""
    formats = {reading.format or _format(f) for f in files}
    if len(formats) > 1 or None in formats:
        odd = next((f for f in files if _format(f) is None), files[0])
        kind = "unknown_format" if None in formats else "mixed_formats"
        names = ", ".join(sorted(f or "unknown" for f in formats))
        message = f"files are {names}; name one `format` in the contract"
        return Dataset(Schema(), findings=(Finding(kind, message, odd.path),), bytes=sum(f.bytes for f in files))
    if formats == {"parquet"}:
        from dq.engines.parquet import open_parquet

        return open_parquet(files, reading)
    from dq.engines.duckdb.text import open_text

    return open_text(files, replace(reading, format=formats.pop()), temp=tempfile.gettempdir())


def _format(file: DataFile) -> str | None:
    """By extension, else by content."""
    name = file.location.lower()
    for compression in COMPRESSIONS:
        name = name.removesuffix(compression)
    known = FORMATS.get(os.path.splitext(name)[1])
    if known:
        return known
    with open(file.location, "rb") as opened:
        return "parquet" if opened.read(4) == b"PAR1" else None
