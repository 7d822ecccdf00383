"""What a message says, in every form in which S3 may have sent it; what has no such form is refused and never fails."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dq.worker.events import Unreadable, urls


def notification(bucket: str, *keys: str, name: str = "ObjectCreated:Put") -> str:
    """As S3 writes it to SQS (version 2.1); keys as they are quoted there."""
    records = [
        {"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventName": name,
         "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
                "object": {"key": key, "size": 1024, "sequencer": "0A1B2C3D4E5F678901"}}}
        for key in keys
    ]  # fmt: skip
    return json.dumps({"Records": records})


def event(bucket: str, key: str, account: str = "123456789012") -> str:
    """As EventBridge sends it."""
    detail = {"version": "0", "bucket": {"name": bucket}, "object": {"key": key, "size": 5}, "reason": "PutObject"}
    return json.dumps(
        {"version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": "Object Created",
         "source": "aws.s3", "account": account, "time": "2026-11-26T12:00:00Z", "detail": detail}
    )  # fmt: skip


def enveloped(body: str) -> str:
    """As SNS passes it on."""
    topic = "arn:aws:sns:us-east-1:123456789012:landed"
    return json.dumps({"Type": "Notification", "MessageId": "1", "TopicArn": topic, "Message": body})


TESTING = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b", "RequestId": "1"})
READ: list[tuple[str, tuple[str, ...]]] = [
    (notification("b", "landing/trips/dt%3D2026-03-01/a+b%2Bc.csv"), ("s3://b/landing/trips/dt=2026-03-01/a b+c.csv",)),
    (notification("b", "x%2Fy", "z", name="ObjectRemoved:Delete"), ("s3://b/x/y", "s3://b/z")),
    (event("b", "a+b%20c"), ("s3://b/a+b%20c",)),
    (enveloped(notification("b", "a")), ("s3://b/a",)),
    (enveloped(event("b", "a")), ("s3://b/a",)),
    (TESTING, ()),
    (enveloped(TESTING), ()),
    (notification("b", "..%2F..%2Fetc%00%0A"), ("s3://b/../../etc\0\n",)),
]
REFUSED: list[Any] = [
    "", "null", "[]", "7", "{", '{"Records": 1}', '{"Records": [1]}', '{"Records": [{"s3": null}]}', "{}",
    '{"Records": [{"s3": {"bucket": {"name": ""}, "object": {"key": "a"}}}]}', '{"source": "aws.ec2", "detail": {}}',
    '{"source": "aws.s3"}', '{"Type": "Notification", "Message": "hello"}', '{"Type": "SubscriptionConfirmation"}',
    '{"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": ["a"]}}}]}', "[" * 100_000,
    enveloped(enveloped(notification("b", "a"))),
]  # fmt: skip


@pytest.mark.parametrize(("body", "wanted"), READ, ids=range(len(READ)))
def test_what_is_said(body: str, wanted: tuple[str, ...]) -> None:
    assert urls(body) == wanted


@pytest.mark.parametrize("body", REFUSED, ids=range(len(REFUSED)))
def test_what_says_nothing(body: str) -> None:
    with pytest.raises(Unreadable):
        urls(body)
