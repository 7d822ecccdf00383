"""One document on one line, in UTF-8: what machines read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dq.reports.base import UNPRINTABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def render(document: Mapping[str, Any] | Sequence[Any]) -> str:
    """Without a line end. Characters that steer a terminal and lone surrogates are written as JSON escapes."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return UNPRINTABLE.sub(lambda c: f"\\u{ord(c[0]):04x}", text)
