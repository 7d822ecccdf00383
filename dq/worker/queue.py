"""A queue of SQS. A message that is taken is hidden from other workers until it is deleted, given back, or nobody has
said for a while that it is being worked on."""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dq.errors import StoreError, UsageError
from dq.worker.events import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dq.stores.s3.access import Access

LONGEST_WAIT_SECONDS = 20  # that SQS allows
HIDDEN_SECONDS = 120
_BATCH = 10  # messages of one request, as SQS has it
_GATHER, _GATHER_SECONDS = 500, 5.0  # messages, and for how long they are waited for once there is one
_REGION = re.compile(r"sqs[.-]([a-z0-9-]+)\.amazonaws\.")
_GONE = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "InvalidAddress"}
log = logging.getLogger("dq")


class Queue:
    """Credentials as for S3. Raises UsageError where there is no such queue, StoreError where it does not answer."""

    def __init__(self, url: str, access: Access, hidden_seconds: int = HIDDEN_SECONDS) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.path.strip("/"):
            raise UsageError(f"--queue {url}: write the URL of an SQS queue, like https://sqs.REGION.amazonaws.com/…")
        region = match[1] if (match := _REGION.search(parts.netloc)) else None
        self.url, self.hidden_seconds = url, hidden_seconds
        self.client = access.client("sqs", region)

    def receive(self, wait_seconds: float) -> list[Message]:
        """What is there, or comes while we wait; with the first message those that come soon after it: an upload of
        many files is looked at once."""
        found = self._take(wait_seconds)
        until, more = time.monotonic() + _GATHER_SECONDS, bool(found)
        while more and len(found) < _GATHER and time.monotonic() < until:
            taken = self._take(1)
            found, more = found + taken, bool(taken)
        return found

    def _take(self, wait_seconds: float) -> list[Message]:
        wait = min(LONGEST_WAIT_SECONDS, math.ceil(wait_seconds))
        answer = self._ask(
            "receive_message", MaxNumberOfMessages=_BATCH, WaitTimeSeconds=wait, VisibilityTimeout=self.hidden_seconds
        )
        return [Message(m["MessageId"], m["Body"], m["ReceiptHandle"]) for m in answer.get("Messages", ())]

    def delete(self, messages: Iterable[Message]) -> None:
        self._each("delete_message_batch", messages)

    def give_back(self, messages: Iterable[Message], seconds: float = 0) -> None:
        """To be taken again, by anybody, after so long."""
        self._each("change_message_visibility_batch", messages, VisibilityTimeout=math.ceil(seconds))

    @contextmanager
    def kept(self, messages: Sequence[Message]) -> Iterator[None]:
        """Hidden for as long as this process works on them."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(self.hidden_seconds / 3):
                try:
                    self.give_back(messages, self.hidden_seconds)
                except (
                    StoreError,
                    UsageError,
                ) as error:  # another worker may take them: no harm
                    log.warning("%s", error)

        thread = threading.Thread(target=beat, name="dq-heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _each(self, operation: str, messages: Iterable[Message], **asked: Any) -> None:
        """What SQS does not do for single messages comes again: they are seen once more."""
        listed = list(messages)
        for n in range(0, len(listed), _BATCH):
            entries = [
                {"Id": str(i), "ReceiptHandle": m.receipt, **asked} for i, m in enumerate(listed[n : n + _BATCH])
            ]
            answer = self._ask(operation, Entries=entries)
            for fault in answer.get("Failed", ()):
                log.info("%s: %s of a message was refused (%s)", self.url, operation, fault.get("Code"))

    def _ask(self, operation: str, **asked: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self.client, operation)(QueueUrl=self.url, **asked)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _GONE:
                raise UsageError(f"{self.url}: no such queue ({code}): mend its URL, or make it") from None
            said = "the AWS principal may not" if "Denied" in code else "SQS refuses"
            raise StoreError(f"{self.url}: {said} {operation} ({code})") from None
        except BotoCoreError as error:
            raise StoreError(f"{self.url}: {operation} got no answer ({type(error).__name__})") from None
        return answer
