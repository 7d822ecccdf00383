"""The data set of a test function's marker `dataset`."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from dq.errors import DQError
from dq.pytest_plugin import scans
from dq.pytest_plugin.declaring import DatasetContract
from dq.pytest_plugin.gathering import keep
from dq.pytest_plugin.scans import placed
from dq.pytest_plugin.sources import Missing, counted_from, located, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dq.api import Result

_FOUND = pytest.StashKey[dict[tuple[str, str, str], scans.Found | DQError]]()


def result(request: pytest.FixtureRequest, fixture: Any) -> Result:
    asked = _asked(request)
    known = request.config.stash.setdefault(_FOUND, {})
    key = (asked.source, repr([s.digest for s in asked.contract.suites]), repr(asked.data))
    if key not in known:
        try:
            known[key] = found = scans.find(asked, request, fixture)
            keep(request.node, found.result)
        except DQError as error:
            known[key] = error
    if isinstance(told := known[key], DQError):
        _give_up(told, request.config)
    return told.result


@contextmanager
def frame(request: pytest.FixtureRequest, fixture: Any, folder: Path) -> Iterator[Any]:
    """What lies elsewhere is here meanwhile. Data that cannot be read as the contract says is pytest's own failure."""
    from dq.opening import is_path
    from dq.pytest_plugin.reading import scanned
    from dq.reach import access_of, brought

    asked, config = _asked(request), request.config
    with ExitStack() as stack:
        try:
            data = located(asked.source, asked.contract, asked.data, config, fixture)
            if is_path(data):
                partition = placed(asked, data, config)
                limits, access = settings(config).limits, access_of(settings(config))
                here = stack.enter_context(brought(partition, limits, access))
                reading = asked.contract.suite_at(dict(here.values)).reading
                data = scanned(here, reading, str(folder / "dataset.parquet"), limits)
        except Missing as error:
            _give_up(error, config)
        except DQError as error:
            pytest.fail(f"the data of {asked.source} cannot be read: {error}", pytrace=False)
        yield data


def _give_up(error: DQError, config: pytest.Config) -> NoReturn:
    missing = config.getoption("dq_missing") or config.getini("dq_missing")
    if isinstance(error, Missing) and missing == "skip":
        pytest.skip(str(error))
    pytest.fail(str(error), pytrace=False)


def _asked(request: pytest.FixtureRequest) -> scans.Asked:
    from dq.suite import load_contract

    marker = request.node.get_closest_marker("dataset")
    if marker is None:
        pytest.fail('this fixture needs a marker: @pytest.mark.dataset("suites/orders.yaml")', pytrace=False)
    try:
        declared = _read(*marker.args, **marker.kwargs)
    except TypeError as error:
        told = str(error).replace("_read()", "@pytest.mark.dataset")
        pytest.fail(f"{told}; it is dataset(contract, source=None, data=None)", pytrace=False)
    root = request.config.rootpath
    try:
        contract = load_contract(counted_from(root, declared.suite))
    except DQError as error:
        pytest.fail(str(error), pytrace=False)
    return scans.Asked(declared.source or contract.source, contract, counted_from(root, declared.data))


def _read(contract: Any, *, source: str | None = None, data: Any = None) -> DatasetContract:
    if not isinstance(contract, DatasetContract):
        return DatasetContract(contract, data, source)
    return DatasetContract(contract.suite, data or contract.data, source or contract.source)
