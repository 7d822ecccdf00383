"""Rules about files as files: their size, age and content. A path names a data set, as an alias does."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from dq.dialects.base import check_zone
from dq.dialects.dqdl import metrics as m
from dq.dialects.dqdl import tree as t
from dq.dialects.dqdl.build import NONE_FAIL, Asked, Meant
from dq.dialects.dqdl.operands import Fault, bound, moment, size
from dq.dialects.dqdl.printing import condition_text, text_of
from dq.dialects.patterns import check_pattern
from dq.errors import nearest
from dq.ir.check import Bound
from dq.ir.expr import Now
from dq.ir.metric import Dimension, Facts, FileFacts, Measure, Metric, metric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dq.ir.aggregate import Aggregate
    from dq.ir.expr import Limit

_ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256"}
_FILTERS = ("recentFiles", "uriRegex")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?:\s*(AM|PM))?")
_SHOWN = 5


@dataclass(frozen=True)
class OfFiles(Metric):
    """Files that are not as they should be. `dataset`: "" for the one that is judged; `recent`: only so many of the
    newest; `pattern`: only those in whose path it is found; `order`: which of these is applied first."""

    dimension: ClassVar[Dimension] = Dimension.VOLUME
    unit: ClassVar[str] = "violations"

    dataset: str = ""
    recent: int | None = None
    pattern: str = ""
    order: tuple[str, ...] = _FILTERS
    words: str = ""

    def references(self) -> frozenset[str]:
        return frozenset({self.dataset} - {""})

    def hashes(self) -> frozenset[str] | None:
        return frozenset()

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        files = self.chosen(dict(facts.listed).get(self.dataset, ()))
        if not files:
            return Measure(None, note="there is no such file")
        return self.judged(files, facts)

    def chosen(self, files: Sequence[FileFacts]) -> list[FileFacts]:
        found = list(files)
        for name in self.order:
            if name == "uriRegex" and self.pattern:
                found = [f for f in found if re.search(self.pattern, f.path)]
            elif name == "recentFiles" and self.recent is not None:
                newest = sorted(found, key=lambda f: (f.modified or datetime.min.replace(tzinfo=UTC), f.path))
                found = newest[-self.recent :]
        return found

    def judged(self, files: Sequence[FileFacts], facts: Facts) -> Measure:
        wrong = [f for f in files if not self.holds(f, facts)]
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        note = ", ".join(f"{f.path} ({self.told(f)})" for f in wrong[:_SHOWN]) + more
        return Measure(len(wrong), len(files), note)

    def holds(self, file: FileFacts, facts: Facts) -> bool:
        raise NotImplementedError

    def told(self, file: FileFacts) -> str:
        return f"{file.bytes:,} bytes"

    def phrase(self) -> str:
        return f"every file is {self.words}"


@metric
@dataclass(frozen=True)
class FilesSized(OfFiles):
    """Files of another size."""

    name: ClassVar[str] = "file_size"

    bound: Bound = NONE_FAIL

    def holds(self, file: FileFacts, facts: Facts) -> bool:
        return _within(self.bound, file.bytes)


@metric
@dataclass(frozen=True)
class FilesFresh(OfFiles):
    """Files that were written at another time. A time of day is one of the day of the run, in `zone`."""

    name: ClassVar[str] = "file_freshness"
    dimension: ClassVar[Dimension] = Dimension.TIMELINESS

    bound: Bound = NONE_FAIL
    zone: str = "UTC"

    def holds(self, file: FileFacts, facts: Facts) -> bool:
        assert facts.now is not None
        conditions = tuple(replace(c, limit=self.at(c.limit, facts.now)) for c in self.bound.conditions)
        return _within(replace(self.bound, conditions=conditions), file.modified)

    def at(self, limit: Limit, now: datetime) -> datetime:
        zone = ZoneInfo(self.zone)
        if isinstance(limit, Now):
            return now + limit.shift
        if isinstance(limit, time):
            return datetime.combine(now.astimezone(zone).date(), limit, zone)
        assert isinstance(limit, date)
        return datetime.combine(limit, time(), zone)

    def told(self, file: FileFacts) -> str:
        return f"written {file.modified:%Y-%m-%d %H:%M:%S} UTC"


def _within(limits: Bound, value: Any) -> bool:
    return all(c.holds(value, None, None) for c in limits.conditions) != limits.negated


@metric
@dataclass(frozen=True)
class FilesKnown(OfFiles):
    """Files whose content is not of a list of digests, or of another data set's files; of these also those that are
    not here. `named`: under the same name."""

    name: ClassVar[str] = "file_match"
    dimension: ClassVar[Dimension] = Dimension.CONSISTENCY

    algorithm: str = "sha256"
    known: tuple[str, ...] = ()
    other: str | None = None
    named: bool = False

    def references(self) -> frozenset[str]:
        return frozenset({self.dataset, self.other or ""} - {""})

    def hashes(self) -> frozenset[str]:
        return frozenset({self.algorithm})

    def holds(self, file: FileFacts, facts: Facts) -> bool:
        return dict(file.digests)[self.algorithm] in self.known

    def judged(self, files: Sequence[FileFacts], facts: Facts) -> Measure:
        if self.other is None:
            return super().judged(files, facts)
        theirs = self.chosen(dict(facts.listed).get(self.other, ()))
        own, others = ({self.identity(f): f.path for f in side} for side in (files, theirs))
        wrong = [own[k] for k in own if k not in others] + [others[k] for k in others if k not in own]
        return Measure(len(wrong), len(files), ", ".join(sorted(wrong)[:_SHOWN]))

    def identity(self, file: FileFacts) -> tuple[str, str]:
        return dict(file.digests)[self.algorithm], file.path.rsplit("/", 1)[-1] if self.named else ""

    def told(self, file: FileFacts) -> str:
        return dict(file.digests)[self.algorithm]


@metric
@dataclass(frozen=True)
class FilesUnique(OfFiles):
    """Different contents, of the files."""

    name: ClassVar[str] = "file_uniqueness"
    dimension: ClassVar[Dimension] = Dimension.UNIQUENESS
    unit: ClassVar[str] = "ratio"

    def hashes(self) -> frozenset[str]:
        return frozenset({"sha256"})

    def judged(self, files: Sequence[FileFacts], facts: Facts) -> Measure:
        counts = Counter(dict(f.digests)["sha256"] for f in files)
        return Measure(len(counts) / len(files), len(files))

    def phrase(self) -> str:
        return "of the files have a content of their own"


def _filters(asked: Asked) -> dict[str, Any]:
    """What the tags say of which files are meant. Raises Fault."""
    found: dict[str, Any] = {"dataset": asked.names()[0] if asked.names() else ""}
    if tag := asked.tag("recentFiles"):
        found["recent"] = _whole(tag)
    if tag := asked.tag("uriRegex"):
        try:
            check_pattern(asked.said("uriRegex"))
        except ValueError as error:
            raise Fault(str(error), tag.place) from None
        found["pattern"] = asked.said("uriRegex")
    if tag := asked.tag("filterOrder"):
        names = tag.value if isinstance(tag.value, tuple) else ()
        order = tuple(o.value for o in names if isinstance(o, t.Text))
        if not order or len(order) != len(names) or not set(order) <= set(_FILTERS):
            raise Fault('filterOrder is written like  with filterOrder = ["uriRegex", "recentFiles"]', tag.place)
        found["order"] = (*order, *(f for f in _FILTERS if f not in order))
    return found


def _whole(tag: t.Tag) -> int:
    value = tag.value.operands[0] if isinstance(tag.value, t.Condition) and tag.value.op == "=" else None
    if not isinstance(value, t.Number) or not isinstance(value.value, int) or value.value < 1:
        raise Fault(f"{tag.name} is written like  with {tag.name} = 10", tag.place)
    return value.value


def _of_all(asked: Asked, found: OfFiles) -> Meant:
    share = asked.share()
    if share is None:
        return Meant(found)
    return Meant(m.Share(found, f"of the files are {found.words}"), share, name=found.name)


def file_size(asked: Asked) -> Meant:
    written = asked.rule.condition
    assert written is not None
    words = f"of a size {condition_text(written)}"
    return _of_all(asked, FilesSized(**_filters(asked), bound=bound(written, size), words=words))


def file_freshness(asked: Asked) -> Meant:
    written = asked.rule.condition
    assert written is not None
    zone = asked.said("timeZone") or "UTC"
    if tag := asked.tag("timeZone"):
        try:
            check_zone(zone)
        except ValueError as error:
            raise Fault(str(error), tag.place) from None
    words = f"written {condition_text(written)}"
    return _of_all(asked, FilesFresh(**_filters(asked), bound=bound(written, _at), zone=zone, words=words))


def _at(operand: t.Operand) -> Limit:
    if isinstance(operand, t.Text) and (match := _CLOCK.fullmatch(operand.value)):
        hour = int(match[1]) % 12 + 12 * (match[3] == "PM") if match[3] else int(match[1])
        try:
            return time(hour, int(match[2]))
        except ValueError:
            raise Fault(f'"{operand.value}" is no time of day', operand.place) from None
    return moment(operand)


def file_match(asked: Asked) -> Meant:
    written, names = asked.rule.condition, asked.names()
    algorithm = asked.said("hashAlgorithm") or "SHA-256"
    if algorithm not in _ALGORITHMS:
        tag = asked.tag("hashAlgorithm")
        assert tag is not None
        said = f'no algorithm "{algorithm}"{nearest(algorithm, _ALGORITHMS)}; there are {", ".join(_ALGORITHMS)}'
        raise Fault(said, tag.place)
    found = FilesKnown(**_filters(asked), algorithm=_ALGORITHMS[algorithm], words="one of those that are known")
    if len(names) == 2:
        if written is not None:
            raise Fault("two paths are compared with each other: there is no condition then", written.place)
        named, tag = asked.said("matchFileName").lower(), asked.tag("matchFileName")
        if tag and named not in ("true", "false"):
            raise Fault('matchFileName is "true" or "false"', tag.place)
        return Meant(replace(found, other=names[1], named=named == "true"))
    if written is None or written.op not in ("in", "=") or written.negated:
        raise Fault('FileMatch compares two paths, or digests: FileMatch in ["..."]', asked.rule.place)
    known = [o.value for o in written.operands if isinstance(o, t.Text)]
    if len(known) != len(written.operands):
        wrong = next(o for o in written.operands if not isinstance(o, t.Text))
        raise Fault(f"a digest is a text, not {text_of(wrong)}", wrong.place)
    return Meant(replace(found, known=tuple(k.lower() for k in known)))


def file_uniqueness(asked: Asked) -> Meant:
    return Meant(FilesUnique(**_filters(asked)), asked.bound())


FILES: dict[str, Callable[[Asked], Meant]] = {
    "FileSize": file_size, "FileFreshness": file_freshness, "FileMatch": file_match, "FileUniqueness": file_uniqueness,
}  # fmt: skip
