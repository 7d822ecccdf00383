"""The command that runs until it is told to stop."""

from __future__ import annotations

import logging
import re
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq.cli.output import ConfigFile, Engine, Json, say, say_json
from dq.errors import UsageError
from dq.reports import text

if TYPE_CHECKING:
    from collections.abc import Iterator

GRACE_SECONDS = 20  # to end what was begun; ECS and Kubernetes kill after 30
_QUEUED_SECONDS, _POLLED_SECONDS = 3600.0, 60.0
_AGAIN_SECONDS = 3600  # before the log says the same again


def watch(
    queue: Annotated[str | None, typer.Option(metavar="URL", help="SQS queue that S3 tells what landed.")] = None,
    poll: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="List everything so often: 60 or 5m.", show_default="60, 1h with a queue"),
    ] = None,
    jobs: Annotated[int | None, typer.Option(metavar="N", min=1, help="Scan N partitions at once.")] = None,
    as_json: Json = False,
    engine: Engine = None,
    config: ConfigFile = None,
) -> int:
    """Gate what lands, until told to stop.

    Messages only say where to look; what they leave out, the list of everything finds. Any number of workers may watch.
    """
    from dq.config import load
    from dq.worker.queue import Queue
    from dq.worker.watch import Watch

    settings = load(config, engine=engine, jobs=jobs)
    every = _every(poll) if poll else _QUEUED_SECONDS if queue else _POLLED_SECONDS
    listened = Queue(queue, settings.s3.access()) if queue else None
    tell = say_json if as_json else _say
    with _News(), _Stop() as stop:
        watching = Watch(settings, tell, every, listened, lambda: stop.asked)
        while not stop.asked:
            with stop.at_once():
                messages = watching.wait()
            watching.work(messages)
    return 0


def _say(document: dict[str, Any]) -> None:
    say(text.row(document, with_source=True) if document["success"] else text.render(document))


def _every(given: str) -> float:
    from dq.dialects.base import parse_seconds

    try:
        return parse_seconds(f"{given}s" if re.fullmatch(r"\d+", given) else given)
    except ValueError as error:
        raise UsageError(f"--poll: {error}") from None


class _Ended(BaseException):
    """By a signal."""


class _Stop:
    """On the first SIGTERM or SIGINT what was begun is ended, for GRACE_SECONDS; a second one ends it at once. What is
    not ended then is as if the process had been killed: the next one finishes it."""

    def __init__(self) -> None:
        self.asked = False
        self._at_once = False

    def __enter__(self) -> _Stop:
        self._before = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)}
        for number in self._before:
            signal.signal(number, self._told)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, action in self._before.items():
            signal.signal(number, action)
        return kind is not None and (issubclass(kind, _Ended) or (self.asked and issubclass(kind, Exception)))

    def _told(self, *_: object) -> None:
        if self.asked or self._at_once:
            self.asked = True
            raise _Ended
        self.asked = True
        signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Nothing was begun yet."""
        self._at_once = True
        try:
            if self.asked:
                raise _Ended
            yield
        finally:
            self._at_once = False


class _News(logging.Filter):
    """Nothing is said twice within the hour."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def __enter__(self) -> None:
        logging.getLogger("dq").addFilter(self)

    def __exit__(self, *_: object) -> None:
        logging.getLogger("dq").removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        now, message = time.monotonic(), record.getMessage()
        self._said = {m: at for m, at in self._said.items() if now - at < _AGAIN_SECONDS}
        return self._said.setdefault(message, now) == now
