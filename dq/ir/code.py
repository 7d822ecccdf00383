"""Code that a person wrote and a suite names by where it stands: a closed table of who reads such places, reached late
like every edge. It runs where the data is read: in a judge process, which has no credentials."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

READERS = {"pandera": "dq.dialects.pandera.objects:code"}


@dataclass(frozen=True, slots=True)
class Code:
    """A condition on a frame of Polars, or `element_wise` on one value."""

    run: Callable[[Any], Any]
    element_wise: bool


@dataclass(frozen=True, slots=True)
class Raised:
    """The state of an aggregate over foreign code that failed on this data, and what it failed with."""

    words: str


@lru_cache(maxsize=256)
def code(text: str) -> Code:
    """What stands at the place that the text, JSON, names. Raises what importing it raises."""
    place = json.loads(text)
    module, _, attribute = READERS[place["reader"]].partition(":")
    made: Code = getattr(import_module(module), attribute)(place)
    return made
