"""Validation results that Great Expectations itself wrote, of 1.x or 0.x."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dq.dialects.base import read_json
from dq.dialects.gx.project import read_text
from dq.errors import SuiteError

_WHOLE = ("run_results", "validation_results")  # of a checkpoint


def read_result(path: str) -> dict[str, Any]:
    """Raises SuiteError where the file does not open or is no validation result."""
    found = read_json(read_text(Path(path)), path)
    if isinstance(found, dict) and any(key in found for key in _WHOLE):
        raise SuiteError("a checkpoint's result: name one of the validation results that it stored", file=path)
    listed = found.get("results") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise SuiteError('no validation result of Great Expectations: a mapping with the key "results"', file=path)
    for number, one in enumerate(listed, 1):
        if not _is_sound(one):
            raise SuiteError(f"result {number} tells no success of an expectation_config", file=path)
    return dict(found)


def _is_sound(one: Any) -> bool:
    config = one.get("expectation_config") if isinstance(one, dict) else None
    if not isinstance(config, dict) or not isinstance(one.get("success"), bool):
        return False
    named = config.get("type") or config.get("expectation_type")
    mappings = (config.get("kwargs"), one.get("result"), one.get("exception_info"))
    return isinstance(named, str) and all(m is None or isinstance(m, dict) for m in mappings)
