"""What only another tool can judge: it is handed the rows, and its answer is a state like any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dq.ir.aggregate import Aggregate, Family
from dq.ir.expr import Path


@dataclass(frozen=True, slots=True)
class Delegated(Aggregate):
    """What another tool says of the rows: `tool` runs `rule`, in its own words, over the columns at `paths`. `code` is
    a folder of modules that a person named. State: the tool's answer as text, or Unanswered."""

    family: ClassVar[Family] = "delegated"
    mergeable: ClassVar[bool] = False
    commutative: ClassVar[bool] = False
    tool: str
    rule: str
    code: str = ""
    paths: tuple[Path, ...] = ()

    def columns(self) -> frozenset[Path]:
        return frozenset(self.paths)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A state that there is none of, and why; `advice` is what to do about it."""

    message: str
    advice: str = ""
