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
        DQError,
        EngineError,
        HoldError,
        StoreError,
        SuiteError,
        UsageError,
    )
    from dq.training import pretrain, require_validated

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "ContractViolation",
    "DQError",
    "EngineError",
    "HoldError",
    "Result",
    "StoreError",
    "SuiteError",
    "UsageError",
    "diff",
    "explain",
    "gate",
    "pretrain",
    "profile",
    "published",
    "require_validated",
    "validate",
]

_ERRORS = frozenset(name for name in __all__ if name.endswith(("Error", "Violation")))
_TRAINING = frozenset({"pretrain", "require_validated"})


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = "dq.errors" if name in _ERRORS else "dq.training" if name in _TRAINING else "dq.api"
    value = getattr(import_module(room), name)
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
