"""`python -m tests.bench.on_s3`: the same data in a bucket, over HTTP on this machine; writes tests/bench/S3.md.

With a NAME one contender is run, which says its seconds, and the bytes that it fetched and sent.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from dq import api
from dq.config import Config, Limits, load
from dq.dialects.contract import load as read_contract
from dq.stores.s3.access import Access
from tests.bench import contenders, data, many
from tests.bench.bucket import LATENCY_SECONDS

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
BUCKET, FOLDER = "bench-bucket", "landing/trips/n=1"
OBJECTS = 4
TWO = json.dumps({"source": "trips", "columns": {"fare": {"min": 0, "max": 500}, "distance": {"min": 0, "max": 100}}})
NEVER = 1 << 40  # bytes, above which what is copied would be read in ranges


class Moved(NamedTuple):
    seconds: float
    fetched: int
    sent: int


def files() -> list[Path]:
    rows = data.ROWS // OBJECTS
    return [data.trips(rows, offset=n * rows) for n in range(OBJECTS)]


@contextmanager
def server() -> Iterator[None]:
    """moto with the data in it, as the AWS configuration of this process and its children has it."""
    command = [sys.executable, "-m", "tests.bench.bucket"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as moto:
        assert moto.stdout is not None
        os.environ |= {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{int(moto.stdout.readline())}", "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1",
        }  # fmt: skip
        client = Access().clients[0]
        client.create_bucket(Bucket=BUCKET)
        for file in files():
            client.upload_file(str(file), BUCKET, f"{FOLDER}/{file.name}")
        yield
        moto.communicate()


def contract_32() -> str:
    """Every object has its own ids from 0 on."""
    contract = json.loads(contenders.contract_33())
    del contract["columns"]["trip_id"]["unique"]
    return json.dumps(contract)


def validated(place: Any, contract: str, **limits: Any) -> None:
    chosen = Limits(**limits)
    result = api.validate(place, read_contract(contract, "c.yaml"), config=Config(limits=chosen), limits=chosen)
    assert result.success, repr(result)


def downloaded(contract: str) -> None:
    """As anybody does without a reader of ranges: boto3's own parallel download, then the file here."""
    with tempfile.TemporaryDirectory() as folder:
        for file in files():
            Access().clients[0].download_file(BUCKET, f"{FOLDER}/{file.name}", f"{folder}/{file.name}")
        validated(folder, contract)


def promoted() -> None:
    """A partition is judged, which is not counted here, and published."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "suites").mkdir()
        Path(folder, "suites", "trips.yaml").write_text(json.dumps(json.loads(TWO) | {"layout": "n={int}"}))
        zones = "".join(f'{z} = "s3://{BUCKET}/{z}"\n' for z in ("landing", "curated", "quarantine", "history"))
        Path(folder, "dq.toml").write_text(f"[zones]\n{zones}")
        for document in api.gate("trips", config=load(f"{folder}/dq.toml", environment={})):
            assert document["success"], document


URL = f"s3://{BUCKET}/{FOLDER}"
CONTENDERS: dict[str, Callable[[], None]] = {
    "32 checks, on this disk": lambda: validated([str(f) for f in files()], contract_32()),
    "32 checks, in ranges": lambda: validated(URL, contract_32()),
    "32 checks, copied first": lambda: validated(URL, contract_32(), ranged_bytes=NEVER),
    "32 checks, downloaded by boto3 first": lambda: downloaded(contract_32()),
    "2 of 16 columns, in ranges": lambda: validated(URL, TWO),
    "2 of 16 columns, downloaded by boto3 first": lambda: downloaded(TWO),
    "gate: copied, judged, published": promoted,
}


def run(name: str) -> Moved:
    """In this process, with the bytes of objects that it fetched and the bytes that it sent."""
    moved = {"fetched": 0, "sent": 0}

    def fetched(response_dict: Any, **_: Any) -> None:
        moved["fetched"] += int(response_dict["headers"].get("content-length", 0)) if response_dict else 0

    def sent(request: Any, **_: Any) -> None:
        moved["sent"] += int(request.headers.get("Content-Length") or 0)

    for client in Access().clients:
        client.meta.events.register("response-received.s3.GetObject", fetched)
        client.meta.events.register("before-send.s3", sent)
    started = time.perf_counter()
    CONTENDERS[name]()
    return Moved(time.perf_counter() - started, moved["fetched"], moved["sent"])


def best(name: str) -> Moved:
    command = [sys.executable, "-m", "tests.bench.on_s3", name]
    runs = []
    for _ in range(1 if name.startswith("gate") else ROUNDS):
        told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        runs.append(Moved(*json.loads(told)))
    found = min(runs)
    print(f"{name:44} {found.seconds:6.2f} s {found.fetched:14,} {found.sent:10,}", file=sys.stderr, flush=True)
    return found


def table() -> str:
    with server():
        found = {name: best(name) for name in CONTENDERS}
        crowds = many.section()
    names = list(CONTENDERS)
    needed = sum(data.weight(file, ("fare", "distance")) for file in files())
    size, two, full = sum(f.stat().st_size for f in files()), found[names[4]], found[names[1]]
    claims = [
        ("32 checks in ranges <= 1.5x download and then validate", full.seconds / found[names[3]].seconds, 1.5),
        ("2 of 16 columns: bytes <= 1.05x what the footer says", two.fetched / needed, 1.05),
        ("2 of 16 columns in ranges <= download and then validate", two.seconds / found[names[5]].seconds, 1.0),
        ("published bytes that are sent from here, of what is published", found[names[6]].sent / size, 0.001),
    ]
    lines = [
        "# Benchmark on S3",
        "",
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}: {data.ROWS:,} trips in 16 columns,",
        f"{OBJECTS} objects of together {size / 1e6:.0f} MB in moto, over HTTP on the same",
        f"{os.cpu_count()} cores; every request waits",
        f"{LATENCY_SECONDS * 1e3:.0f} ms, as on S3. Best of {ROUNDS}, each in a process of its own, which imports",
        "all it needs and starts a judge process within the time.",
        "",
        "| work | seconds | MB fetched | bytes sent |",
        "| --- | --- | --- | --- |",
        *(f"| {name} | {m.seconds:.2f} | {m.fetched / 1e6:.1f} | {m.sent:,} |" for name, m in found.items()),
        "",
        "| target | measured | met |",
        "| --- | --- | --- |",
        *(f"| {text} | {value:.3g} | {'yes' if value <= most else 'no'} |" for text, value, most in claims),
        "",
        *crowds,
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(run(sys.argv[1])))
    else:
        Path(__file__).with_name("S3.md").write_text(table())
        print(Path(__file__).with_name("S3.md").read_text())
