"""The benchmark's data: seeded, written once by DuckDB, 10 million taxi-like trips in 16 columns."""

from pathlib import Path

import duckdb

FOLDER = Path(__file__).parent / "data"
ROWS = 10_000_000

TRIP = """
select
  i as trip_id,
  (h % 3 + 1)::tinyint as vendor,
  timestamp '2026-01-01' + to_seconds((h >> 8) % 2592000) as pickup_at,
  timestamp '2026-01-01' + to_seconds((h >> 8) % 2592000 + 60 + (h >> 20) % 3600) as dropoff_at,
  case when h % 101 = 0 then null else (1 + (h >> 12) % 6)::smallint end as passengers,
  round(exp(((h >> 16) % 10000) / 2500.0), 2) as distance,
  (1 + (h >> 30) % 6)::smallint as rate_code,
  case when (h >> 33) % 50 = 0 then 'Y' else 'N' end as stored,
  (1 + (h >> 24) % 265)::integer as zone_from,
  (1 + (h >> 40) % 265)::integer as zone_to,
  ['card','cash','dispute','free'][1 + (h >> 36) % 4] as payment,
  round(2.5 + ((h >> 10) % 20000) / 100.0, 2) as fare,
  case when (h >> 28) % 17 = 0 then null else round(((h >> 14) % 3000) / 100.0, 2) end as tip,
  round(((h >> 18) % 700) / 100.0, 2) as tolls,
  round(5 + ((h >> 9) % 25000) / 100.0, 2) as total,
  case when (h >> 44) % 20 = 0 then null else 'driver-' || ((h >> 11) % 400000) end as driver
from (select i, (hash(i + {offset}) >> 1)::bigint as h from range({rows}) t(i))
"""


def trips(rows: int | None = None, offset: int = 0) -> Path:
    """One Parquet file, zstd, row groups of 122,880; of ROWS rows unless told."""
    rows = ROWS if rows is None else rows
    path = FOLDER / f"trips-{rows}-{offset}.parquet"
    if not path.exists():
        FOLDER.mkdir(exist_ok=True)
        temporary = path.with_suffix(".tmp")
        duckdb.execute(
            f"copy ({TRIP.format(rows=rows, offset=offset)}) to '{temporary}' (format parquet, compression zstd)"
        )
        temporary.rename(path)
    return path


def weight(path: Path, columns: tuple[str, ...]) -> int:
    """Bytes of the columns in the file, as its footer says."""
    named = ", ".join(f"'{c}'" for c in columns)
    asked = f"select sum(total_compressed_size) from parquet_metadata('{path}') where path_in_schema in ({named})"
    ((found,),) = duckdb.execute(asked).fetchall()
    return int(found)


def tenfold() -> list[Path]:
    """The same file under ten names: 100 million rows without 5 GB of disk."""
    first = trips()
    paths = [FOLDER / f"tenfold-{ROWS}-{n}.parquet" for n in range(10)]
    for path in paths:
        if not path.exists():
            path.hardlink_to(first)
    return paths


def splits(train: int | None = None) -> tuple[Path, Path]:
    """A train and a test split, the second of a tenth of the rows: an id, 20 doubles, 15 whole numbers, 13 texts of
    which three have many values, a moment and a label that nothing predicts."""
    rows = ROWS if train is None else train
    columns = [f"(hash(i * {k + 1} + {k}) / 18446744073709551616.0 * 100)::double as d{k}" for k in range(20)]
    columns += [f"(hash(i * {k + 7} + {k + 1000}) % {10 ** (k % 6 + 1)})::integer as n{k}" for k in range(15)]
    columns += [f"'v' || (hash(i * {k + 3} + {k + 5000}) % {5 * (k + 1)}) as c{k}" for k in range(10)]
    many = enumerate((10_000, 200_000, 3_000_000))
    columns += [f"'user' || (hash(i * {k + 5} + {k + 9000}) % {n}) as t{k}" for k, n in many]
    columns += ["timestamp '2026-01-01' + to_seconds(i) as at", "(hash(i + 77) % 3 = 0)::integer as y"]
    found = []
    for name, low, high in (("train", 0, rows), ("test", rows, rows + rows // 10)):
        path = FOLDER / f"{name}-{rows}.parquet"
        if not path.exists():
            FOLDER.mkdir(exist_ok=True)
            query = f"select i as id, {', '.join(columns)} from range({low}, {high}) t(i)"
            duckdb.execute(f"copy ({query}) to '{path}.tmp' (format parquet, compression zstd)")
            Path(f"{path}.tmp").rename(path)
        found.append(path)
    return found[0], found[1]


def wide(columns: int, rows: int = 20_000) -> Path:
    """A table of many columns, half numbers and half text."""
    path = FOLDER / f"wide-{columns}.parquet"
    if not path.exists():
        FOLDER.mkdir(exist_ok=True)
        parts = [
            f"(hash(i + {c}) % 1000)::double as c{c}" if c % 2 else f"'v' || (hash(i + {c}) % 50) as c{c}"
            for c in range(columns)
        ]
        duckdb.execute(f"copy (select {', '.join(parts)} from range({rows}) t(i)) to '{path}' (format parquet)")
    return path


def land_partitions(folder: Path, count: int, rows: int = 10_000) -> None:
    """`count` partitions of one file each, every one different."""
    connection = duckdb.connect()
    for n in range(count):
        day = folder / f"n={n:05}"
        day.mkdir(parents=True)
        trips_of_day = TRIP.format(rows=rows, offset=n * rows)
        connection.execute(f"copy ({trips_of_day}) to '{day}/part-0.parquet' (format parquet, compression zstd)")
