"""Gates sources because a message speaks of them, because a partition of theirs is due, and, whatever was said, all of
them now and then: that look alone sees to it that nothing is missed."""

from __future__ import annotations

import logging
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dq import api, running
from dq.dirty import Dirty
from dq.errors import DQError, HoldError
from dq.gate import Wanted
from dq.history import History
from dq.opening import store
from dq.reach import access_of, place
from dq.references import in_order, sources_of
from dq.stores.s3.keys import path_of
from dq.worker.events import Message, Unreadable, urls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dq.config import Config
    from dq.gate import Run
    from dq.worker.queue import Queue

LOOK_SECONDS = 60.0  # until a source is looked at again in which something waits, if nothing says when it will be ready
BUSY_SECONDS = 5.0
log = logging.getLogger("dq")


@dataclass(frozen=True, slots=True)
class Left:
    """What a look at a source left undone: partitions that are not ready, and those that could not be judged. `whole`:
    the others are settled. `busy`: another worker is at it. `seconds` until another look is worth it."""

    waiting: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    whole: bool = True
    busy: bool = False
    seconds: float | None = None

    def keeps(self, path: str) -> bool:
        """Whether a message about the path is to come again."""
        return not self.busy and (not self.whole or any(_within(path, key) for key in self.held))

    def later(self, path: str) -> Iterator[str]:
        """What is to be marked, so that the message need not come again; an empty text is the whole source."""
        if self.busy:
            yield ""
        yield from (key for key in self.waiting if _within(path, key))


class Watch:
    """`tell` is given each document; `stopping` is asked between partitions. `every_seconds` all sources are looked at,
    first of all at the beginning."""

    def __init__(
        self, config: Config, tell: Callable[[dict[str, Any]], None], every_seconds: float = 60.0,
        queue: Queue | None = None, stopping: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self.config, self.tell, self.every_seconds = config, tell, every_seconds
        self.queue, self.stopping = queue, stopping
        self.dirty = Dirty(store(config.zones.history, access=access_of(config)))
        self._due: dict[str, float] = {}  # when, on the clock of this process
        self._next = time.monotonic()

    def wait(self) -> list[Message]:
        """Until there is something to do; messages, if there are any. Raises UsageError where there is no queue."""
        now = time.monotonic()
        try:
            if now >= self._next:
                self._due = dict.fromkeys(running.sources(self.config), now)
                self._next = now + self.every_seconds
            seconds = max(0.0, min(self._next, *self._due.values()) - now) if self._due else self._next - now
            if self.queue is None:
                time.sleep(seconds)
                return []
            if messages := self.queue.receive(seconds):
                return messages
            for source in self.dirty.marks():
                self._due.setdefault(source, now)
        except HoldError as error:
            log.warning("%s", error)
            time.sleep(BUSY_SECONDS)
        return []

    def work(self, messages: Iterable[Message] = ()) -> None:
        """Look where the messages say, and at what is due. What is not settled comes again."""
        spoken = read(messages)
        if self.queue is not None and spoken:
            with self.queue.kept(list(spoken)):
                self._work(self.queue, spoken)
        now = time.monotonic()
        for source in self._in_order(s for s, at in self._due.items() if at <= now):
            self._look(source)

    def look_at_all(self) -> dict[str, Left]:
        return {source: self._look(source) for source in self._in_order(running.sources(self.config))}

    def _in_order(self, sources: Iterable[str]) -> list[str]:
        """Behind those whose published data they compare with."""
        refers: dict[str, tuple[str, ...]] = {}
        for source in sorted(sources):
            refers[source] = ()
            with suppress(DQError):  # said when it is looked at
                refers[source] = sources_of(running.contract_of(source, self.config))
        return in_order(refers)

    def _work(self, queue: Queue, spoken: Mapping[Message, tuple[str, ...]]) -> None:
        done: list[Message] = []
        try:
            done = self.settle(spoken)
            queue.delete(done)
        except HoldError as error:
            log.warning("%s", error)
        finally:  # whoever stops us
            left = [m for m in spoken if m not in done]
            queue.give_back(left, 0.0 if not done and self.stopping() else self.config.limits.retry_seconds)

    def settle(self, spoken: Mapping[Message, tuple[str, ...]]) -> list[Message]:
        """Of messages that speak of objects those of which nothing is left to do: decided, of no source, or marked for
        later."""
        sources = running.sources(self.config) if any(spoken.values()) else ()
        folders = {source: f"{place(running.zones_of(source, self.config))}/" for source in sources}
        found = {message: list(_named(places, folders)) for message, places in spoken.items()}
        left = {
            source: self._look(source) for source in self._in_order({s for named in found.values() for s, _ in named})
        }
        done = [m for m, places in found.items() if not any(left[s].keeps(path) for s, path in places)]
        for source, partition in sorted({(s, p) for m in done for s, path in found[m] for p in left[s].later(path)}):
            self.dirty.add(source, partition)
        return done

    def _look(self, source: str) -> Left:
        """Gate it, unless somebody is at it, and remember when to look again."""
        left = Left(whole=False)
        if not self.stopping():
            try:
                left = self._gated(source)
            except Exception as error:  # the other sources are not to wait for it
                told = str(error) if isinstance(error, DQError) else f"internal error: {type(error).__name__}"
                log.warning("%s: %s", source, told)
                left = Left(whole=False, seconds=max(self.config.limits.retry_seconds, BUSY_SECONDS))
        self._due.pop(source, None)
        if left.seconds is not None:
            self._due[source] = time.monotonic() + left.seconds
        return left

    def _gated(self, source: str) -> Left:
        zones = running.zones_of(source, self.config)
        if History(zones.history).is_busy(source):
            return Left(whole=False, busy=True, seconds=BUSY_SECONDS)
        marks = self.dirty.marks().get(source, {})
        one = running.gate_run(source, self.config, Wanted())
        held = set()
        with closing(api.gated(one)) as documents:
            for document in documents:
                self.tell(document)
                if not document["success"] and document["verdict"] != "quarantine":
                    held.add(document["partition"])
                if self.stopping():
                    return Left(whole=False)
        waiting = frozenset(landed.partition.key for landed in one.open.waiting)
        held |= {key for key, _ in one.open.resting}
        self.dirty.clear(marks, waiting | held)
        return Left(waiting, frozenset(held), seconds=_seconds(one))


def read(messages: Iterable[Message]) -> dict[Message, tuple[str, ...]]:
    """What they speak of. One of no known form is left where it is, for the queue to put it aside after some tries."""
    found = {}
    for message in messages:
        try:
            found[message] = urls(message.body)
        except Unreadable as error:
            log.warning("message %s is left to the dead-letter queue: %s", message.id, error)
    return found


def _named(urls: Iterable[str], folders: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Sources in whose folders the objects lie, and their paths there; of names only."""
    for url in urls:
        for source, folder in folders.items():
            if url.startswith(folder):
                yield source, path_of(url.removeprefix(folder))


def _within(path: str, partition: str) -> bool:
    return path == partition or path.startswith(f"{partition}/")


def _seconds(run: Run) -> float | None:
    """Until something that was left undone may end differently."""
    now, quiet = datetime.now(UTC), run.contract.ready.quiet_seconds
    tried = (*run.open.held, *(tried for _, tried in run.open.resting))
    seconds = [(one.due - now).total_seconds() for one in tried if one.due and not one.parked]
    for landed in run.open.waiting:
        newest = max((f.modified or 0.0 for f in landed.partition.files), default=0.0)
        rest = 0.0 if quiet is None else min(quiet, newest + quiet - run.asking.now.timestamp())
        seconds.append(rest if rest > 0 else LOOK_SECONDS)
    if run.open.undelivered or run.open.unrecorded or run.open.stuck:
        seconds.append(run.retry_seconds)
    return max(1.0, min(seconds)) if seconds else None
