"""The gate as a Lambda function: with messages of a queue, or an event of S3, it looks where they say, with anything
else (a timer) at all sources."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any

from dq.config import Config, load
from dq.errors import HoldError
from dq.reports import json
from dq.worker.events import Message, Unreadable, urls
from dq.worker.watch import Watch, read

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARGIN_SECONDS = 20.0  # before AWS ends the function, nothing new is begun


def answer(event: Any, invocation: Any) -> dict[str, Any]:
    """To a batch of SQS: the messages that are to come again (`batchItemFailures`, to be switched on as
    ReportBatchItemFailures). Otherwise how many partitions were decided or held just now, how many are held, and which
    sources were not looked at to the end. Raises HoldError where what S3 itself told is to come again."""
    documents: list[dict[str, Any]] = []

    def tell(document: dict[str, Any]) -> None:
        documents.append(document)
        print(json.render(document), flush=True)

    def left() -> float:
        return float(invocation.get_remaining_time_in_millis()) / 1000 - _MARGIN_SECONDS

    watch = Watch(_within(load(), left()), tell, stopping=lambda: left() <= 0)
    if messages := list(_batch(event)):
        done = watch.settle(read(messages))
        return {"batchItemFailures": [{"itemIdentifier": m.id} for m in messages if m not in done]}
    try:
        spoken = {Message("", ""): urls(dumps(event))}
    except Unreadable:
        looked = watch.look_at_all()
    else:
        looked = {}
        if not watch.settle(spoken):
            raise HoldError(f"not judged, the event is to come again: {', '.join(*spoken.values())}")
    held = sum(len(one.held) for one in looked.values())
    return {"partitions": len(documents), "held": held, "unfinished": [s for s, one in looked.items() if not one.whole]}


def _batch(event: Any) -> Iterator[Message]:
    """Of SQS, if it is one. What has no text comes again like any other that nobody can read: none is lost."""
    records = event.get("Records") if isinstance(event, dict) else None
    for record in records if isinstance(records, list) else ():
        match record:
            case {"messageId": str(name)}:
                body = record.get("body")
                yield Message(name, body if isinstance(body, str) else "")


def _within(config: Config, seconds: float) -> Config:
    """A partition that takes longer than the function may run is held, and says so."""
    deadline = min(config.limits.deadline_seconds, max(1.0, seconds))
    return config.model_copy(update={"limits": config.limits.model_copy(update={"deadline_seconds": deadline})})
