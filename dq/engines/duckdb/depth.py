"""JSON of more keys, or nested deeper, than is read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

from dq.engines.duckdb.landed import opened, plain
from dq.ir.data import DataFile, Finding

if TYPE_CHECKING:
    from dq.ir.limits import Caps

Shape: TypeAlias = "str | list[Any] | dict[str, Any]"  # as json_group_structure tells it
_FIELDS = 1_000
_TOKENS = re.compile(rb'\\.|["{}\[\]]', re.DOTALL)


def excess(shapes: dict[str, Shape], file: str, caps: Caps) -> Finding | None:
    if len(shapes) > caps.columns:
        said = f"{len(shapes):,} keys, at most {caps.columns:,} are read"
    elif (deep := _levels(shapes)) > caps.nesting:
        said = f"records nested {deep:,} levels deep, at most {caps.nesting:,} are read"
    else:
        return None
    return Finding("over_limit", f"{file}: {said}", file)


def _levels(shape: Shape) -> int:
    """Objects and arrays in each other."""
    level, deep = [shape], 0
    while level := [s for s in level if not isinstance(s, str)]:
        deep += 1
        level = [inner for s in level for inner in (s.values() if isinstance(s, dict) else s)]
    return deep


def is_wide(shape: Shape) -> bool:
    """A map rather than a record, of more keys than DuckDB casts to fields in time."""
    return _leaves(shape) > _FIELDS


def _leaves(shape: Shape) -> int:
    return 1 if isinstance(shape, str) else sum(map(_leaves, shape.values() if isinstance(shape, dict) else shape))


def too_deep(file: DataFile, caps: Caps) -> Finding | None:
    """Looked for where DuckDB gives up: it follows nesting on the stack."""
    deep = deepest = 0
    quoted = False
    with opened(file) as stream:
        for chunk in plain(stream, file.location):
            for token in _TOKENS.finditer(chunk):
                mark = token[0]
                if mark == b'"':
                    quoted = not quoted
                elif not quoted and len(mark) == 1:
                    deep += 1 if mark in b"{[" else -1
                    deepest = max(deepest, deep)
    said = f"{file.path}: records nested {deepest:,} levels deep, at most {caps.nesting:,} are read"
    return Finding("over_limit", said, file.path) if deepest > caps.nesting else None
