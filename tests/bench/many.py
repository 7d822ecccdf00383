"""Many partitions, and many objects in one, on S3: what one costs at two sizes.

`python -m tests.bench.many KIND COUNT` gates one landing of the bucket that the environment names.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from dq import api
from dq.cli import main
from dq.config import load
from dq.stores.s3.access import Access
from tests.bench import contenders, data, tree
from tests.s3.place import counted

BUCKET = "many-bucket"
SIZES = {"partitions": int(os.environ.get("BENCH_PARTITIONS_S3", "60")), "objects": 500}
FIRST = {"partitions": 40, "objects": 0}  # until a source's memory is as long as it gets, each costs more
ROWS = {"partitions": 10_000, "objects": 100}
WARM = 2
REQUESTS = {"partitions": 12.0, "objects": 2.5}  # for each, at most
WORKS = ("first gate", "gate, nothing new", "status")


class Cost(NamedTuple):
    """`cpu_seconds` of the gate and its judge process, not of the server."""

    seconds: float
    cpu_seconds: float
    requests: int


def land(kind: str, count: int) -> None:
    """A source of its own, with a partition per object, or all objects in one."""
    with tempfile.TemporaryDirectory() as folder:
        data.land_partitions(Path(folder), count, ROWS[kind])

        def put(n: int) -> None:
            place = f"n={n}/part-0" if kind == "partitions" else f"n=1/part-{n:05}"
            file, key = f"{folder}/n={n:05}/part-0.parquet", f"landing/{source(kind, count)}/{place}.parquet"
            Access().clients[0].upload_file(file, BUCKET, key)

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(put, range(count)))


def source(kind: str, count: int) -> str:
    return f"{kind}-{count}"


def settings(folder: Path, kind: str, count: int) -> Path:
    contract = json.loads(contenders.contract_15()) | {"layout": "n={int}"}
    if kind == "objects":  # each begins to count anew
        del contract["columns"]["trip_id"]["unique"]
    (folder / "suites").mkdir()
    for n in (WARM, count):
        text = json.dumps(contract | {"source": source(kind, n)})
        (folder / "suites" / f"{source(kind, n)}.yaml").write_text(text)
    zones = "".join(f'{z} = "s3://{BUCKET}/{z}"\n' for z in ("landing", "curated", "quarantine", "history"))
    (folder / "dq.toml").write_text(f"[zones]\n{zones}")
    return folder / "dq.toml"


def measured(kind: str, count: int) -> list[Cost]:
    """In this process: the works one after the other, once a small source has warmed up all that starts once."""
    costs = []
    with tempfile.TemporaryDirectory() as folder:
        config = settings(Path(folder), kind, count)

        def work(name: str, of: str) -> None:
            if name == "status":
                main(["status", of, "--config", str(config), "--json"])
            else:
                for document in api.gate(of, config=load(config, environment={})):
                    assert document["success"], document

        for name in WORKS:
            work(name, source(kind, WARM))
        for name in WORKS:
            started, used = time.perf_counter(), tree.cpu_seconds(os.getpid())
            with counted() as seen:
                work(name, source(kind, count))
            used = tree.cpu_seconds(os.getpid()) - used
            costs.append(Cost(time.perf_counter() - started, used, seen.total()))
    return costs


def told(kind: str, count: int) -> list[Cost]:
    """Of a process of its own."""
    command = [sys.executable, "-m", "tests.bench.many", kind, str(count)]
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    costs = [Cost(*one) for one in json.loads(lines[-1])]
    for name, cost in zip(WORKS, costs, strict=True):
        print(f"{count:,} {kind}: {name}: {cost}", file=sys.stderr, flush=True)
    return costs


def section() -> list[str]:
    """Of a bench whose server runs."""
    Access().clients[0].create_bucket(Bucket=BUCKET)
    lines, claims = [], []
    for kind, size in SIZES.items():
        counts = [n for n in (FIRST[kind], FIRST[kind] + size, FIRST[kind] + 2 * size) if n]
        for count in (WARM, *counts):
            land(kind, count)
        costs = [told(kind, count) for count in counts]
        for n, name in enumerate(WORKS):
            for count, cost in zip(counts, costs, strict=True):
                lines.append(_row(f"{count:,} {kind}: {name}", cost[n], count))
        before, some, twice = [[Cost(0, 0, 0)], *costs][-3:]
        half, more = _more(before[0], some[0]), _more(some[0], twice[0])
        behind = f" behind the first {FIRST[kind]}" * (FIRST[kind] > 0)
        text = f"{kind}{behind}, first gate: CPU each, the second {size} to the first"
        claims.append((text, more.cpu_seconds / half.cpu_seconds, 1.15))
        later = sum(b.requests - a.requests for a, b in zip(some[1:], twice[1:], strict=True)) / size
        claims.append((f"{kind} that are decided: requests for each, of a gate and a status", later, 0.1))
        claims.append((f"{kind}, first gate: requests for each", more.requests / size, REQUESTS[kind]))
    return [
        "## Many partitions, many objects",
        "",
        f"Partitions of one object of {ROWS['partitions']:,} rows, and objects of {ROWS['objects']} rows in one",
        "partition, in a process that is warm. CPU is of the gate and its judge process, not of the server.",
        "",
        "| work | seconds | ms each | CPU ms each | requests each |",
        "| --- | --- | --- | --- | --- |",
        *lines,
        "",
        "| target | measured | met |",
        "| --- | --- | --- |",
        *(f"| {text} <= {most:g} | {value:.3g} | {'yes' if value <= most else 'no'} |" for text, value, most in claims),
        "",
    ]


def _more(one: Cost, other: Cost) -> Cost:
    return Cost(*(b - a for a, b in zip(one, other, strict=True)))


def _row(name: str, cost: Cost, count: int) -> str:
    each = f"{cost.seconds / count * 1e3:.2f} | {cost.cpu_seconds / count * 1e3:.2f} | {cost.requests / count:.2f}"
    return f"| {name} | {cost.seconds:.2f} | {each} |"


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
