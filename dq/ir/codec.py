"""Dataclass <-> JSON, derived from fields: one place writes names. `digest` is SHA-256 of the canonical form.

Integers beyond 2**53, decimals, NaN and infinity become strings tagged by type; times ISO 8601; binary base64.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any
from uuid import UUID

_EXACT = 2**53


def plain(value: Any) -> Any:
    """JSON-ready form for readers: no type tags, nothing to read back from."""
    if value is None or isinstance(value, (bool, str)):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, int):
        return value if -_EXACT <= value <= _EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {str(plain(k)): plain(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if isinstance(value, (frozenset, set)):
        return sorted((plain(v) for v in value), key=str)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    return str(value)


_TAGS: dict[str, tuple[type, Any]] = {
    "int": (int, int),
    "float": (float, float),
    "decimal": (Decimal, Decimal),
    "datetime": (datetime, datetime.fromisoformat),
    "date": (date, date.fromisoformat),
    "time": (time, time.fromisoformat),
    "uuid": (UUID, UUID),
    "duration": (timedelta, lambda text: timedelta(microseconds=int(text))),
    "bytes": (bytes, base64.b64decode),
}


def encode(value: Any) -> Any:
    """JSON-ready form that `decode` reads back to an equal value."""
    kind: Any = type(value)
    if value is None or kind is str or kind is bool:
        return value
    if kind is int and -_EXACT <= value <= _EXACT:
        return value
    if kind is float and math.isfinite(value):
        return value
    if kind is tuple or kind is list:
        return [v if type(v) is str or (type(v) is int and -_EXACT <= v <= _EXACT) else encode(v) for v in value]
    if isinstance(value, Enum):
        return {"$enum": kind.__name__, "value": value.value}
    if is_dataclass(value):
        return {"$type": kind.__name__, **{n: encode(getattr(value, n)) for n in _names(kind)}}
    if kind is frozenset:
        return {"$set": sorted((encode(v) for v in value), key=str)}
    if kind is dict:
        return {"$map": [[encode(k), encode(v)] for k, v in value.items()]}
    return _tagged(value)


@cache
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(f.name for f in fields(cls) if f.init)


def _tagged(value: Any) -> dict[str, str]:
    if isinstance(value, timedelta):
        return {"$duration": str(value // timedelta(microseconds=1))}
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": base64.b64encode(value).decode()}
    for tag, (kind, _) in _TAGS.items():
        if type(value) is kind:
            return {f"${tag}": value.isoformat() if isinstance(value, (date, time)) else str(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")


def decode(value: Any) -> Any:
    """Inverse of `encode`; lists come back as tuples. Raises ValueError on a name that is no part of the language."""
    if isinstance(value, list):
        return tuple([decode(v) if isinstance(v, (list, dict)) else v for v in value])
    if not isinstance(value, dict):
        return value
    if "$type" in value:
        cls: Any = _classes().get(value["$type"])
        if cls is None or not hasattr(cls, "__dataclass_fields__"):
            raise ValueError(f'"{value["$type"]}" is no part of the language')
        inner = {k: decode(v) if isinstance(v, (list, dict)) else v for k, v in value.items() if k != "$type"}
        return cls(**inner)
    if "$enum" in value and value["$enum"] in _classes():
        return _classes()[value["$enum"]](value["value"])
    if "$set" in value:
        return frozenset(decode(v) for v in value["$set"])
    if "$map" in value:
        return {decode(k): decode(v) for k, v in value["$map"]}
    tag, text = next(iter(value.items()), ("", ""))
    if tag.removeprefix("$") not in _TAGS:
        raise ValueError(f'"{tag}" is no part of the language')
    return _TAGS[tag.removeprefix("$")][1](text)


def digest(value: Any) -> str:
    """SHA-256, hexadecimal, of the canonical JSON form."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def canonical(value: Any) -> str:
    return json.dumps(encode(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _classes() -> dict[str, Any]:
    """Every class of the language by name: dataclasses and enums of `dq.ir`, and the metrics that are loaded."""
    from dq.ir import metric

    return _classes_with(len(metric.REGISTRY))


@cache
def _classes_with(metrics: int) -> dict[str, Any]:
    """Metrics register themselves when they are loaded, so their number says whether the table is complete."""
    from dq.ir import aggregate, check, contract, data, expr, limits, metric, other, positions, result, sampling

    found: dict[str, Any] = dict(metric.REGISTRY)
    for module in (expr, aggregate, other, positions, sampling, limits, data, metric, check, contract, result):
        found.update({n: c for n, c in vars(module).items() if isinstance(c, type) and c.__module__ == module.__name__})
    return found
