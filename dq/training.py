"""`dq.pretrain` and `dq.require_validated`: splits found, examined in a process of their own, and kept in a record."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq import config as configuration
from dq.catalogue import is_published, published
from dq.errors import ContractViolation, UsageError, nearest
from dq.examining import Given, Request, examine
from dq.ir.check import Suite
from dq.ir.data import DataFile, Partition, Reading
from dq.ir.training import OPTIONAL, Training
from dq.opening import is_path, partition_of, said
from dq.pretrain import record as records
from dq.pretrain.splits import TRAIN
from dq.reach import access_of, brought, brought_too
from dq.references import referenced
from dq.running import new_run_id, published_files
from dq.shelf import read_text
from dq.spool import is_remote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dq.ir.contract import Contract
    from dq.stores.s3.access import Access

_NAMES = {
    TRAIN: ("train", "training"), "val": ("val", "valid", "validation", "dev", "eval"),
    "test": ("test", "testing", "holdout"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Checked:
    """Outcome of the checks before training. `document` is `dq.pretrain/1`."""

    document: dict[str, Any]

    @property
    def success(self) -> bool:
        return bool(self.document["success"])

    @property
    def checks(self) -> list[dict[str, Any]]:
        return list(self.document["checks"])

    def raise_for_failure(self) -> None:
        """Raises ContractViolation naming every check that failed."""
        if not self.success:
            raise ContractViolation(
                "; ".join(f"{c['id']}: {c['message']}" for c in self.checks if c["status"] == "fail")
            )

    def to_json(self) -> str:
        from dq.reports.json import render

        return render(self.document)

    def _repr_html_(self) -> str:
        from dq.reports.html import framed

        return framed(self.document)

    def __repr__(self) -> str:
        from dq.reports.training import render

        return render(self.document)


def pretrain(
    train: Any, *, val: Any = None, test: Any = None, label: str = "", id: str | Sequence[str] = (),  # noqa: A002
    group: str | Sequence[str] = (), time: str | None = None, weight: str | None = None,
    features: str | Sequence[str] = (), task: str | None = None, also: str | Sequence[str] = (),
    suite: str | Path | Contract | Training | None = None, out: str | Path | None = None, engine: str = "auto",
    limits: configuration.Limits | None = None, config: configuration.Config | None = None, now: datetime | None = None,
) -> Checked:  # fmt: skip
    """Check splits against each other before a training run; moves nothing, and records only at `out`.

    `suite` is `<model>.pretrain.yaml`, whose roles the other arguments overrule, or a contract: it says how text is
    read, and what each split must be. `also` are checks that are made only if asked for: near_duplicates, label_issues
    (extra cleanlab). A split is a path, a glob, a folder, a list of them, a frame, or published data:
    `dq://SOURCE?since=2026-01-01&until=2026-02-28`. Raises UsageError where a split or a column is not there,
    SuiteError, StoreError.
    """
    limits = limits or (config.limits if config else configuration.Limits())
    budget = limits.budget()
    training, contract = _suite(suite, access_of(config))
    training = _overruled(training, label, id, group, time, weight, features, task, also)
    data = {n: d for n, d in ((TRAIN, train), ("val", val), ("test", test)) if d is not None}
    if len(data) == 1:
        raise UsageError("train is compared with nothing: name --test, --val, or both")
    with ExitStack() as stack:
        given = tuple(_given(n, d, contract, config, stack) for n, d in data.items())
        _apart(given)
        given = tuple(_here(one, limits, config, stack) for one in given)
        known = frozenset(c.name for c in contract.suite_at({}).columns) if contract else None
        published = partial(published_files, config=config) if config else None
        placed = stack.enter_context(referenced(contract, {}, published)) if contract else ()
        others = stack.enter_context(brought_too(placed, limits, access_of(config)))
        request = Request(given, training, known, engine, now or datetime.now(UTC), others)
        live = contract is not None and contract.live
        if limits.isolated and not live and any(is_path(d) for d in data.values()):
            from dq.isolation.apart import work

            document = work("dq.examining:examine", request, budget)
        else:
            document = examine(request, budget)
    document |= {"run_id": new_run_id()}
    if out is not None:
        _write(out, document)
    return Checked(document)


def require_validated(data: Any, *, record: str | Path = records.FILE, split: str | None = None) -> str:
    """The split of the record that the data is, byte by byte, whatever its files are called and wherever they lie.

    Raises ContractViolation where it is none (or not `split`), or where the record says that the checks failed.
    """
    found = records.read(record)
    with ExitStack() as stack:
        given = _here(_given("data", data, None, None, stack), configuration.Limits(), None, stack)
        digests = [records.digest_of(f) for f in given.files]
    return records.held_against(found, digests, given.said, str(record), split)


def _suite(suite: Any, access: Access | None) -> tuple[Training, Contract | None]:
    from dq.dialects import training as dialect
    from dq.suite import load_contract

    if suite is None or isinstance(suite, Training):
        found = suite or Training()
    elif isinstance(suite, (str, Path)) and Path(suite).stem.endswith(dialect.SUFFIX):
        found = dialect.load(read_text(suite, access), str(suite))
    else:
        return Training(), load_contract(suite, access=access)
    return found, load_contract(found.contract, access=access) if found.contract else None


def _overruled(
    training: Training, label: str, id_: Any, group: Any, time: str | None, weight: str | None, features: Any,
    task: str | None, also: Any,
) -> Training:  # fmt: skip
    if task not in (None, "auto", "classification", "regression"):
        raise UsageError(f'--task "{task}": auto, classification or regression')
    said: dict[str, Any] = {
        "label": label, "id": _names(id_), "group": _names(group), "time": time, "weight": weight,
        "features": _names(features), "task": task, "also": _names(also),
    }  # fmt: skip
    found = replace(training, **{k: v for k, v in said.items() if v})
    for name in found.also:
        if name not in OPTIONAL:
            raise UsageError(f'--also "{name}"{nearest(name, OPTIONAL)}: {", ".join(OPTIONAL)}')
    if "label_issues" in found.also and find_spec("cleanlab") is None:
        raise UsageError("--also label_issues: cleanlab finds them; install the extra: pip install 'dq-gate[cleanlab]'")
    return found


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _given(name: str, data: Any, contract: Contract | None, config: Any, stack: ExitStack) -> Given:
    if is_published(data):
        source, found = _published(name, data, config)
        judged = replace(source.suites[-1], checks=())  # by the gate, partition by partition
        return Given(name, data, found.files, judged)
    if not is_path(data):
        from dq.engines.frames import write_frame

        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="dq-frames-"))
        path = os.path.join(folder, "frame.parquet")
        write_frame(data, path)
        files = (DataFile("", os.path.getsize(path), os.path.realpath(path)),)
        return Given(name, said(data), files, replace(_held(contract, {}), reading=Reading(format="parquet")))
    for one in [data] if isinstance(data, (str, Path)) else data:
        if Path(one).is_fifo():
            raise UsageError(f"{one}: is a pipe, which can be read only once; use the input mode File or FastFile")
    partition = partition_of(data, contract, access_of(config))
    if isinstance(data, (str, Path)) and (os.path.isdir(data) or is_remote(str(data))):
        _one_split(name, str(data), partition.files)
    return Given(name, said(data), partition.files, _held(contract, dict(partition.values)), partition.values)


def _published(name: str, data: str, config: Any) -> tuple[Contract, Partition]:
    try:
        return published(data, config)
    except UsageError as error:
        raise UsageError(f"--{name} {error}") from None


def _here(given: Given, limits: configuration.Limits, config: Any, stack: ExitStack) -> Given:
    """The split with its files where engines open them."""
    partition = Partition("data", given.name, files=given.files)
    return replace(given, files=stack.enter_context(brought(partition, limits, access_of(config))).files)


def _held(contract: Contract | None, keys: dict[str, Any]) -> Suite:
    return contract.suite_at(keys) if contract else Suite("data", reading=Reading(delimiter=None))


def _one_split(name: str, place: str, files: Iterable[DataFile]) -> None:
    """Raises UsageError where the files in a folder are those of several splits, by their names."""
    found: dict[str, str] = {}
    for entry in sorted({f.path.split("/")[0] for f in files}):
        kind = next((k for k, names in _NAMES.items() if entry.split(".")[0].lower() in names), None)
        if kind:
            found.setdefault(kind, entry)
    if len(found) > 1:
        inside = found.get(name, next(iter(found.values())))
        raise UsageError(
            f"--{name} {place}: holds several splits ({', '.join(found.values())}); name one: "
            f"--{name} {os.path.join(place, inside)}"
        )


def _apart(given: Iterable[Given]) -> None:
    """Raises UsageError where one file is in two splits."""
    owners: dict[str, Given] = {}
    for one in given:
        for file in one.files:
            other = owners.setdefault(file.location, one)
            if other is not one:
                raise UsageError(
                    f"--{other.name} {other.said} and --{one.name} {one.said} both hold {file.path or file.location}: "
                    "a file belongs to one split"
                )


def _write(path: str | Path, document: Mapping[str, Any]) -> None:
    from dq.reports import files
    from dq.reports.json import render

    try:
        files.write(path, render(document) + "\n")
    except OSError as error:
        raise UsageError(f"--out {path}: {error.strerror}: name a file in a folder that may be written") from None
