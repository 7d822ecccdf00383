"""What may be shown of the data: never what is personal, and of the rest what the team allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dq.ir.data import RAW, format_path, parse_path
from dq.profile import HIDDEN, hide, is_marked, mask

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dq.ir.check import Suite
    from dq.ir.data import Schema
    from dq.ir.expr import Path


@dataclass(frozen=True, slots=True)
class Discretion:
    """`personal` holds text forms of paths, with all below them. `samples`: `none` shows places only, `masked` the
    patterns of values."""

    personal: frozenset[str] = frozenset()
    samples: Literal["none", "masked", "full"] = "full"

    def covers(self, column: str | None) -> bool:
        """Whether the column is personal, or a part of it is."""
        return column is not None and bool(self.personal) and self._touches(parse_path(column))

    def covers_any(self, paths: Iterable[Path]) -> bool:
        return bool(self.personal) and any(self._touches((p[0].removeprefix(RAW), *p[1:])) for p in paths)

    def _touches(self, path: Path) -> bool:
        return is_marked(path, self.personal) or any(parse_path(p)[: len(path)] == path for p in self.personal)

    def values(self, pairs: Iterable[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
        """Values of one row by column."""
        return () if self.samples == "none" else tuple((n, self._value(n, v)) for n, v in pairs)

    def _value(self, column: str, value: Any) -> Any:
        if value is None:
            return None
        if self.covers(column):
            return HIDDEN
        if self.samples == "masked":
            return mask(str(value))
        return hide(value) if isinstance(value, str) else value

    def told(self, found: Any) -> Any:
        """What was found of many rows at once, without texts in it that are personal data by their look."""
        if isinstance(found, str):
            return hide(found, by_chance=False)
        if isinstance(found, (tuple, list)):
            return type(found)(map(self.told, found))
        return {self.told(k): self.told(v) for k, v in found.items()} if isinstance(found, dict) else found

    def line(self, text: str) -> tuple[tuple[str, str], ...]:
        """A line that could not be read; what is personal cannot be told apart in it."""
        if self.samples == "none":
            return ()
        if self.personal:
            return (("line", HIDDEN),)
        return (("line", mask(text) if self.samples == "masked" else hide(text)),)


def marked(suite: Suite, landed: Schema) -> frozenset[str]:
    """Columns that the suite marks as personal. Where one of them did not land under its name, every column that the
    suite does not know may be it."""
    missing = [p for p in suite.pii if p not in suite.optional and landed.find(parse_path(p)) is None]
    known = {c.name for c in suite.columns}
    return suite.pii | {format_path((n,)) for n in landed.names if missing and n not in known}
