"""Which partitions should have landed by now, from the contract's `expected`: the next ones, and those left out between
others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from dq import inventory
from dq.ir.data import Partition
from dq.ir.layout import PARTS, Layout, moment, parse_layout, wall
from dq.ir.scalar import compare

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dq.inventory import Landed
    from dq.ir.contract import Contract, Expected

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Gap:
    """Partitions of one series that are late one after the other: `count` from `start` on. `like` is one that came."""

    expected: Expected
    layout: Layout
    like: Partition
    start: datetime
    count: int

    @property
    def due(self) -> datetime:
        """When the first was due."""
        return due(self.expected, self.start)

    @property
    def first(self) -> Partition:
        return self.at(0)

    @property
    def last(self) -> Partition:
        return self.at(self.count - 1)

    def at(self, n: int) -> Partition:
        """The n-th, under the name it would have."""
        return _named(self.layout, self.like, self.start + n * _every(self.expected))

    def __iter__(self) -> Iterator[Partition]:
        return (self.at(n) for n in range(self.count))


def late(contract: Contract, landed: Iterable[Partition], now: datetime, start: date | None = None) -> list[Gap]:
    """What is not among the partitions `landed`, and was due; nothing is expected before `start`.

    Looks back over as many partitions as history does (`window`): what was left out longer ago is nobody's task.
    """
    expected, layout = contract.expected, parse_layout(contract.layout) if contract.layout else None
    if expected is None or layout is None or not layout.timed or expected.every_seconds <= 0:
        return []
    lines: dict[Any, dict[datetime, Partition]] = {}
    for one in landed:
        at = moment(dict(one.values))
        if at is not None and (start is None or compare(at, start) >= 0):
            lines.setdefault(inventory.series(one), {})[wall(at)] = one
    found = []
    for line in lines.values():
        known = sorted(line)[-contract.suite.memory.window :]
        gaps = [*_left_out(expected, known), (known[-1], _overdue(expected, known[-1], now))]
        found += [Gap(expected, layout, line[at], at + _every(expected), count) for at, count in gaps if count > 0]
    return sorted(found, key=lambda gap: inventory.order(gap.first))


def due(expected: Expected, at: datetime) -> datetime:
    """When the partition of a moment has to be there: once its time is over, at the next `by` o'clock; where partitions
    are shorter than a day, `by` counts from their end."""
    end = at + _every(expected)
    hour, minute = map(int, expected.by.split(":"))
    if _every(expected) < _DAY:
        end += timedelta(hours=hour, minutes=minute)
    else:
        clock = end.replace(hour=hour, minute=minute)
        end = clock if clock >= end else clock + _DAY
    return end.replace(tzinfo=ZoneInfo(expected.timezone))


def overdue(contract: Contract, landed: Iterable[Landed], now: datetime) -> list[str]:
    """Keys of what landed, should be ready by now, and is not."""
    found = []
    for one in landed:
        at = moment(dict(one.partition.values))
        if one.waiting and contract.expected is not None and at is not None and due(contract.expected, wall(at)) <= now:
            found.append(one.partition.key)
    return found


def _every(expected: Expected) -> timedelta:
    return timedelta(seconds=expected.every_seconds)


def _left_out(expected: Expected, known: list[datetime]) -> Iterator[tuple[datetime, int]]:
    """After which moments how many are missing before the next known one. Who comes late shifts what follows: something
    is left out only where half a period more would fit in."""
    every = _every(expected)
    for one, following in pairwise(known):
        yield one, (following - one - every / 2) // every


def _overdue(expected: Expected, last: datetime, now: datetime) -> int:
    """How many after the last known one were due."""
    local, every = now.astimezone(ZoneInfo(expected.timezone)).replace(tzinfo=None), _every(expected)
    count = max(0, (local - last) // every + 1)
    while count > 0 and due(expected, last + count * every) > now:
        count -= 1
    return count


def _named(layout: Layout, like: Partition, at: datetime) -> Partition:
    """The partition of a moment in the series of another."""
    values = dict(like.values)
    parts = dict(zip(PARTS, (at.year, at.month, at.day, at.hour), strict=True))
    for key in layout.keys:
        old = values[key.name]
        if isinstance(old, date):
            values[key.name] = at if isinstance(old, datetime) else at.date()
        elif key.name in parts:
            values[key.name] = parts[key.name]
    return Partition(like.source, layout.path(values), tuple(values.items()), single_file=layout.single_file)
