"""What others keep of what is published, and are told of what is decided: after the commit, again until it is done."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dq import api, config
from dq.errors import ConfigError
from dq.stores.s3.access import Access
from tests.s3.place import CONTRACT, S3Place, before

Dq = Callable[..., Any]
KEPT = """
[adapters.glue]
database = "lake"
[adapters.symlink]
[adapters.manifest]
[adapters.flat]
[adapters.tags]
on = ["published", "landing"]
"""


def here(root: Path, bucket: str, contract: str = CONTRACT, more: str = "") -> S3Place:
    """History and quarantine lie on the disk."""
    return S3Place(root, bucket, contract, more, history=str(root / "history"), quarantine=str(root / "quarantine"))


@contextmanager
def before_glue(act: Callable[[Any], Any]) -> Iterator[None]:
    events = Access().client("glue").meta.events

    def hook(request: Any, **_: Any) -> None:
        act(request.headers["X-Amz-Target"].decode().rsplit(".", 1)[-1])

    events.register("before-send.glue", hook)
    try:
        yield
    finally:
        events.unregister("before-send.glue", hook)


@pytest.fixture
def glue(s3: str) -> Iterator[Any]:
    client = Access().client("glue")
    client.create_database(DatabaseInput={"Name": "lake"})
    yield client
    client.delete_database(Name="lake")


def tags(place: S3Place, key: str) -> dict[str, str]:
    found = place.client.get_object_tagging(Bucket=place.bucket, Key=key)["TagSet"]
    return {t["Key"]: t["Value"] for t in found}


def test_what_others_keep_follows_what_is_published(tmp_path: Path, bucket: str, glue: Any, dq: Dq) -> None:
    place = here(tmp_path, bucket, more=KEPT)
    place.land("2026-03-01", 0)
    (bad, _) = place.land("2026-03-02", 100, fare=-1.0)
    mine = {"TagSet": [{"Key": "team", "Value": "growth"}]}
    place.client.put_object_tagging(Bucket=bucket, Key=bad, Tagging=mine)
    documents = place.gate()
    check(place, glue, ["2026-03-01"])
    assert tags(place, bad) == {"team": "growth", "dq-verdict": "quarantine", "dq-run-id": documents[0]["run_id"]}
    table = glue.get_table(DatabaseName="lake", Name="trips")["Table"]
    assert table["PartitionKeys"] == [{"Name": "dt", "Type": "date"}]
    columns = [(c["Name"], c["Type"]) for c in table["StorageDescriptor"]["Columns"]]
    assert columns == [("id", "bigint"), ("fare", "double")]

    place.land("2026-03-01", 500)
    place.land("2026-03-03", 300)
    dq("release", "trips", "2026-03-02", "--reason", "known", "--config", place.settings)
    assert dq("gate", "--config", place.settings).code == 0
    assert place.ids() == [*range(100, 140), *range(300, 340), *range(500, 540)]
    check(place, glue, ["2026-03-01", "2026-03-02", "2026-03-03"])
    assert tags(place, bad)["dq-verdict"] == "promote"

    lasting, asked = place.lasting(), list[str]()
    with before_glue(asked.append):
        assert dq("gate", "--config", place.settings).code == 0
    assert (place.lasting(), asked) == (lasting, [])
    assert dq("status", "--check", "--config", place.settings).code == 0


def check(place: S3Place, glue: Any, days: list[str]) -> None:
    """Whatever way a reader takes, it comes to what is published."""
    published, base = api.published("trips", config=place.config()), f"s3://{place.bucket}/curated"
    told = {p["Values"][0]: p for p in glue.get_partitions(DatabaseName="lake", TableName="trips")["Partitions"]}
    assert sorted(told) == days
    listed = place.client.list_objects_v2(Bucket=place.bucket, Prefix="curated/")["Contents"]
    objects = {f"s3://{place.bucket}/{found['Key']}" for found in listed}
    by_glue = [o for p in told.values() for o in objects if o.startswith(p["StorageDescriptor"]["Location"])]
    assert sorted(by_glue) == sorted(published)
    links = [
        place.objects(f"curated/trips/_symlink_format_manifest/dt={day}/")[
            f"curated/trips/_symlink_format_manifest/dt={day}/manifest"
        ].decode()
        for day in days
    ]
    assert "".join(links).split() == published
    (prefix, *keys) = json.loads(place.objects("curated/trips/_dq.manifest")["curated/trips/_dq.manifest"])
    assert [prefix["prefix"] + key for key in keys] == published
    flat = [o for o in objects if o.startswith(f"{base}/trips/dt=") and o.endswith(".parquet")]
    assert place.ids(flat) == place.ids()
    assert {f"{base}/trips/dt={day}/_SUCCESS" for day in days} <= objects
    for location in published:
        assert tags(place, location.removeprefix(f"s3://{place.bucket}/"))["dq-verdict"] == "promote"


def test_a_name_that_would_be_two_lines_comes_into_no_list_of_lines(tmp_path: Path, bucket: str, dq: Dq) -> None:
    place = here(tmp_path, bucket, more="[adapters.symlink]\n")
    place.put("landing/trips/dt=2026-03-01/a\rs3:/other/b.parquet", place.table(0, 20))
    place.gate()
    assert place.ids() == list(range(20))
    assert not place.objects("curated/trips/_symlink_format_manifest/")
    assert "has a line break in its name" in dq("status", "--json", "--config", place.settings).out


def test_columns_that_come_later_come_to_the_table(tmp_path: Path, bucket: str, glue: Any) -> None:
    """What a person made of the others stays."""
    contract = "source: trips\nlayout: 'dt={date:%Y-%m-%d}'\n"
    place = here(tmp_path, bucket, contract, '[adapters.glue]\ndatabase = "lake"\n')
    rows = {"2026-03-01": b"id,fare\n1,2\n", "2026-03-02": b"id,tip,fare\n2,3,4\n"}
    described: list[list[tuple[str, str]]] = []
    for day, content in rows.items():
        place.put(f"landing/trips/dt={day}/a.csv", content)
        assert [d["verdict"] for d in place.gate()] == ["promote"]
        table = glue.get_table(DatabaseName="lake", Name="trips")["Table"]
        described.append([(c["Name"], c.get("Comment", "")) for c in table["StorageDescriptor"]["Columns"]])
        table["StorageDescriptor"]["Columns"][0]["Comment"] = "mine"
        told = ("Name", "PartitionKeys", "StorageDescriptor", "TableType", "Parameters")
        glue.update_table(DatabaseName="lake", TableInput={name: table[name] for name in told})
    assert described == [[("id", ""), ("fare", "")], [("id", "mine"), ("fare", ""), ("tip", "")]]
    assert table["PartitionKeys"] == [{"Name": "dt", "Type": "date"}]


def test_folders_are_copied_of_what_was_read_in_ranges_and_files_as_files(tmp_path: Path, bucket: str) -> None:
    contract = CONTRACT.replace("dt={date:%Y-%m-%d}", "{date:%Y-%m-%d}.parquet")
    place = here(tmp_path, bucket, contract, "ranged_bytes = 1\n[adapters.flat]\n")
    for ids in (0, 100):
        place.put("landing/trips/2026-03-01.parquet", place.table(ids, 20))
        (document,) = place.gate()
        assert document["verdict"] == "promote"
        assert place.ids([f"s3://{bucket}/curated/trips/2026-03-01.parquet"]) == list(range(ids, ids + 20))


def test_a_run_that_ends_before_its_adapters_is_gone_on_with(tmp_path: Path, bucket: str, glue: Any) -> None:
    place = here(tmp_path, bucket, more=KEPT)
    place.land("2026-03-01", 0)

    class Killed(BaseException):
        pass

    for at in ("BatchCreatePartition", "GetTable"):

        def kill(operation: str, at: str = at) -> None:
            if operation == at:
                raise Killed

        with before_glue(kill), pytest.raises(Killed):
            place.gate()
        assert place.ids() == list(range(40)), "the promotion stands"
    assert place.gate() == []
    check(place, glue, ["2026-03-01"])


def test_an_adapter_that_fails_undoes_nothing_and_is_asked_again(tmp_path: Path, bucket: str, s3: str, dq: Dq) -> None:
    place = here(tmp_path, bucket, more='[adapters.glue]\ndatabase = "lake"\n[adapters.symlink]\n')
    place.land("2026-03-01", 0)
    ran = dq("gate", "--config", place.settings)
    assert ran.code == 3
    said = 'no database "lake" in Glue: make it, or mend database in [adapters.glue]'
    assert f"trips: glue: {said}; told again by the next gate" in ran.err
    assert place.ids() == list(range(40))
    assert dq("gate", "trips", "--partition", "2026-03-01", "--config", place.settings).code == 3
    status = dq("status", "trips", "--config", place.settings)
    assert f"UNDELIVERED dt=2026-03-01: glue is still to be told of 1: {said}" in " ".join(status.out.split())
    assert dq("status", "--check", "--config", place.settings).code == 1
    Access().client("glue").create_database(DatabaseInput={"Name": "lake"})
    try:
        assert dq("gate", "--config", place.settings).code == 0
        assert dq("status", "--check", "--config", place.settings).code == 0
        place.settings.write_text(place.settings.read_text().replace('"lake"\n[', '"lake"\ntable = "rides"\n['))
        assert dq("gate", "--config", place.settings).code == 0
        listed = Access().client("glue").get_partitions(DatabaseName="lake", TableName="rides")["Partitions"]
        assert [p["Values"] for p in listed] == [["2026-03-01"]], "another table is told all"
        place.settings.write_text(place.settings.read_text().replace('table = "rides"\n', ""))
        other = {"Name": "trips", "PartitionKeys": [{"Name": "day", "Type": "date"}]}
        Access().client("glue").update_table(DatabaseName="lake", TableInput=other)
        place.land("2026-03-02", 100, files=1)
        ran = dq("gate", "--config", place.settings)
        assert (ran.code, "Glue table lake.trips is partitioned by day, trips by dt" in ran.err) == (3, True)
    finally:
        for table in ("trips", "rides"):
            Access().client("glue").delete_table(DatabaseName="lake", Name=table)
        Access().client("glue").delete_database(Name="lake")


@pytest.fixture
def queues(s3: str) -> Iterator[tuple[str, Callable[[str], list[dict[str, Any]]]]]:
    """A topic, and what came to the queues `sns` and `events`."""
    sqs, sns, events = (Access().client(service) for service in ("sqs", "sns", "events"))
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("sns", "events")}
    arns = {n: sqs.get_queue_attributes(QueueUrl=u, AttributeNames=["QueueArn"]) for n, u in urls.items()}
    topic = sns.create_topic(Name="decisions")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arns["sns"]["Attributes"]["QueueArn"])
    events.put_rule(Name="dq", EventPattern=json.dumps({"source": ["dq.gate"]}))
    events.put_targets(Rule="dq", Targets=[{"Id": "1", "Arn": arns["events"]["Attributes"]["QueueArn"]}])

    def came(name: str) -> list[dict[str, Any]]:
        found = []
        while messages := sqs.receive_message(QueueUrl=urls[name], MaxNumberOfMessages=10).get("Messages"):
            for one in messages:
                body = json.loads(one["Body"])
                found.append(json.loads(body["Message"]) if name == "sns" else body["detail"])
                sqs.delete_message(QueueUrl=urls[name], ReceiptHandle=one["ReceiptHandle"])
        return found

    yield topic, came
    sns.delete_topic(TopicArn=topic)


def test_every_decision_is_told_once_it_can_be_read(tmp_path: Path, bucket: str, queues: Any, dq: Dq) -> None:
    """And nothing of what was decided before anybody wanted to know; nor any of the data."""
    topic, came = queues
    contract = CONTRACT.replace("fare: {min: 0}", 'fare: {min: 0}\n  name: {allowed: ["known"]}')
    place = here(tmp_path, bucket, contract)
    place.put("landing/trips/dt=2026-03-01/a.csv", b"id,fare,name\n1,1,known\n")
    place.gate()
    with place.settings.open("a") as settings:
        settings.write(f'[adapters.sns]\ntopic = "{topic}"\n[adapters.eventbridge]\n')
    place.put("landing/trips/dt=2026-03-02/a.csv", b"id,fare,name\n2,1,known\n")
    place.put("landing/trips/dt=2026-03-03/a.csv", b"id,fare,name\n3,1,secret\n")

    def fail(_: Any) -> None:
        raise RuntimeError

    with before("CopyObject", fail), pytest.raises(RuntimeError):
        place.gate()
    assert came("sns") == came("events") == [], "decided, not published"
    assert dq("gate", "--config", place.settings).code == 1
    dq("reject", "trips", "2026-03-03", "--reason", "no", "--config", place.settings)
    by_sns, by_events = came("sns"), came("events")
    assert by_sns == by_events
    said = [(e["partition"], e["verdict"], e["act"], e["revision"], e["reasons"]) for e in by_sns]
    assert said == [
        ("dt=2026-03-02", "promote", "judged", 1, []),
        ("dt=2026-03-03", "quarantine", "judged", None, ["name.allowed"]),
        ("dt=2026-03-03", "quarantine", "rejected", None, ["name.allowed"]),
    ]
    assert "secret" not in json.dumps(by_sns)
    assert dq("gate", "--config", place.settings).code == 0
    assert came("sns") == []

    for name, fare in (("known", 2), ("known", 1)):  # other content, then the first again, which is decided
        place.put("landing/trips/dt=2026-03-02/a.csv", f"id,fare,name\n2,{fare},{name}\n".encode())
        assert dq("gate", "--config", place.settings).code == 0
    assert [(e["act"], e["revision"]) for e in came("sns")] == [("judged", 2), ("judged", 3)]


def test_a_topic_that_is_not_there_is_said(tmp_path: Path, bucket: str, queues: Any, dq: Dq) -> None:
    topic = f"{queues[0]}-of-nobody"
    place = here(tmp_path, bucket, more=f'[adapters.sns]\ntopic = "{topic}"\n')
    place.land("2026-03-01", 0, files=1)
    ran = dq("gate", "--config", place.settings)
    assert (ran.code, f"sns: {topic}: sns:Publish was refused (NotFound" in ran.err) == (3, True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[adapters.glu]\n", 'dq.toml:1: adapters.glu: unknown key (did you mean "glue"?)'),
        ('[adapters.glue]\ndatabse = "x"\n', 'dq.toml:2: adapters.glue.databse: unknown key (did you mean "data'),
        ('[s3]\nowner = "12"\n', "dq.toml:2: s3.owner: String should match pattern"),
        ("\n[adapters.glue]\n", "dq.toml:2: adapters.glue.database: is needed"),
        ('[adapters.tags]\non = ["curated"]\n', "dq.toml:2: adapters.tags.on.0: Input should be 'published'"),
        ('[adapters.sns]\ntopic = "decisions"\n', "dq.toml:2: adapters.sns.topic: String should match pattern"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_aws_in_dq_toml_is_said_before_anything_is_done(
    tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "dq.toml").write_text(text)
    with pytest.raises(ConfigError) as raised:
        config.load(tmp_path / "dq.toml", {})
    assert told in str(raised.value)


def test_an_adapter_of_s3_is_refused_on_a_disk(tmp_path: Path, dq: Dq) -> None:
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites/trips.yaml").write_text(CONTRACT)
    (tmp_path / "landing/trips").mkdir(parents=True)
    (tmp_path / "dq.toml").write_text('[zones]\ncurated = "curated"\n[adapters.symlink]\n')
    ran = dq("gate", at=tmp_path)
    assert (ran.code, "adapters.symlink needs its zone on S3, and it is " in ran.err) == (2, True)
