"""Conditions on one value that only Python can judge: a closed table of names, reached late like every edge.

A predicate is made from its arguments (as JSON reads them), takes a plain value of the language that is not NULL, and
answers True or False; it never raises.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PREDICATES = {
    "dateutil": "dq.engines.predicates:dateutil",
    "json": "dq.engines.predicates:is_json",
    "json_schema": "dq.engines.predicates:json_schema",
    "matches": "dq.engines.predicates:matches",
    "moment": "dq.engines.predicates:moment",
    "strptime": "dq.engines.predicates:strptime",
    "text_length": "dq.engines.predicates:text_length",
}


@lru_cache(maxsize=256)
def predicate(name: str, args: str) -> Callable[[Any], bool]:
    """The predicate with its arguments. Raises KeyError on a name that is none, ValueError on wrong arguments."""
    module, _, attribute = PREDICATES[name].partition(":")
    made: Callable[[Any], bool] = getattr(import_module(module), attribute)(json.loads(args))
    return made
