"""What a conversion does not keep."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lost:
    """What does not mean the same. `written`: it stands there, as something else."""

    file: str
    line: int | None
    name: str
    why: str
    written: bool = False

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.name}: {'changed' if self.written else 'left out'}: {self.why}"
