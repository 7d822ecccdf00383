"""Gating what lands, told by a queue or by looking: messages may be doubled, out of order, lost, forged or broken."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dq import config
from dq.dirty import Dirty
from dq.errors import HoldError
from dq.history import History
from dq.opening import store
from dq.stores.s3.access import Access
from dq.worker import lambda_handler
from dq.worker.watch import Watch
from tests.golden.test_events import enveloped, event, notification
from tests.journeys.real import ROOT
from tests.s3.place import CONTRACT, S3Place
from tests.s3.told import Told

Dq = Callable[..., Any]


@pytest.fixture
def place(tmp_path: Path, bucket: str) -> S3Place:
    return S3Place(tmp_path, bucket)


@pytest.fixture
def told(place: S3Place, monkeypatch: pytest.MonkeyPatch) -> Told:
    for name in ("LONGEST_WAIT_SECONDS", "_GATHER_SECONDS"):  # the server answers one request at a time
        monkeypatch.setattr(f"dq.worker.queue.{name}", 0)
    place.put("landing/trips/_about", b"")  # a landing folder
    return Told(place)


def test_what_s3_tells_is_judged_and_its_messages_go(told: Told) -> None:
    """Told by the server itself, every object twice."""
    arn = told.attributes(told.queue.url)["QueueArn"]
    told.place.client.put_bucket_notification_configuration(
        Bucket=told.place.bucket,
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]},
    )
    watch = told.watch()
    keys = told.place.land("2026-03-01", 0)
    told.tell(*keys)
    for _ in range(2):
        watch.work(watch.wait())
    assert told.verdicts == [("dt=2026-03-01", "promote")]
    assert told.place.ids() == list(range(40))
    while sum(told.left):  # what publishing wrote was told too
        watch.work(watch.wait())
    assert told.verdicts == [("dt=2026-03-01", "promote")]


def test_messages_out_of_order_are_decided_in_order(told: Told) -> None:
    watch = told.watch()
    days = [told.place.land(f"2026-03-0{n}", 100 * n, files=1)[0] for n in (1, 2, 3)]
    bucket = told.place.bucket
    told.send(enveloped(notification(bucket, days[2])), event(bucket, days[0]))
    watch.work(watch.wait())
    assert told.verdicts == [(f"dt=2026-03-0{n}", "promote") for n in (1, 2, 3)]
    assert told.left == (0, 0)


def test_what_nobody_tells_is_found_by_looking_at_everything(told: Told) -> None:
    watch = told.watch(every_seconds=0.05)
    told.place.land("2026-03-01", 0, fare=-1.0)
    time.sleep(0.05)
    watch.work(watch.wait())
    assert told.verdicts == [("dt=2026-03-01", "quarantine")]


def test_forged_messages_lead_nowhere(told: Told) -> None:
    """They name what is not there, or not ours: nothing but our landing is looked at, and of it what lies there."""
    told.place.settings.write_text(told.place.settings.read_text() + '[s3]\nowner = "123456789012"\n')
    watch = told.watch()
    told.place.land("2026-03-01", 0)
    bucket = told.place.bucket
    told.send(
        notification("somebody-elses", "landing/trips/dt=2026-03-01/a.parquet"),
        notification(f"{bucket}-2", "landing/trips/dt=2026-03-01/a.parquet"),
        notification(bucket, "landing/tripsters/dt=2026-03-01/a.parquet", "curated/trips/x", "history/decisions/x"),
        notification(bucket, "landing/trips/..%2F..%2Fhistory%2Fdecisions", "%2Fetc%2Fpasswd", "landing/trips/%00%0A"),
        notification(bucket, "landing/trips/" + "x" * 1024, "landing/trips/dt=2026-03-09/nothing.parquet"),
        event(bucket, "landing/trips/dt=2026-03-01/%2e%2e/[*]", account="999999999999"),
    )
    asked: set[tuple[str, Any]] = set()

    def see(request: Any) -> None:
        asked.add((request.url.split("/")[3].split("?")[0], request.headers.get("x-amz-expected-bucket-owner")))

    for client in told.place.config().s3.access().clients:
        client.meta.events.register("before-send.s3", lambda request, **_: see(request))
    watch.work(watch.wait())
    assert told.verdicts == [("dt=2026-03-01", "promote")]
    assert asked == {(bucket, b"123456789012")}
    assert told.left == (0, 0)
    assert not told.place.objects("history/dirty/")


def test_a_broken_message_is_left_to_the_dead_letter_queue(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    told.queue.hidden_seconds = 0
    watch = told.watch()
    (key,) = told.place.land("2026-03-01", 0, files=1)
    told.send('{"Records": "none"}')
    told.tell(key)
    for _ in range(3):
        watch.work(watch.wait())
    assert told.verdicts == [("dt=2026-03-01", "promote")]
    assert "left to the dead-letter queue: neither a notification" in caplog.text
    assert told.left == (0, 0)
    assert int(told.attributes(told.dead)["ApproximateNumberOfMessages"]) == 1


def test_what_is_not_ready_is_marked_for_any_worker(told: Told) -> None:
    """The message goes, since waiting is no failure; another worker finds the mark, though no message says that the
    partition is complete."""
    (told.place.root / "suites" / "trips.yaml").write_text(CONTRACT + "ready: {marker: _SUCCESS}\n")
    first, other = told.watch(), told.watch()
    told.tell(*told.place.land("2026-03-01", 0))
    while sum(told.left):
        first.work(first.wait())
    assert not told.documents
    marks = Dirty(store(told.place.config().zones.history, None, Access())).marks()
    assert list(marks) == ["trips"]
    assert list(marks["trips"]) == ["dt=2026-03-01"]
    told.place.put("landing/trips/dt=2026-03-01/_SUCCESS", b"")
    other._due.clear()
    told.queue.receive = lambda _: []  # type: ignore[method-assign]
    for _ in range(2):
        other.work(other.wait())
    assert told.verdicts == [("dt=2026-03-01", "promote")]
    assert not told.place.objects("history/dirty/")


def test_what_must_be_quiet_is_judged_when_it_was(told: Told) -> None:
    (told.place.root / "suites" / "trips.yaml").write_text(CONTRACT + "ready: {quiet: 2s}\n")
    watch, began = told.watch(), time.monotonic()
    told.tell(*told.place.land("2026-03-01", 0, files=1))
    watch.work(watch.wait())
    assert told.left == (0, 0)
    assert not told.verdicts or time.monotonic() - began > 1, "S3 tells seconds"
    until = time.monotonic() + 20
    while not told.verdicts and time.monotonic() < until:
        watch.work(watch.wait())
        time.sleep(0.1)
    assert told.verdicts == [("dt=2026-03-01", "promote")]


def test_what_cannot_be_judged_comes_again(told: Told) -> None:
    settings = told.place.settings.read_text()
    told.place.settings.write_text(settings + "spool_bytes = 100\n")
    watch = told.watch()
    text = "id,fare\n" + "".join(f"{n},5.0\n" for n in range(20))
    key = told.place.put("landing/trips/dt=2026-03-01/a.csv", text.encode())
    told.tell(key, "landing/trips/dt=2026-03-05/a.csv")
    watch.work(watch.wait())
    assert {v for _, v in told.verdicts} == {"hold"}
    assert told.left == (1, 0), "of the partition that is not there nothing is left to do"
    told.place.settings.write_text(settings)
    watch = told.watch()
    watch.work(watch.wait())
    assert told.verdicts[-1] == ("dt=2026-03-01", "promote")
    assert told.left == (0, 0)


def test_a_contract_that_does_not_parse_loses_no_message(told: Told) -> None:
    contract = told.place.root / "suites" / "trips.yaml"
    watch = told.watch()
    contract.write_text("source: trips\ncolums: {}\n")
    told.tell(*told.place.land("2026-03-01", 0, files=1))
    watch.work(watch.wait())
    assert told.left == (1, 0)
    contract.write_text(CONTRACT)
    watch.work(watch.wait())
    assert told.verdicts == [("dt=2026-03-01", "promote")]
    assert told.left == (0, 0)


def test_a_source_that_another_worker_is_at_is_left_to_it(told: Told) -> None:
    """It is not waited for, and the message goes: a mark says that somebody is to look again."""
    watch, other = told.watch(), told.watch()
    told.tell(*told.place.land("2026-03-01", 0, files=1))
    with History(store(told.place.config().zones.history, None, Access())).lock("trips"):
        watch.work(watch.wait())
        assert told.left == (0, 0)
    assert not told.documents
    for _ in range(2):
        other.work(other.wait())
        other._due and other.work()
    assert told.verdicts == [("dt=2026-03-01", "promote")]
    assert not told.place.objects("history/dirty/")


def test_a_message_is_hidden_for_as_long_as_it_is_worked_on(told: Told) -> None:
    told.queue.hidden_seconds = 3
    watch = told.watch()
    told.tell(*told.place.land("2026-03-01", 0, files=1))
    seen: list[tuple[int, int]] = []

    def slowly(document: dict[str, Any]) -> None:
        time.sleep(3.5)
        seen.append(told.left)

    watch.tell = slowly
    watch.work(watch.wait())
    assert seen == [(0, 1)]
    assert told.left == (0, 0)


def test_who_is_told_to_stop_gives_back_what_is_left(told: Told) -> None:
    watch = told.watch(stopping=lambda: bool(told.documents))
    for n in (1, 2):
        told.tell(*told.place.land(f"2026-03-0{n}", 100 * n, files=1))
    watch.work(watch.wait())
    assert told.verdicts == [("dt=2026-03-01", "promote")]
    assert told.left[0] > 0
    next_one = told.watch()
    next_one.work(next_one.wait())
    assert told.verdicts[1:] == [("dt=2026-03-02", "promote")]


@pytest.mark.soak
def test_several_workers_decide_each_partition_once(told: Told) -> None:
    told.queue.hidden_seconds = 5
    watches = [told.watch() for _ in range(2)]
    keys = [told.place.land(f"2026-03-0{n}", 100 * n, files=1)[0] for n in range(1, 4)]
    told.tell(*keys, *keys)
    until = time.monotonic() + 20

    def serve(watch: Watch) -> None:
        while sum(told.left) and time.monotonic() < until:
            watch.work(watch.wait())

    threads = [threading.Thread(target=serve, args=[w]) for w in watches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for watch in watches:
        watch.look_at_all()
    assert sorted(told.verdicts) == [(f"dt=2026-03-0{n}", "promote") for n in range(1, 4)]
    assert told.place.ids() == sorted(i for n in range(1, 4) for i in range(100 * n, 100 * n + 20))
    assert told.left == (0, 0)


def test_a_function_answers_with_the_messages_that_are_to_come_again(
    place: S3Place, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    other = place.root / "suites" / "zones.yaml"
    other.write_text("source: zones\nlayout: '{date:%Y-%m-%d}.csv'\nready: {marker: _DONE}\ncolums: {}\n")
    monkeypatch.setenv("DQ_CONFIG", str(place.settings))
    (key,) = place.land("2026-03-01", 0, files=1)
    place.put("landing/zones/2026-03-01.csv", b"zone\n1\n")
    bodies = {
        "good": notification(place.bucket, key), "again": event(place.bucket, key), "broken": "{",
        "held": notification(place.bucket, "landing/zones/2026-03-01.csv"), "foreign": notification("other", "x"),
    }  # fmt: skip
    records = [{"messageId": n, "body": b, "eventSource": "aws:sqs"} for n, b in bodies.items()]
    aws = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)
    answer = lambda_handler({"Records": records}, aws)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "broken"}, {"itemIdentifier": "held"}]}
    assert place.ids() == list(range(20))
    (document,) = map(json.loads, capfd.readouterr().out.splitlines())
    assert document["partition"] == "dt=2026-03-01"

    other.write_text(other.read_text().replace("colums: {}\n", ""))
    assert lambda_handler({"Records": records[3:4]}, aws) == {"batchItemFailures": []}, "not ready: marked"
    place.put("landing/zones/_DONE", b"")
    timed: dict[str, Any] = {"source": "aws.events"}
    assert lambda_handler(timed, aws) == {"partitions": 1, "held": 0, "unfinished": []}
    good = other.read_text()
    other.write_text(good + "colums: {}\n")
    assert lambda_handler(timed, aws) == {"partitions": 0, "held": 0, "unfinished": ["zones"]}
    told = json.loads(bodies["held"])
    with pytest.raises(HoldError, match="the event is to come again"):
        lambda_handler(told, aws)
    other.write_text(good)
    assert lambda_handler(told, aws) == {"partitions": 0, "held": 0, "unfinished": []}, "told by S3 itself"
    for made_by_hand in (5, None, {"Records": 5}, {"Records": [5, {"messageId": 1, "body": []}]}):
        assert lambda_handler(made_by_hand, aws) == {"partitions": 0, "held": 0, "unfinished": []}
    without_text = {"Records": [{"messageId": "x"}, {"messageId": "y", "body": {}}]}
    assert lambda_handler(without_text, aws) == {"batchItemFailures": [{"itemIdentifier": n} for n in "xy"]}
    assert not place.objects("history/dirty/")
    place.land("2026-03-02", 100)
    late = SimpleNamespace(get_remaining_time_in_millis=lambda: 5_000)
    answer = lambda_handler({"Records": records[:1]}, late)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "good"}]}, "nothing is begun when time is short"
    assert place.ids() == list(range(20))


def test_sources_are_looked_at_behind_those_that_they_compare_with(tmp_path: Path) -> None:
    contracts = {"rides": "{zone: {references: zones.zone}}", "zones": "{zone: {}}"}
    (tmp_path / "suites").mkdir()
    for source, columns in contracts.items():
        layout = "layout: '{date:%Y-%m-%d}.csv'"
        (tmp_path / "suites" / f"{source}.yaml").write_text(f"source: {source}\n{layout}\ncolumns: {columns}\n")
        (tmp_path / "landing" / source).mkdir(parents=True)
        (tmp_path / "landing" / source / "2026-03-01.csv").write_text("zone\n1\n")
    settings = tmp_path / "dq.toml"
    settings.write_text('[zones]\ncurated = "curated"\n[limits]\nisolated = false\n')
    documents: list[dict[str, Any]] = []
    watch = Watch(config.load(settings, environment={}), documents.append)
    watch.work(watch.wait())
    assert [(d["source"], d["verdict"]) for d in documents] == [("zones", "promote"), ("rides", "promote")]


def test_a_queue_that_is_not_there_is_said(place: S3Place, dq: Dq) -> None:
    place.put("landing/trips/_about", b"")
    url = os.environ["AWS_ENDPOINT_URL"]
    ran = dq("watch", "--queue", f"{url}/123456789012/nobody", "--config", place.settings)
    assert (ran.code, "no such queue" in ran.err) == (2, True)
    ran = dq("watch", "--queue", "trips", "--config", place.settings)
    assert (ran.code, "write the URL of an SQS queue" in ran.err) == (2, True)
    ran = dq("watch", "--poll", "soon", "--config", place.settings)
    assert (ran.code, "--poll" in ran.err) == (2, True)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of a socket that was just opened
def test_the_commands_of_the_page_run_until_told_to_stop(told: Told, dq: Dq) -> None:
    commands = re.findall("^dq (watch [^#\n]*)", (ROOT / "dq" / "pipeline" / "README.md").read_text(), re.MULTILINE)
    assert len(commands) == 2
    said = ""
    for n, command in enumerate(commands, 1):
        told.tell(*told.place.land(f"2026-03-0{n}", 100 * n, files=1))

        def stop(wanted: int = n, queued: bool = "--queue" in command) -> None:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                decided = sum("/dt=" in k for k in told.place.objects("history/decisions/"))
                if decided == wanted and not (queued and sum(told.left)):
                    break
            os.kill(os.getpid(), signal.SIGTERM)

        stopping = threading.Thread(target=stop)
        stopping.start()
        arguments = [told.queue.url if a.startswith("https") else a for a in command.split()]
        ran = dq(*arguments, "--config", told.place.settings)
        stopping.join()
        assert (ran.code, ran.err) == (0, "")
        said += ran.out
    assert said == "".join(f"trips dt=2026-03-0{n}  PROMOTE              20\n" for n in (1, 2))


@pytest.mark.soak
def test_a_folder_is_watched_until_told_to_stop(tmp_path: Path) -> None:
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "trips.yaml").write_text(CONTRACT)
    (tmp_path / "dq.toml").write_text('[zones]\ncurated = "curated"\n[limits]\nisolated = false\n')
    write = tmp_path / "landing" / "trips"
    (write / "dt=2026-03-01").mkdir(parents=True)
    (write / "dt=2026-03-01" / "a.csv").write_text("id,fare\n1,5\n")
    command = [sys.executable, "-m", "dq", "watch", "--poll", "1", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        assert watching.stderr is not None
        first = json.loads(watching.stdout.readline())
        (write / "dt=2026-03-02").mkdir()
        (write / "dt=2026-03-02" / "a.csv").write_text("id,fare\n1,-5\n")
        second = json.loads(watching.stdout.readline())
        watching.send_signal(signal.SIGTERM)
        assert watching.wait(timeout=20) == 0
        assert watching.stderr.read() == ""
    assert [(d["partition"], d["verdict"]) for d in (first, second)] == [
        ("dt=2026-03-01", "promote"), ("dt=2026-03-02", "quarantine")
    ]  # fmt: skip
