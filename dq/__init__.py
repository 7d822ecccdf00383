"""The data quality gate between landing and training. Everything public is here, and loaded when first used."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dq.api import Result, diff, explain, gate, profile, published, validate
    from dq.errors import (
        ConfigError,
        ContractViolation,
        DatasetContractWarning,
        DQError,
        EngineError,
        HoldError,
        StoreError,
        SuiteError,
        UsageError,
    )
    from dq.pytest_plugin.declaring import assert_contract, dataset_contract
    from dq.training import pretrain, require_validated

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "ContractViolation",
    "DQError",
    "DatasetContractWarning",
    "EngineError",
    "HoldError",
    "Result",
    "StoreError",
    "SuiteError",
    "UsageError",
    "assert_contract",
    "dataset_contract",
    "diff",
    "explain",
    "gate",
    "pretrain",
    "profile",
    "published",
    "require_validated",
    "validate",
]

_ELSEWHERE = {
    **{name: "dq.errors" for name in __all__ if name.endswith(("Error", "Violation", "Warning"))},
    **dict.fromkeys(("assert_contract", "dataset_contract"), "dq.pytest_plugin.declaring"),
    **dict.fromkeys(("pretrain", "require_validated"), "dq.training"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_ELSEWHERE.get(name, "dq.api")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """`dq.gate` and `dq.profile` are functions to callers although modules of these names exist: importing a module
    does not put it in the function's place (`from dq.gate import ...` finds the module as ever)."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
