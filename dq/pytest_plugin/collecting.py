"""What is collected: a file per contract, in it a data set, in it a test per check. No data is opened for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from dq.errors import DatasetContractWarning, DQError, nearest
from dq.pytest_plugin import scans, telling
from dq.pytest_plugin.choosing import OTHERS, text_of
from dq.pytest_plugin.gathering import keep
from dq.pytest_plugin.sources import Missing, counted_from, marks
from dq.reports.base import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dq.ir.check import Check
    from dq.ir.contract import Contract
    from dq.pytest_plugin.declaring import DatasetContract

READABLE = "table.readable"
_OF_HISTORY = {"same_content", "change"}  # what only the gate can know


class ContractFile(pytest.File):
    def collect(self) -> Iterable[DatasetNode]:
        from dq.pytest_plugin.declaring import DatasetContract

        for suite in _objects(self.path) or [str(self.path)]:
            contract = _loaded(self, DatasetContract(suite))
            yield DatasetNode.from_parent(self, name=_in_id(contract.source), declared=DatasetContract(contract))


def _objects(path: Path) -> list[str]:
    """The objects of an ODCS contract that has several."""
    if not OTHERS.search(text := text_of(path)) or "schema_type" in text:
        return []
    from dq.dialects.base import read_yaml

    try:
        found = read_yaml(text, str(path)).value["schema"]
        names = [str(o["name"]) for o in found]
    except (DQError, KeyError, TypeError):
        return []  # loading it tells what is wrong
    return [f"{path}:{n}" for n in names] if len(names) > 1 else []


def _loaded(node: pytest.Collector, declared: DatasetContract) -> Contract:
    from dq.suite import load_contract

    suite = counted_from(node.config.rootpath, declared.suite)
    try:
        return load_contract(suite)
    except DQError as error:
        raise node.CollectError(str(error).replace(f"{node.config.invocation_params.dir}{os.sep}", "")) from None


def _in_id(name: str) -> str:
    """Ids are split at `::`, and printed."""
    return printable(name).replace("::", "%3A%3A")


class DatasetNode(pytest.Collector):
    """A data set with its contract. What its selected checks say is found out once."""

    def __init__(self, *, declared: DatasetContract, **node: Any) -> None:
        super().__init__(**node)
        self.declared = declared
        self._found: scans.Found | DQError | None = None

    def collect(self) -> Iterator[CheckItem]:
        self.contract = _loaded(self, self.declared)
        self.source = self.declared.source or self.contract.source
        marked = self._marks()
        checks = {c.id: c for suite in self.contract.suites for c in suite.checks}
        tested = [c for c in checks.values() if c.metric.name not in _OF_HISTORY]
        known = [READABLE, *(c.id for c in tested)]
        for identity, (_, key) in marked.items():
            if identity not in known:
                said = f'{key} "{self.source}::{identity}": no such check{nearest(identity, known)}'
                raise self.CollectError(said)
        for item in (self._item(READABLE, None), *(self._item(c.id, c) for c in tested)):
            if item.identity in marked:
                item.add_marker(marked[item.identity][0])
            yield item

    def _marks(self) -> dict[str, tuple[pytest.MarkDecorator, str]]:
        """What the ini file says of checks of this source, by id, and under which key."""
        made = {"dq_xfail": pytest.mark.xfail, "dq_skip": pytest.mark.skip}
        listed = marks(self.config)
        return {check: (made[key](reason=why), key) for key, source, check, why in listed if source == self.source}

    def _item(self, identity: str, check: Check | None) -> CheckItem:
        item = CheckItem.from_parent(self, name=_in_id(identity), callobj=_judge, identity=identity, check=check)
        about = {
            "source": self.source, "column": check.column if check else None, "metric": check.metric.name if check else
            "readable", "dimension": str(check.metric.dimension) if check else "schema",
            "severity": str(check.severity) if check else "block",
        }  # fmt: skip
        item.add_marker(pytest.mark.dq(**about))
        return item

    def found(self, request: pytest.FixtureRequest, fixture: Any) -> scans.Found | DQError:
        """The results of the checks that were selected, from one scan, or why there are none."""
        if self._found is None:
            items = [i for i in self.session.items if isinstance(i, CheckItem) and i.parent is self]
            items = [i for i in items if i.get_closest_marker("skip") is None]  # which tell nobody of a fault
            asked = scans.Asked(
                self.source, self.contract, self.declared.data, frozenset(i.identity for i in items)
            )  # fmt: skip
            try:
                self._found = scans.find(asked, request, fixture)
                keep(request.node, self._found.result)
            except DQError as error:
                self._found = error
        return self._found


def _judge(request: pytest.FixtureRequest, dq_source: Any) -> None:
    request.node.judge(request, dq_source)


def _skip(reason: str) -> NoReturn:
    """At the place of the check, not of this line."""
    skipped = pytest.skip.Exception(reason)
    skipped._use_item_location = True
    raise skipped


class CheckItem(pytest.Function):
    """A check. A function of pytest's own kind, since only those may ask for fixtures."""

    parent: DatasetNode

    def __init__(self, *, identity: str, check: Check | None, **node: Any) -> None:
        super().__init__(**node)
        self.identity, self.check = identity, check
        self._told = ""

    def judge(self, request: pytest.FixtureRequest, fixture: Any) -> None:
        found = self.parent.found(request, fixture)
        if isinstance(found, Missing):
            missing = self.config.getoption("dq_missing") or self.config.getini("dq_missing")
            _skip(str(found)) if missing == "skip" else self._fail_once(str(found), request)
        if isinstance(found, DQError):
            self._fail_once(f"could not be judged: {found}", request)
        outcome = scans.outcome(found, self.identity, self.check)
        self.user_properties.extend(telling.properties(self.identity, self.parent.source, found, outcome))
        text = "\n".join([*telling.failure(outcome.result, found.result, outcome.said), *self._rerun()])
        match outcome.status:
            case "fail":
                self._fail(text)
            case "warn":
                self._warn(f"{self.parent.name}: {self.identity}: {outcome.said}", text)
            case "skip":
                _skip(outcome.said)

    def _fail_once(self, text: str, request: pytest.FixtureRequest) -> NoReturn:
        """What holds for all checks of the data set one of them tells, and none that is expected to fail."""
        if self.get_closest_marker("xfail") is None:
            teller = scans.first(self.nodeid, self.parent.nodeid, request)
            if teller != self.nodeid:
                _skip(f"not judged, as {teller} tells")
        self._fail(text)

    def _fail(self, text: str) -> NoReturn:
        self._told = text
        pytest.fail(text, pytrace=False)

    def _warn(self, said: str, text: str) -> None:
        try:
            return self.warn(DatasetContractWarning(said))
        except DatasetContractWarning:
            pass
        self._fail(text)  # where warnings are errors; not while they are handled, which pytest would tell, too

    def _rerun(self) -> list[str]:
        return telling.rerun(self.nodeid, self.config, {self.parent.source, *scans.compared(self.parent.contract)})

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override]
        """What was found, without a traceback; its first line is what summaries show."""
        if not isinstance(excinfo.value, pytest.fail.Exception) or not self._told:
            return super().repr_failure(excinfo)
        found: Any = excinfo.getrepr(style="value")
        path, line, _ = self.reportinfo()
        if found.reprcrash is not None:
            found.reprcrash.message = self._told.partition("\n")[0]
            found.reprcrash.path, found.reprcrash.lineno = os.path.relpath(path, self.config.rootpath), (line or 0) + 1
        return found

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        origin = self.check.origin if self.check else None
        path = Path(origin.file) if origin and origin.file and os.path.isfile(origin.file) else self.path
        line = origin.line if origin and origin.line else 1
        return path, line - 1, f"{self.parent.name}: {self.name}"
