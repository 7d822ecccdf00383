"""The policy that ships with the gate allows what it asks, all of it and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dq.opening import store
from dq.stores.s3.access import Access
from dq.worker.queue import Queue
from dq.worker.watch import Watch
from tests.conftest import make_bucket
from tests.golden.test_events import notification
from tests.journeys.real import ROOT
from tests.s3.permissions import Recorder, allows, listed, recorder
from tests.s3.place import CONTRACT, S3Place, before

__all__ = ["recorder"]
POLICY = ROOT / "dq" / "pipeline" / "policy.json"
ADAPTERS = """
[adapters.glue]
database = "lake"
[adapters.symlink]
[adapters.manifest]
[adapters.flat]
[adapters.tags]
on = ["published", "landing"]
[adapters.sns]
topic = "{topic}"
[adapters.eventbridge]
bus = "default"
"""
ZONES = {"landing": "raw", "curated": "curated", "quarantine": "gate/quarantine", "history": "gate/history"}


class Lake(S3Place):
    """The zones of the README in one bucket, suites too, and a queue; all that can be switched on is."""

    def __init__(self, root: Path, recorder: Recorder) -> None:
        self.recorder, self.region = recorder, Access().client("sqs").meta.region_name
        with recorder.apart():
            bucket, topic = make_bucket("small"), Access().client("sns").create_topic(Name="lake")["TopicArn"]
            Access().client("glue").create_database(DatabaseInput={"Name": "lake"})
            urls = {zone: f"s3://{bucket}/{prefix}" for zone, prefix in ZONES.items()}
            super().__init__(root, bucket, more=ADAPTERS.format(topic=topic), **urls)
            self.settings.write_text(f'suites = "s3://{bucket}/gate/suites"\n' + self.settings.read_text())
            more = "policy: {on_fail: split}\nquarantine_copy: true\nready: {restore: true}\n"
            self.put("gate/suites/trips.yaml", (CONTRACT + more).encode())
            made = Access().client("sqs").create_queue(QueueName="lake")
            self.queue = Queue(made["QueueUrl"], Access())

    def drop(
        self, day: str, start: int, bad: int = 0, fare: float = 5.0, column: tuple[str, ...] = (), **more: Any
    ) -> str:
        with self.recorder.apart():
            content = self.table(start, 100, bad=bad, fare=fare, **dict.fromkeys(column, 1.0))
            key = self.put(f"raw/trips/dt={day}/part-{start}.parquet", content, **more)
            self.queue.client.send_message(QueueUrl=self.queue.url, MessageBody=notification(self.bucket, key))
        return key


def test_the_policy_allows_what_is_asked_and_nothing_else(tmp_path: Path, s3: str, recorder: Recorder, dq: Any) -> None:
    lake = Lake(tmp_path, recorder)

    def run(*command: str, wanted: int = 0) -> None:
        ran = dq(*command, "--config", lake.settings)
        assert ran.code == wanted, (command, ran.out, ran.err)

    lake.drop("2026-03-01", 0)
    lake.drop("2026-03-02", 1000, bad=5)
    lake.drop("2026-03-03", 2000, fare=-1.0)
    lake.drop("2026-03-04", 3000, StorageClass="GLACIER")
    watch = Watch(lake.config(), lambda _: None, queue=lake.queue)
    watch.work(watch.wait())
    with recorder.apart():
        assert lake.ids() == [*range(100), *range(1005, 1100)]
    key = lake.drop("2026-03-01", 9000)

    def replace(_: Any) -> None:
        with recorder.apart():
            lake.put(key, b"x" * 2000)

    with before("UploadPartCopy", replace):
        watch.work(watch.wait())
    lake.drop("2026-03-02", 6000)
    run("gate", "--json")
    run("gc")
    data, suite = f"s3://{lake.bucket}/raw/trips/dt=2026-03-03", f"s3://{lake.bucket}/gate/suites/trips.yaml"
    run("validate", data, "--suite", suite, wanted=1)
    with recorder.apart():
        kept = {"Status": "Enabled"}
        lake.client.put_bucket_versioning(Bucket=lake.bucket, VersioningConfiguration=kept)
    store.cache_clear()  # as a process that begins now
    lake.drop("2026-03-05", 4000, column=("tip",))
    told_to_stop = Watch(lake.config(), lambda _: None, queue=lake.queue, stopping=lambda: True)
    told_to_stop.work(watch.wait())
    run("gate", "--json")
    lake.settings.write_text(lake.settings.read_text().partition("[adapters")[0] + '[publish]\nmode = "reference"\n')
    lake.drop("2026-03-06", 7000, column=("tip",))
    run("gate")

    policy = json.loads(POLICY.read_text().replace("arn:aws:s3:::lake", f"arn:aws:s3:::{lake.bucket}"))
    offered = [(s, action) for s in policy["Statement"] for action in listed(s["Action"])]
    denied = [asked for asked in recorder.asked if not any(allows(s, action, asked) for s, action in offered)]
    assert denied == []
    unused = [(s["Sid"], a) for s, a in offered if not any(allows(s, a, asked) for asked in recorder.asked)]
    assert unused == []
