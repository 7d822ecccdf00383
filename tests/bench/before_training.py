"""`python -m tests.bench.before_training [ROWS]`: `dq pretrain` beside Deepchecks and Evidently, one run each, on a
size that they hold; writes tests/bench/PRETRAIN.md.

Both need older libraries than ours: each gets an environment of its own in `data/`, made once.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import venv
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import data, peers, tree

ROWS = 50_000
NEEDS = {
    "deepchecks": (
        "deepchecks==0.19.1", "numpy<2", "pandas<2.3", "scikit-learn<1.6", "category_encoders<2.7", "setuptools<81",
        "pyarrow<18",
    ),
    "evidently": ("evidently==0.7.23", "pandas<3", "pyarrow"),
}  # fmt: skip


def interpreter(tool: str) -> str:
    """That of the tool. Raises CalledProcessError where it cannot be installed."""
    if tool not in NEEDS:
        return sys.executable
    place = data.FOLDER / f"venv-{tool}"
    found = str(place / "bin" / "python")
    if not place.exists():
        venv.create(place, with_pip=True)
        free = {n: v for n, v in os.environ.items() if n != "PIP_CONSTRAINT"}
        subprocess.run([found, "-m", "pip", "install", "-q", *NEEDS[tool]], check=True, env=free)
    return found


def measured(tool: str, *splits: Path) -> str:
    """A row of the table."""
    command = [interpreter(tool), str(Path(peers.__file__)), tool, *map(str, splits)]
    quiet = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=quiet) as process:
        assert process.stdout is not None
        with tree.peak(process.pid) as most:
            told = process.stdout.read().splitlines()
    if process.returncode:
        return f"| {tool} | ended with {process.returncode} | | |"
    seconds, cpu_seconds = map(float, told[-1].split())
    return f"| {tool} | {seconds:.1f} | {cpu_seconds:.1f} | {most[0] / 1e9:.2f} |"


def table(rows: int) -> str:
    splits = data.splits(rows)
    lines = [
        "# Before training, beside Deepchecks and Evidently",
        "",
        f"Written by `python -m tests.bench.before_training {rows}` on {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} "
        f"cores, load {os.getloadavg()[0]:.0f}, Python {platform.python_version()}; {NEEDS['deepchecks'][0]}, "
        f"{NEEDS['evidently'][0]}.",
        f"{rows:,} rows of train and {rows // 10:,} of test in 52 columns, Parquet; one run each, reading included,",
        "importing not. Deepchecks: its suites train_test_validation and data_integrity; Evidently: its presets of",
        "drift and summary; ours: every check that needs no extra, over all rows. CPU seconds are what a busy machine",
        "leaves comparable; memory is the peak of the tree of processes.",
        "",
        "| tool | seconds | CPU seconds | peak GB |",
        "| --- | --- | --- | --- |",
        *(measured(tool, *splits) for tool in peers.TOOLS),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    told = table(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
    place = Path(__file__).with_name("PRETRAIN.md")
    _, head, more = place.read_text().partition("\n## ")  # which `planted` writes
    place.write_text(told + head + more)
    print(told)
