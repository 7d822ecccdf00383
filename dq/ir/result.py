"""What is answered: the outcome of each check, the verdict and its reasons. Plain data; reports make it text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dq.ir.check import Origin, Severity
from dq.ir.data import DataFile, Schema
from dq.ir.metric import Dimension
from dq.ir.other import Compared
from dq.ir.positions import Selection


class Status(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"  # could not be judged
    SKIP = "skip"  # nothing in scope


class Cause(StrEnum):
    DATA = "data"
    SUITE = "suite"
    USAGE = "usage"
    GATE = "gate"


class Verdict(StrEnum):
    PROMOTE = "promote"
    QUARANTINE = "quarantine"
    HOLD = "hold"


class Act(StrEnum):
    """What a decision is: the gate's judgement, or a person's word against or for it."""

    JUDGED = "judged"
    RELEASED = "released"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One offending row: file, position from 1, and the values of the check's columns by name."""

    file: str
    row: int
    values: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    id: str
    column: str | None
    metric: str
    dimension: Dimension
    severity: Severity
    status: Status
    cause: Cause | None
    observed: Any
    bound: str
    failed_rows: int | None = None
    total_rows: int | None = None
    evidence: tuple[Evidence, ...] = ()
    message: str = ""
    origin: Origin = Origin()
    details: tuple[tuple[str, Any], ...] = ()  # further numbers, for the dialect's own form of the result
    next: str = ""  # the nearest fix, where the check knows a nearer one than its kind of fault has

    @property
    def blocks(self) -> bool:
        return self.status in (Status.FAIL, Status.ERROR) and self.severity is Severity.BLOCK


LAYOUT = "table.layout"  # of what lies where no partition can


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a partition is not promoted, in words for somebody woken up; `next` is the nearest fix."""

    cause: Cause
    id: str
    message: str
    next: str = ""


@dataclass(frozen=True, slots=True)
class Unusual:
    """A number far from what partitions before it had. `id` is `<column|table>.<metric>`; `low` and `high` bound what
    is usual, learnt from `partitions`; `effect` is the distance, 1 at the bound."""

    id: str
    column: str | None
    metric: str
    observed: float
    low: float
    high: float
    partitions: int
    effect: float
    message: str


@dataclass(frozen=True, slots=True)
class Scan:
    """How the answer was reached: the only part of a document that differs between engines."""

    engine: str = ""
    passes: int = 0
    seconds: float = 0.0
    bytes_read: int = 0
    peak_memory_bytes: int = 0
    integrity: str = "none"  # what vouches for the bytes that were read


@dataclass(frozen=True, slots=True)
class Split:
    """Of a partition only the good rows are published: `digest`, `files`, `rows`, `checks` and `schema` are theirs, as
    they were judged by themselves. `withheld` are the files of the others: `bad` rows and `rejected` records."""

    digest: str
    files: tuple[DataFile, ...]
    rows: int
    checks: tuple[CheckResult, ...]
    schema: Schema
    withheld: tuple[DataFile, ...]
    bad: int
    rejected: int
    selection: Selection


@dataclass(frozen=True, slots=True)
class Judgement:
    """All that is known of a partition after judging: what the gate records and every door shows."""

    source: str
    partition: str
    digest: str
    verdict: Verdict
    rows: int | None
    bytes: int
    files: tuple[DataFile, ...]
    reasons: tuple[Reason, ...]
    checks: tuple[CheckResult, ...]
    schema: Schema
    changes: tuple[str, ...] = ()
    anomalies: tuple[Unusual, ...] = ()
    compared: tuple[Compared, ...] = ()
    scan: Scan = Scan()
    suite_digest: str = ""
    split: Split | None = None

    @property
    def rows_quarantined(self) -> int:
        """Records that are withheld."""
        if self.split is not None:
            return self.split.bad + self.split.rejected
        return self.rows or 0 if self.verdict is Verdict.QUARANTINE else 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What stands for one content (`digest`) of a partition. `n` counts decisions on it from 1; the highest stands.

    `content` identifies the bytes whatever the files are called; `values` are the numbers later partitions are compared
    with, by check id, `flagged` those that failed softly: they count only once others agree with them; `by` and `why`
    are set where a person decided or asked for it; `teaches` is false where later partitions are not compared with it,
    although it was promoted. Of a split `published` and `withheld` are the files of either part, `published_digest` the
    identity of the former; `values` and `schema` are those of the good rows.
    """

    source: str
    partition: str
    digest: str
    n: int
    verdict: Verdict
    decided_at: str
    run_id: str
    suite_digest: str
    content: str
    files: tuple[DataFile, ...]
    rows: int | None
    values: tuple[tuple[str, Any], ...]
    schema: Schema
    reasons: tuple[Reason, ...] = ()
    by: str = ""
    why: str = ""
    act: Act = Act.JUDGED
    teaches: bool = True
    published_digest: str = ""
    published: tuple[DataFile, ...] = ()
    withheld: tuple[DataFile, ...] = ()
    rows_quarantined: int = 0
    flagged: tuple[tuple[str, Any], ...] = ()

    @property
    def releasable(self) -> bool:
        """Whether there is a partition to publish: files, where its layout has them."""
        return bool(self.files) and all(r.id != LAYOUT for r in self.reasons)

    @property
    def shown(self) -> tuple[DataFile, ...]:
        """The files that readers are to see: what landed, or the good rows of a split."""
        return self.published or self.files

    @property
    def shown_digest(self) -> str:
        """Identity of `shown`."""
        return self.published_digest or self.digest


@dataclass(frozen=True, slots=True)
class Attempt:
    """A hold: a try without a decision. `landed` is the signature of the files as listed, `digest` their content where
    it was read; `cause` is what attempts have in common that failed alike, `gate` the version that tried. It `counts`
    unless a zone took nothing, which is no fault of the partition."""

    source: str
    partition: str
    landed: str
    digest: str
    suite_digest: str
    gate: str
    cause: str
    why: str
    at: str
    run_id: str
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Start:
    """From this time key on the source is judged; what is older is ignored. The last record counts."""

    source: str
    start: Any
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A person declared the partition's layout and levels normal: from it on they are what others are compared with.

    `reopens` are the quarantines it asks to judge again: partition, digest and n of decisions that no longer stand
    once that is done.
    """

    source: str
    partition: str
    digest: str
    values: tuple[tuple[str, Any], ...]
    schema: Schema
    by: str
    why: str
    at: str
    reopens: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Absence:
    """A person said that an expected partition will not come. What lands nevertheless is judged as ever."""

    source: str
    partition: str
    by: str
    why: str
    at: str


@dataclass(frozen=True, slots=True)
class Publication:
    """One commit: which content readers of the partition see since then. `revision` counts from 1."""

    source: str
    partition: str
    revision: int
    digest: str
    path: str
    files: tuple[DataFile, ...]
    published_at: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """What adapters were told, by their names: partition, digest, and revision or n of publications or decisions; and
    why others `failed`."""

    source: str
    told: tuple[tuple[str, tuple[tuple[str, str, int], ...]], ...]
    failed: tuple[tuple[str, str], ...]
    at: str
    run_id: str
