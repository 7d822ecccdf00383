"""What test modules say: data sets with their contracts, and that a frame keeps one."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq.errors import DatasetContractWarning, DQError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, eq=False)
class DatasetContract:
    """At module level of a test module it is collected: a test per check."""

    suite: Any
    data: Any = None
    source: str | None = None


def dataset_contract(suite: Any, data: Any = None, *, source: str | None = None) -> DatasetContract:
    """A data set to be tested: `orders = dq.dataset_contract("suites/orders.yaml")` in a test module.

    `suite` is all that `dq.validate` takes. `data` is a path, a frame, or a function that gives one when the first test
    runs; without it the data of `source` is meant, by default of the source that the suite is for. Paths count from the
    root folder of pytest.
    """
    return DatasetContract(suite, data, source)


def assert_contract(data: Any, suite: Any, *, references: Mapping[str, Any] | None = None) -> None:
    """Raises AssertionError with a paragraph per check that fails; checks of severity `warn` are warnings."""
    __tracebackhide__ = True
    from dq.api import validate
    from dq.ir.check import Severity
    from dq.ir.result import Status
    from dq.pytest_plugin.telling import failure

    try:
        found = validate(data, suite, references=references, show=())
    except DQError as error:
        raise error.with_traceback(None) from None
    faults = [c for c in found.checks if c.status in (Status.FAIL, Status.ERROR)]
    for check in faults:
        if check.severity is Severity.WARN:
            warnings.warn(DatasetContractWarning(f"{check.id}: {check.message}"), stacklevel=2)
    told = [f"{c.id}: " + "\n".join(failure(c, found)) for c in faults if c.blocks]
    if not found.success:
        reasons = [f"{r.id}: {r.message}" for r in found.judgement.reasons]
        raise AssertionError("\n\n".join(told or reasons))
