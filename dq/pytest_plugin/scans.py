"""One scan per data set, of the checks that were selected, and what it says of each of them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pickle
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import pytest

from dq.errors import UsageError
from dq.opening import is_path, said
from dq.pytest_plugin import sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dq.api import Result
    from dq.ir.check import Check, Suite
    from dq.ir.contract import Contract
    from dq.ir.data import Partition
    from dq.ir.expr import Path as Column
    from dq.ir.result import CheckResult

T = TypeVar("T")
_FIRST = pytest.StashKey[dict[str, str]]()


@dataclass(frozen=True)
class Asked:
    """`data`: as the test module gives it, else None. `ids` of the selected checks; None: all of them."""

    source: str
    contract: Contract
    data: Any = None
    ids: frozenset[str] | None = None


@dataclass(frozen=True)
class How:
    """What the options ask for: the first `rows` rows of every file, only what the schema must be, and what may be
    shown of the data."""

    rows: int | None
    schema_only: bool
    samples: Literal["none", "masked", "full"] | None

    def suite(self, suite: Suite) -> Suite:
        """With no more shown than the contract allows."""
        return replace(suite, samples=min(suite.samples, self.samples or "full", key=sources.SHOWN.index))

    def left_out(self, check: Check) -> str:
        """Why the check is not judged."""
        if self.schema_only and check.metric.dimension != "schema":
            return "only the schema is judged"
        if self.rows and str(check.metric.dimension) == "volume" and check.id != "table.not_empty":
            return f"not judged on the first {self.rows:,} rows of every file"
        return ""


@dataclass(frozen=True)
class Found:
    """`held` are the ids of the suite that holds for the data, `judged` those that were asked for; `left_out` says by
    id why others were not, for which there is an option."""

    result: Result
    held: frozenset[str]
    judged: frozenset[str]
    left_out: Mapping[str, str]

    @property
    def document(self) -> dict[str, Any]:
        return self.result.document


@dataclass(frozen=True)
class Outcome:
    status: Literal["pass", "fail", "warn", "skip"]
    said: str = ""
    result: CheckResult | None = None


def find(asked: Asked, request: pytest.FixtureRequest, fixture: Any) -> Found:
    """Judge the data; under xdist whoever is first does, and the others take what it found. Raises DQError."""
    config = request.config
    data = sources.located(asked.source, asked.contract, asked.data, config, fixture)
    how = How(config.getoption("dq_sample"), config.getoption("dq_schema_only"), sources.shown(config))
    references = {n: p for n in compared(asked.contract) if (p := sources.named(n, config, fixture)) is not None}

    def judge() -> Found:
        return _judged(asked, data, references, config, how)

    folder = _folder(request)
    if folder is None or asked.contract.live or not all(map(is_path, (data, *references.values()))):
        return judge()
    told = repr((asked.source, [s.digest for s in asked.contract.suites], said(data), references, how,
                sorted(asked.ids) if asked.ids is not None else None))  # fmt: skip
    return _shared(folder / _key(told), judge)


def first(name: str, of: str, request: pytest.FixtureRequest) -> str:
    """The name that was said first, by whichever worker of this run."""
    if folder := _folder(request):
        return _shared(folder / _key(of), lambda: name)
    return request.config.stash.setdefault(_FIRST, {}).setdefault(of, name)


def _folder(request: pytest.FixtureRequest) -> Path | None:
    """What the workers of this run share."""
    worker: dict[str, Any] | None = getattr(request.config, "workerinput", None)
    if worker is None:
        return None
    folder: Path = request.getfixturevalue("tmp_path_factory").getbasetemp().parent / f"dq-{worker['testrunuid']}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _key(said: str) -> str:
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def _shared(path: Path, make: Callable[[], T]) -> T:
    """What is kept at the path, made by one process at a time."""
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            kept: T = pickle.loads(path.read_bytes())  # noqa: S301 - of another worker of this run, in its folder
            return kept
        made = make()
        pending = path.with_suffix(".pending")
        pending.write_bytes(pickle.dumps(made))
        os.replace(pending, path)
    return made


def compared(contract: Contract) -> frozenset[str]:
    """Names of the data sets that the contract compares with."""
    return frozenset().union(*(c.metric.references() for s in contract.suites for c in s.checks))


def placed(asked: Asked, data: Any, config: pytest.Config) -> Partition:
    """The data as a partition. Raises Missing where it is not there."""
    from dq.catalogue import partition_named

    settings = sources.settings(config)
    try:
        return partition_named(data, asked.contract, settings)
    except UsageError as error:
        raise sources.Missing(f'no data for source "{asked.source}": {error}') from None


def _judged(asked: Asked, data: Any, references: dict[str, Any], config: pytest.Config, how: How) -> Found:
    from dq.api import validate

    partition, settings = placed(asked, data, config), sources.settings(config)
    suite = how.suite(asked.contract.suite_at(dict(partition.values)))
    held = frozenset(c.id for c in suite.checks)
    left_out = {c.id: why for c in suite.checks if (why := how.left_out(c))}
    judged = (held if asked.ids is None else held & asked.ids) - left_out.keys()
    checks = tuple(c for c in suite.checks if c.id in judged or _accompanies(c, suite, judged))
    contract = replace(asked.contract, suite=replace(suite, checks=checks), versions=())
    named = {n: d for n, d in references.items() if n in compared(contract)}
    with TemporaryDirectory(prefix="dq-sample-") as folder:
        read = data
        if how.rows:
            from dq.pytest_plugin.sampling import sample

            read = sample(data, partition, how.rows, suite.reading, folder, settings)
        result = validate(
            read, contract, engine=settings.engine.name, limits=settings.limits, references=named, config=settings,
            show=keys_of(suite),
        )  # fmt: skip
    result.document.update(landing=said(data), source=asked.source)
    asked_for = judged | (asked.ids or held) - held
    return Found(result, held, asked_for, left_out)


def keys_of(suite: Suite) -> tuple[Column, ...]:
    """The columns by which a person finds a row: the smallest key that the suite knows."""
    keys = [tuple(sorted(c.metric.paths())) for c in suite.checks if c.metric.name == "unique"]
    return min(keys, key=len, default=())


def _accompanies(check: Check, suite: Suite, judged: frozenset[str]) -> bool:
    """Without it another check would be skipped for a fault that nobody tells: no rows, no such column."""
    if check.id == "table.not_empty":
        return True
    columns = set().union(*(_columns(c) for c in suite.checks if c.id in judged))
    return check.metric.name == "column_present" and check.column is not None and _top(check.column) in columns


def _columns(check: Check) -> set[str]:
    """The columns that a check is of, and those that it reads."""
    return {p[0] for p in check.metric.paths()} | ({_top(check.column)} if check.column else set())


def _top(column: str) -> str:
    from dq.ir.data import parse_path

    return parse_path(column)[0]


def outcome(found: Found, identity: str, check: Check | None) -> Outcome:
    """Of one check. What was not judged for a fault that no other selected check tells is a failure."""
    from dq.ir.check import Severity
    from dq.ir.result import Status

    results = {r.id: r for r in found.result.checks}
    if not results:
        told = "; ".join(f"{r.message}; {r.next}" for r in found.result.judgement.reasons)
        return Outcome("fail", f"could not be judged: {told}")
    unread = [r for r in results.values() if r.metric == "readable" and r.column is None and r.status is Status.FAIL]
    broken = [r for r in unread if r.blocks]
    if check is None:
        if not unread:
            return Outcome("pass")
        worst = broken or unread
        return Outcome("fail" if broken else "warn", "; ".join(r.message for r in worst), worst[0])
    own = results.get(identity)
    behind = [r for r in _behind(broken, results.values(), check) if r.id != identity]
    if own is not None and own.status is Status.PASS and not behind:
        return Outcome("pass", "", own)
    if own is not None and own.status in (Status.FAIL, Status.ERROR):
        judged = own.message if own.status is Status.FAIL else f"could not be judged: {own.message}"
        return Outcome("warn" if own.severity is Severity.WARN else "fail", judged, own)
    untold = next((r for r in behind if r.id not in _told(found)), None)
    if untold is not None:
        return Outcome("fail", f"not judged, since {untold.id}: {untold.message}", untold)
    if own is not None or behind:
        return Outcome("skip", own.message if own and own.message else behind[0].message, own)
    return _absent(found, identity, check)


def _told(found: Found) -> frozenset[str]:
    """Results that have a test of their own in this run."""
    structural = {r.id for r in found.result.checks if r.metric == "readable" and r.column is None}
    return found.judged | (structural if "table.readable" in found.judged else set())


def _behind(broken: list[CheckResult], results: Iterable[CheckResult], check: Check) -> list[CheckResult]:
    """Faults for which a check may have been skipped."""
    columns = _columns(check)
    missing = [r for r in results if r.blocks and r.metric == "column_present" and _top(r.column or "") in columns]
    return [*broken, *missing, *(r for r in results if r.blocks and r.id == "table.not_empty")]


def _absent(found: Found, identity: str, check: Check) -> Outcome:
    """Of a check that was not asked of this data."""
    if identity not in found.held:
        return Outcome("skip", "asked of other partitions")
    if identity in found.left_out:
        return Outcome("skip", found.left_out[identity])
    landed = found.result.judgement.schema.names
    if check.metric.name == "readable" and check.column and _top(check.column) in landed:
        return Outcome("pass")  # typed already: there is no text that could not be read
    return Outcome("skip", f"{check.column or 'its column'} is optional and did not land")
