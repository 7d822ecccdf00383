"""`make bench`: every contender in a process of its own, best of three, as a ratio to the floor of the same run.

`python -m tests.bench NAME` runs one contender and says its seconds and CPU seconds; without a name all are measured
and tests/bench/README.md is written.
"""

import compileall
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import dq
from tests.bench import contenders, data, tree

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
PEERS = ("duckdb", "polars", "great_expectations", "pandera", "dataframely")
WARM_ROWS = 2_000
ONCE = {"gx_33", "ours_100m_33", "ours_100m_profile", "ours_pretrain_10m_1m"}


class Measured(NamedTuple):
    """What the work took inside the process and its judge, and the peak of the whole tree of processes."""

    seconds: float
    cpu_seconds: float
    gigabytes: float


def measure(*command: str) -> Measured:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench", *command], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        with tree.peak(process.pid) as most:
            told = process.stdout.read()
    seconds, cpu_seconds = map(float, told.split()) if process.returncode == 0 else (float("nan"), float("nan"))
    return Measured(seconds, cpu_seconds, most[0] / 1e9)


def best(name: str) -> Measured:
    runs = [measure(name) for _ in range(1 if name in ONCE else ROUNDS)]
    found = Measured(min(r.seconds for r in runs), min(r.cpu_seconds for r in runs), max(r.gigabytes for r in runs))
    said = f"{found.seconds:8.2f} s {found.cpu_seconds:8.2f} s CPU {found.gigabytes:6.2f} GB"
    print(f"{name:34} {said}", file=sys.stderr, flush=True)
    return found


def gate_partitions(count: int) -> tuple[float, float]:
    """Seconds per partition of a first and of a second `dq gate` over `count` partitions of 10,000 rows."""
    with tempfile.TemporaryDirectory() as folder:
        contenders.partitions(Path(folder), count)
        compileall.compile_dir(Path(dq.__file__).parent, quiet=1)  # as installing does
        command = [sys.executable, "-m", "dq", "gate", "--config", f"{folder}/dq.toml"]
        times = []
        for _ in range(2):
            started = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            times.append((time.perf_counter() - started) / count)
    print(f"gate {count} partitions: {times[0] * 1e3:.1f} ms each, again {times[1] * 1e3:.2f} ms", file=sys.stderr)
    return times[0], times[1]


def table() -> str:
    data.trips(), data.tenfold(), data.wide(250), data.wide(1000), data.splits()
    found = {name: best(name) for name in contenders.CONTENDERS}
    first, again = gate_partitions(int(os.environ.get("BENCH_PARTITIONS", "1000")))
    floor = min(found["floor_duckdb"].seconds, found["floor_polars"].seconds)
    lines = [
        "# Benchmark",
        "",
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores, "
        + ", ".join([f"Python {platform.python_version()}", *(f"{p} {version(p)}" for p in PEERS)])
        + ".",
        f"Data: {data.ROWS:,} trips in 16 columns, {data.trips().stat().st_size / 1e6:.0f} MB of zstd Parquet,",
        f"warm page cache. Best of {ROUNDS}, each in a process of its own, after a warm-up on 2,000 rows. CPU is",
        "the user and system time of the same work over all threads and processes, memory the peak of the tree.",
        "",
        f"Floor: the faster of DuckDB and Polars counting the values of all columns, {floor:.2f} s in this run. It",
        "stands for reading everything once. DuckDB counts with `statistics_propagation` off: left on, it takes the",
        "counts of all columns without NULL from footers, and reads three of sixteen (`floor duckdb statistics`).",
        "What footers answer we do not read either, as our ratios show; the row `ours footers` is nothing else.",
        "",
        "| work | seconds | of the floor | CPU seconds | peak GB |",
        "| --- | --- | --- | --- | --- |",
        *(row(name, measured, floor) for name, measured in found.items()),
        "",
        "| target | measured | met |",
        "| --- | --- | --- |",
        *(
            f"| {text} | {value} | {'yes' if met else 'no'} |"
            for text, value, met in targets(found, floor, first, again)
        ),
        "",
    ]
    return "\n".join(lines)


def row(name: str, found: Measured, floor: float) -> str:
    ratio = found.seconds / floor
    numbers = f"{found.seconds:.2f} | {ratio:.2f} | {found.cpu_seconds:.2f} | {found.gigabytes:.2f}"
    return f"| {name.replace('_', ' ')} | {numbers} |"


def targets(found: dict[str, Measured], floor: float, first: float, again: float) -> list[tuple[str, str, bool]]:
    def seconds(name: str) -> float:
        return found[name].seconds

    peer = min(seconds("pandera_15"), seconds("dataframely_15"))
    rows = [
        ("33 checks with exact uniqueness <= 3x floor", seconds("ours_33") / floor, 3.0),
        ("33 checks <= 1/12 of GX", seconds("ours_33") / seconds("gx_33"), 1 / 12),
        ("33 expectations of GX's own suite <= 1/12 of GX", seconds("ours_gx_33") / seconds("gx_33"), 1 / 12),
        ("33 checks <= 1 GB", found["ours_33"].gigabytes, 1.0),
        ("15 checks and uniqueness <= 0.6x the faster of pandera and dataframely", seconds("ours_15") / peer, 0.6),
        ("15 checks <= 0.8 GB", found["ours_15"].gigabytes, 0.8),
        ("core profile <= 6x floor", seconds("ours_profile_core") / floor, 6.0),
        ("core profile <= 0.8 GB", found["ours_profile_core"].gigabytes, 0.8),
        ("full profile <= 12x floor", seconds("ours_profile_full") / floor, 12.0),
        ("footers only <= 0.05x floor", seconds("ours_footers") / floor, 0.05),
        ("gate a partition of 10,000 rows <= 60 ms", first * 1e3, 60.0),
        ("gate a decided partition again <= 1 ms", again * 1e3, 1.0),
        ("1,000 columns linear: <= 5x of 250", seconds("ours_wide_1000") / seconds("ours_wide_250"), 5.0),
        (
            "100 M rows: memory <= 1.2x of 10 M",
            found["ours_100m_33"].gigabytes / found["ours_10m_33_without_uniqueness"].gigabytes,
            1.2,
        ),
        (
            "100 M rows profile: memory <= 1.2x of 10 M",
            found["ours_100m_profile"].gigabytes / found["ours_profile_core"].gigabytes,
            1.2,
        ),
        ("10 M x 52 against 1 M before training <= 4 GB", found["ours_pretrain_10m_1m"].gigabytes, 4.0),
    ]
    return [(text, f"{value:.3g}", value <= limit) for text, value, limit in rows]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        full, data.ROWS = data.ROWS, WARM_ROWS
        contenders.CONTENDERS[sys.argv[1]]()  # on little data: what is imported and compiled once is not timed
        data.ROWS = full
        started, used = time.perf_counter(), tree.cpu_seconds(os.getpid())
        contenders.CONTENDERS[sys.argv[1]]()
        print(time.perf_counter() - started, tree.cpu_seconds(os.getpid()) - used)
    else:
        (Path(__file__).parent / "README.md").write_text(table())
        print((Path(__file__).parent / "README.md").read_text())
