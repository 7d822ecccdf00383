"""What a team agreed on for a source: where its partitions lie, when they are ready, and which suite holds when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dq.ir.check import Suite
from dq.ir.expr import Scalar
from dq.ir.layout import moment
from dq.ir.scalar import compare

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Ready:
    """A partition is ready when its marker landed, it was quiet for long enough, or its manifest is complete.
    `restore`: of archived files, ask for them."""

    marker: str | None = None
    quiet_seconds: float | None = None
    manifest: str | None = None
    restore: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """A partition of every `every_seconds` has landed by the first `by` o'clock in `timezone` after its end."""

    every_seconds: float
    by: str = "00:00"
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Include:
    """A suite in another dialect: a path from the contract's own folder, how a suite of GX or DQDL is meant, where the
    data sets are that it names, and the folder of its custom expectations (`plugins`)."""

    suite: str
    semantics: Literal["pandas", "sql"] = "pandas"
    parameters: tuple[tuple[str, Scalar], ...] = ()
    line: int = 1
    references: tuple[tuple[str, str], ...] = ()
    plugins: str | None = None
    glue_compat: bool = False
    composite: Literal["column", "row"] = "column"


@dataclass(frozen=True, slots=True)
class Version:
    """The suite that holds for partitions whose time key is `start` or later."""

    start: Scalar
    suite: Suite


@dataclass(frozen=True, slots=True)
class Contract:
    """`suite` holds before the first version. `layout` is below the source's landing; None: a file is a partition.
    `series` are the keys that split the source, each part compared with its own past; None: all but those of time.
    `references` says where data sets are that the suites name: a path, or `dq://SOURCE`; unsaid, a name is a source."""

    source: str
    suite: Suite
    layout: str | None = None
    versions: tuple[Version, ...] = ()
    ready: Ready = Ready()
    expected: Expected | None = None
    series: tuple[str, ...] | None = None
    on_fail: Literal["quarantine", "split", "warn"] = "quarantine"
    split_max_ratio: float = 0.05
    quarantine_copy: bool = False
    owner: str = ""
    includes: tuple[Include, ...] = ()
    file: str = ""
    references: tuple[tuple[str, str], ...] = ()
    live: bool = False  # its checks hold code that is known in this process only

    @property
    def suites(self) -> tuple[Suite, ...]:
        """Every suite that holds at some time."""
        return (self.suite, *(v.suite for v in self.versions))

    def suite_at(self, keys: Mapping[str, Scalar]) -> Suite:
        """The suite for a partition: of the last version that started at or before its time key."""
        now = moment(keys)
        held = self.suite
        for version in self.versions:
            if now is not None and compare(now, version.start) >= 0:
                held = version.suite
        return held
