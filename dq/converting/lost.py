"""What a conversion does not keep."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lost:
    """What does not mean the same. `written`: it stands there, as something else. What does not `ask` anything of the
    data is no loss to a suite."""

    file: str
    line: int | None
    name: str
    why: str
    written: bool = False
    asks: bool = True

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        if not self.asks:
            return f"{place}: {self.name}: {self.why}"
        return f"{place}: {self.name}: {'changed' if self.written else 'left out'}: {self.why}"
