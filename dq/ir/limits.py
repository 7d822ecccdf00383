"""How much a partition may be, and how much judging it may take."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Caps:
    """Beyond one of these the data is at fault (`over_limit`), however it would be read."""

    files: int = 100_000
    columns: int = 10_000
    row_groups: int = 100_000  # of one Parquet file
    nesting: int = 64  # levels of a Parquet schema
    footer_bytes: int = 64 << 20
    value_bytes: int = 256 << 20  # of a column chunk's average value
    line_bytes: int = 2 << 20
    text_bytes: int = 1 << 40  # of one file, decompressed
    expanded_bytes: int = 8 << 30  # may come out of however few bytes


@dataclass(frozen=True, slots=True)
class Budget:
    """What one judge process may use. `memory_bytes` is for all of it, engines get a share; None: as they come."""

    threads: int | None = None
    memory_bytes: int | None = None
    temp: str | None = None
    temp_bytes: int | None = None
    deadline_seconds: float | None = None
    caps: Caps = field(default_factory=Caps)

    @property
    def engine_bytes(self) -> int | None:
        """So little that an engine spills before the process is ended: its own books leave things out."""
        return None if self.memory_bytes is None else self.memory_bytes * 7 // 10
