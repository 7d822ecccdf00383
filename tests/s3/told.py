"""A queue that is told what lands, and what watches it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from itertools import count
from typing import Any

from dq.stores.s3.access import Access
from dq.worker.queue import Queue
from dq.worker.watch import Watch
from tests.golden.test_events import notification
from tests.s3.place import S3Place

_numbers = count()


class Told:
    """A queue with its dead-letter queue, and what watches it."""

    def __init__(self, place: S3Place, hidden_seconds: int = 60, tries: int = 2) -> None:
        self.place, name = place, f"landed-{next(_numbers)}"
        self.queue = Queue(os.environ["AWS_ENDPOINT_URL"] + "/123456789012/any", Access(), hidden_seconds)
        self.client = self.queue.client
        self.dead = self.client.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        self.arn = self.attributes(self.dead)["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": self.arn, "maxReceiveCount": tries})
        made = self.client.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy})
        self.queue.url = made["QueueUrl"]
        self.documents: list[dict[str, Any]] = []

    def watch(self, every_seconds: float = 3600.0, stopping: Callable[[], bool] = lambda: False) -> Watch:
        """One that has looked at everything once."""
        found = Watch(self.place.config(), self.documents.append, every_seconds, self.queue, stopping)
        found.work(found.wait())
        return found

    def attributes(self, url: str) -> dict[str, str]:
        return dict(self.client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"])

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.client.send_message(QueueUrl=self.queue.url, MessageBody=body)

    def tell(self, *keys: str) -> None:
        self.send(*(notification(self.place.bucket, key) for key in keys))

    @property
    def left(self) -> tuple[int, int]:
        """Messages that anybody may take, and those that somebody has."""
        found = self.attributes(self.queue.url)
        return int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"])

    @property
    def verdicts(self) -> list[tuple[str, str]]:
        return [(d["partition"], d["verdict"]) for d in self.documents]
