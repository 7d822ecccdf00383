"""A message per decision, at least once: SNS, EventBridge."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from dq.adapters.aws import ask, refusal
from dq.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dq.adapters.base import Event
    from dq.stores.s3.access import Access

_AT_ONCE = 10  # messages in one request


class Sns:
    """Attributes `source`, `verdict` and `act` are there to be filtered by."""

    name = "sns"

    def __init__(self, access: Access, topic: str) -> None:
        self.access, self.topic = access, topic

    def tell(self, events: Sequence[Event]) -> None:
        client = self.access.client("sns", self.topic.split(":")[3])
        for entries in _some(events, self._entry):
            for n, entry in enumerate(entries):
                entry["Id"] = str(n)
            answer = ask(
                client, "publish_batch", self.topic, permission="sns:Publish", TopicArn=self.topic,
                PublishBatchRequestEntries=entries,
            )  # fmt: skip
            for one in answer.get("Failed", ()):
                raise StoreError(f"{self.topic}: {refusal(str(one.get('Code')), 400, 'sns:Publish')}")

    def _entry(self, event: Event) -> dict[str, Any]:
        body = event.body
        named = {n: {"DataType": "String", "StringValue": body[n]} for n in ("source", "verdict", "act")}
        entry: dict[str, Any] = {"Message": json.dumps(body), "MessageAttributes": named}
        if self.topic.endswith(".fifo"):
            same = json.dumps([body["source"], body["partition"], body["digest"], body["n"]])
            entry["MessageGroupId"] = hashlib.sha256(body["source"].encode()).hexdigest()
            entry["MessageDeduplicationId"] = hashlib.sha256(same.encode()).hexdigest()
        return entry


class EventBridge:
    """Source `dq.gate`, detail type `dq decision`."""

    name = "eventbridge"

    def __init__(self, access: Access, bus: str) -> None:
        self.access, self.bus = access, bus

    def tell(self, events: Sequence[Event]) -> None:
        region = self.bus.split(":")[3] if self.bus.startswith("arn:") else None
        client, on = self.access.client("events", region), f"EventBridge bus {self.bus}"
        for entries in _some(events, self._entry):
            answer = ask(client, "put_events", on, permission="events:PutEvents", Entries=entries)
            for one in answer.get("Entries", ()):
                if "ErrorCode" in one:
                    raise StoreError(f"{on}: {refusal(str(one['ErrorCode']), 400, 'events:PutEvents')}")

    def _entry(self, event: Event) -> dict[str, Any]:
        detail = json.dumps(event.body)
        return {"Source": "dq.gate", "DetailType": "dq decision", "Detail": detail, "EventBusName": self.bus}


def _some(events: Sequence[Event], made: Callable[[Event], dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for n in range(0, len(events), _AT_ONCE):
        yield [made(event) for event in events[n : n + _AT_ONCE]]
