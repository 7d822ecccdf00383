"""`<model>.pretrain.yaml`: which column plays which part in training, and from where a check warns or fails."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from dq.dialects.base import Problems, parse_seconds
from dq.dialects.contract import sound
from dq.ir.training import LIMITS, OPTIONAL, SIMILARITY, Limit, Training

if TYPE_CHECKING:
    from dq.dialects.base import Document

SCHEMA = Path(__file__).with_name("training.schema.json")
SUFFIX = ".pretrain"


def load(text: str, file: str) -> Training:
    """Raises SuiteError with a line per error: file, line, key, what is wrong, the nearest key."""
    document = sound(text, file, _validator(), "a mapping with keys like label, id and thresholds is needed")
    problems = Problems(file)
    value = document.value
    limits = tuple(_limits(document, problems))
    horizon = 0.0
    if "horizon" in value:
        try:
            horizon = parse_seconds(value["horizon"])
        except ValueError as error:
            problems.add(document.line(("horizon",)), f"horizon: {error}")
    for name in _names(value.get("also")):
        if name not in OPTIONAL:
            problems.add(document.line(("also",)), f'also: "{name}" is none of {", ".join(OPTIONAL)}')
    problems.settle()
    contract = value.get("contract")
    return Training(
        label=value.get("label", ""),
        id=_names(value.get("id")),
        group=_names(value.get("group")),
        time=value.get("time"),
        weight=value.get("weight"),
        features=_names(value.get("features")),
        task=value.get("task", "auto"),
        horizon_seconds=horizon,
        digits=value.get("digits"),
        also=_names(value.get("also")),
        similarity=value.get("similarity", SIMILARITY),
        limits=limits,
        contract=os.path.join(os.path.dirname(file), contract) if contract else None,
        file=file,
    )


def _names(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _limits(document: Document, problems: Problems) -> Any:
    for kind, ends in document.value.get("thresholds", {}).items():
        limit: Limit = replace(LIMITS[kind], **ends)
        first, last = (limit.fail, limit.warn) if limit.lower else (limit.warn, limit.fail)
        if first is not None and last is not None and first > last:
            line = document.line(("thresholds", kind))
            problems.add(line, f"thresholds.{kind}: warn {limit.warn} is never reached before fail {limit.fail}")
        yield kind, limit


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
