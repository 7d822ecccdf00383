"""Which files are contracts, and where the data of a source is. Pytest moves none of it."""

from __future__ import annotations

import gzip
import json

import polars as pl
import pytest

from dq.stores.s3.access import Access
from tests.journeys.landing import Place
from tests.plugin.conftest import BAD, GOOD, Repository, screen

pytest_plugins = ["pytester"]

SMALL = "source: orders\ncolumns: {amount: {min: 0}}\n"


def files(found: list[str]) -> set[str]:
    return {i.split("::")[0] for i in found}


def test_only_named_contracts_and_folders_are_collected(repository: Repository) -> None:
    for name in ("suites/deep/lines.yaml", "trips.yml", "tests/fares.yaml"):
        repository.write(name, SMALL)
    repository.write("docker-compose.yml", "services:\n  db: {image: postgres}\n")
    repository.write("meta.yaml", "package: {name: x}\nsource: {url: y}\nbuild: {number: 0}\n")
    repository.write("tests/test_one.py", "def test_one(): pass\n")
    assert files(repository.ids()) == {"tests/test_one.py"}
    assert files(repository.ids("tests")) == {"tests/test_one.py", "tests/fares.yaml"}
    assert files(repository.ids("suites")) == {"suites/orders.yaml"}
    assert files(repository.ids(".")) == {"trips.yml", "tests/test_one.py"}
    assert files(repository.ids("suites/deep/lines.yaml")) == {"suites/deep/lines.yaml"}
    below = repository.ids(config="dq_suites = suites\n")
    assert files(below) == {"suites/orders.yaml", "suites/deep/lines.yaml", "tests/test_one.py"}


def test_every_source_may_lie_below_one_root_in_partitions(repository: Repository) -> None:
    rules = '[{rule: "max(order_id) < 100"}, {rule: "partition.dt >= date \'2026-03-02\'"}]'
    repository.write("suites/orders.yaml", f'{SMALL}layout: "dt={{date:%Y-%m-%d}}"\nchecks: {rules}\n')
    repository.write("lake/orders/dt=2026-03-01/a.parquet", BAD)
    repository.write("lake/orders/dt=2026-03-02/a.parquet", GOOD)
    asked = ("suites", "-k", "range or rule")
    repository.pytest(*asked, "--dq-root", "lake", "--dq-partition", "latest").assert_outcomes(passed=3, deselected=4)
    latest = "dq_root = lake\ndq_partition = latest\n"
    found = repository.pytest(*asked, "--dq-partition", "2026-03-01", "--dq-engine", "duckdb", config=latest)
    found.assert_outcomes(failed=3, deselected=4)
    told = screen(found, "orders: amount.range")
    assert "data       lake/orders/dt=2026-03-01, 20 rows" in told
    assert "--dq-partition 2026-03-01 --dq-engine duckdb" in told
    found.stdout.fnmatch_lines(["*orders: 3 failed; 20 rows*"])
    typed = repository.pytest(*asked, "--dq-partition", "dt=2026-03-20", config=latest)
    typed.assert_outcomes(failed=1, skipped=2, deselected=4)
    typed.stdout.fnmatch_lines(
        ['no partition "dt=2026-03-20" in */lake/orders (did you mean "dt=2026-03-02"?); it holds 2']
    )
    absent = repository.pytest(*asked, "--dq-root", "nowhere", "--dq-missing", "skip")
    absent.assert_outcomes(skipped=3, deselected=4)


def test_below_the_ini_key_nothing_is_passed_over(repository: Repository) -> None:
    repository.write("suites/lines.yaml", "sorce: orders\n")
    found = repository.pytest(config="dq_suites = suites\n")
    assert found.ret == pytest.ExitCode.INTERRUPTED
    found.stdout.fnmatch_lines(['*suites/lines.yaml:1: *unknown key "sorce" (did you mean "source"?)*'])
    assert "Traceback" not in found.stdout.str()
    assert str(repository.path) not in found.stdout.str().replace(f"rootdir: {repository.path}", "")


def test_a_slip_in_the_first_key_is_told_where_the_folder_is_named(repository: Repository) -> None:
    repository.write("suites/models.yml", "sources: [{name: x}]\ncolumns: [a]\n")  # not ours
    assert files(repository.ids("suites")) == {"suites/orders.yaml"}
    repository.write("suites/lines.yaml", "sorce: orders\ncolumns: {amount: {min: 0}}\n")
    found = repository.pytest("suites")
    assert found.ret == pytest.ExitCode.INTERRUPTED
    found.stdout.fnmatch_lines(['*suites/lines.yaml:1: *unknown key "sorce" (did you mean "source"?)*'])


def test_suites_of_other_dialects_are_tested_where_a_contract_names_them(repository: Repository) -> None:
    kept = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "amount"}}
    repository.write("suites/orders.gx.json", json.dumps({"name": "orders", "expectations": [kept]}))
    repository.write("suites/schema.yaml", "schema_type: polars_dataframe\ncolumns:\n  amount:\n    dtype: Float64\n")
    repository.write("suites/orders.odcs.yaml", ODCS)
    repository.write("suites/orders.dqdl", 'Rules = [ ColumnValues "order_id" > 100 ]')
    names = "orders.gx.json, schema.yaml, orders.dqdl, 'orders.odcs.yaml:orders'"
    repository.write("suites/orders.yaml", f"source: orders\ninclude: [{names}]\n")
    repository.write("data/a.parquet", BAD)
    found = repository.pytest("suites", "--dq-source", "orders=data")
    found.assert_outcomes(passed=12, failed=2)
    assert "suites/orders.dqdl:1" in screen(found, "orders: order_id.values")
    assert screen(found, "orders: amount.range").startswith("17 rows (85 %, allowed 0) are not <= 200")
    ids = repository.ids("suites")
    assert files(ids) == {"suites/orders.yaml"}
    assert {i.split("::")[2] for i in ids} >= {"amount.required", "amount.range", "amount.type", "amount.type#2"}


ODCS = """apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - {name: amount, logicalType: number, logicalTypeOptions: {maximum: 200}}
  - name: lines
    properties:
      - {name: order_id, logicalType: integer, required: true}
"""


def test_every_object_of_a_contract_is_a_data_set(repository: Repository) -> None:
    repository.write("suites/shop.odcs.yaml", ODCS)
    assert {i.split("::")[1] for i in repository.ids("suites/shop.odcs.yaml")} == {"orders", "lines"}
    found = repository.pytest("suites/shop.odcs.yaml", "-k", "lines")
    found.stdout.fnmatch_lines(['*no data for source "lines"*'])


def test_who_says_it_last_is_right(repository: Repository) -> None:
    """Command line before ini file before fixture."""
    repository.write("bad/a.parquet", BAD)
    repository.write("good/a.parquet", GOOD)
    repository.write("conftest.py", FIXTURE.format("'bad'"))
    one = "suites/orders.yaml::orders::amount.range"
    repository.pytest(one).assert_outcomes(failed=1)
    ini = "dq_sources =\n    orders=good\n"
    repository.pytest(one, config=ini).assert_outcomes(passed=1)
    repository.pytest(one, "--dq-source", "orders=bad", config=ini).assert_outcomes(failed=1)


FIXTURE = """import pytest, polars as pl

@pytest.fixture(scope="session")
def dq_source():
    return {{"orders": {}}}
"""


@pytest.mark.parametrize("data", ["pl.DataFrame({'amount': [-1.0]})", "pl.LazyFrame({'amount': [-1.0]})"])
def test_a_fixture_may_give_a_frame(repository: Repository, data: str) -> None:
    repository.write("suites/orders.yaml", SMALL)
    repository.write("conftest.py", FIXTURE.format(data))
    found = repository.pytest("suites", "-k", "range")
    found.assert_outcomes(failed=1, deselected=4)
    assert "row 1   amount=-1.0" in screen(found, "orders: amount.range")


def test_autouse_fixtures_work_for_contracts_as_for_tests(repository: Repository) -> None:
    code = "import pytest\n@pytest.fixture(autouse=True)\ndef _stop(): pytest.skip('not today')\n"
    repository.write("suites/conftest.py", code)
    repository.pytest("suites").assert_outcomes(skipped=17)


def test_without_data_it_says_how_to_give_it(repository: Repository) -> None:
    found = repository.pytest("suites")
    found.assert_outcomes(failed=1, skipped=16)
    told = screen(found, "orders: table.readable")
    assert told.startswith(
        'no data for source "orders": give it with --dq-source orders=DATA, in the ini key dq_sources'
    )
    assert "no curated zone is configured" in told
    teller = "suites/orders.yaml::orders::table.readable"
    found.stdout.fnmatch_lines([f"SKIPPED *not judged, as {teller} tells"])
    assert found.stdout.str().count("no data for source") == 2  # on its screen, and in the short summary
    expected = repository.pytest("suites", config="dq_xfail = orders::table.readable: the data is late\n")
    expected.assert_outcomes(failed=1, xfailed=1, skipped=15)
    repository.pytest("suites", "--dq-missing", "skip").assert_outcomes(skipped=17)
    repository.pytest("suites", config="dq_missing = skip\n").assert_outcomes(skipped=17)
    repository.pytest("suites", "-x", "--dq-missing", "fail", config="dq_missing = skip\n").assert_outcomes(failed=1)


def test_data_that_is_not_there_is_missing(repository: Repository) -> None:
    found = repository.pytest("suites", "-k", "range", "--dq-source", "orders=nowhere/*.csv")
    told = screen(found, "orders: amount.range")
    assert told == f'no data for source "orders": {repository.path}/nowhere/*.csv: no such file, folder or pattern ' \
        "with data files in it"  # fmt: skip
    skipped = repository.pytest("suites", "-k", "range", "--dq-source", "orders=nowhere", "--dq-missing", "skip")
    skipped.assert_outcomes(skipped=1, deselected=16)


@pytest.mark.parametrize(
    ("arguments", "ini", "told"),
    [
        (["--dq-source", "orders"], "", '*--dq-source "orders": write it like orders=data/orders/[*].parquet'),
        ([], "dq_sources = orders=\n", '*dq_sources "orders=": write it like*'),
        ([], "dq_missing = maybe\n", '*dq_missing = "maybe": fail or skip'),
        (["--dq-sample", "0"], "", "*argument --dq-sample: invalid*'0'"),
        (["--dq-missing", "maybe"], "", "*--dq-missing*maybe*"),
    ],
)
def test_what_is_written_wrong_is_a_usage_error(
    repository: Repository, arguments: list[str], ini: str, told: str
) -> None:
    found = repository.pytest("suites", *arguments, config=ini)
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    found.stderr.fnmatch_lines([told])


def test_a_configuration_that_is_not_there_is_told(repository: Repository) -> None:
    repository.write("data/a.parquet", GOOD)
    found = repository.pytest("suites", "-k", "range", "--dq-source", "orders=data", "--dq-config", "no.toml")
    assert screen(found, "orders: amount.range") == "could not be judged: no.toml: no such configuration file"


DAYS = """layout: "dt={date:%Y-%m-%d}"
columns: {id: {type: int64}, fare: {min: 0}}
checks: [{rule: "id >= 0 and year(partition.dt) = 2026"}]
"""


def test_the_newest_published_partition_is_meant_else(repository: Repository) -> None:
    (repository.path / "shop").mkdir()
    place = Place(repository.path / "shop", trips=DAYS)
    for day, fare in (("2026-03-02", 1.0), ("2026-03-10", 2.0), ("2026-03-11", -1.0)):
        place.put(f"trips/dt={day}/a.parquet", pl.DataFrame({"id": [1], "fare": [fare]}))
    assert place.verdicts()["dt=2026-03-11"].startswith("quarantine")
    before = {zone: place.files(zone) for zone in ("landing", "curated", "quarantine", "_dq")}
    options = ("shop/suites", "--dq-config", "shop/dq.toml")
    found = repository.pytest(*options)
    assert found.ret == 0
    found.stdout.fnmatch_lines(["trips: * passed*; 1 row, scanned in *: *shop/curated/trips/dt=2026-03-10/a.parquet"])
    bad = repository.pytest(*options, "--dq-source", "trips=shop/landing/trips/dt=2026-03-11")
    assert "fare=-1.0" in screen(bad, "trips: fare.range")
    assert {zone: place.files(zone) for zone in before} == before


def test_a_misspelt_source_is_not_replaced_by_what_is_published(repository: Repository) -> None:
    (repository.path / "shop").mkdir()
    place = Place(repository.path / "shop", trips=DAYS)
    place.put("trips/dt=2026-03-10/a.parquet", pl.DataFrame({"id": [1], "fare": [1.0]}))
    place.gate()
    found = repository.pytest("shop/suites", "-k", "range", "--dq-config", "shop/dq.toml", "--dq-source", "trps=data")
    told = 'no data for source "trips": "trps" was given (did you mean "trips"?)'
    assert screen(found, "trips: fare.range") == told


def test_what_a_contract_compares_with_is_given_alike(repository: Repository) -> None:
    repository.write("suites/orders.yaml", "source: orders\ncolumns: {zone: {references: zones.id}}\n")
    repository.write("orders.csv", pl.DataFrame({"zone": [1, 2, 3]}))
    repository.write("zones.csv", pl.DataFrame({"id": [1, 2]}))
    found = repository.pytest("suites", "--dq-source", "orders=orders.csv", "--dq-source", "zones=zones.csv")
    (failed,) = [line for line in found.outlines if line.startswith("FAILED")]
    assert "1 row (33 %" in failed
    told = screen(found, f"orders: {failed.split('::')[-1].split(' - ')[0]}")
    assert told.endswith("--dq-source orders=orders.csv --dq-source zones=zones.csv")
    lacking = repository.pytest("suites", "-k", "references", "--dq-source", "orders=orders.csv")
    assert lacking.ret == 1
    lacking.stdout.fnmatch_lines(['*could not be judged: nobody says where "zones" is*'])


SAMPLED = """source: orders
columns: {n: {type: int64, max: {value: 3, severity: warn}}}
checks: [{row_count: "= 50"}]
"""
ROWS = "".join(f'{n},"a\nb{n}"\n' for n in range(50))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "n,text\n" + ROWS),
        ("a.csv.gz", "n,text\n" + ROWS),
        ("a.ndjson", "".join(json.dumps({"n": n, "text": "a"}) + "\n" for n in range(50))),
        ("a.parquet", ""),
        ("a.json", json.dumps([{"n": n, "text": "a"} for n in range(50)])),
    ],
)
def test_a_sample_says_that_it_is_one(repository: Repository, name: str, content: str) -> None:
    repository.write("suites/orders.yaml", SAMPLED)
    (repository.path / "data").mkdir()
    target = repository.path / "data" / name
    if name.endswith("parquet"):
        pl.DataFrame({"n": range(50), "text": ["a"] * 50}).write_parquet(target, row_group_size=3)
    else:
        target.write_bytes(gzip.compress(content.encode()) if name.endswith("gz") else content.encode())
    whole = repository.pytest("suites", "--dq-source", "orders=data")
    whole.stdout.fnmatch_lines(["*orders: n.range: 46 rows*"])
    found = repository.pytest("suites", "--dq-source", "orders=data", "--dq-sample", "10")
    told = found.stdout.str()
    assert "dq: only the first 10 rows of every file are judged: passes are partial" in told
    assert "PARTIAL: only the first 10 rows of every file" in told
    assert "not judged on the first 10 rows of every file" in told
    rows = 50 if name == "a.json" else 10  # one line: only the whole tells where its rows end
    found.stdout.fnmatch_lines([f"*orders: n.range: {rows - 4} rows*", f"orders: *; {rows} rows, *"])


def test_a_sample_of_a_frame_and_of_damaged_bytes(repository: Repository) -> None:
    repository.write("suites/orders.yaml", SMALL)
    repository.write("conftest.py", FIXTURE.format("pl.DataFrame({'amount': range(50)})"))
    found = repository.pytest("suites", "--dq-sample", "10")
    found.stdout.fnmatch_lines(["orders: * 10 rows, *PARTIAL*"])
    (repository.path / "cut.csv.gz").write_bytes(gzip.compress(b"amount\n" + b"1\n" * 100_000)[:-20])
    cut = repository.pytest("suites", "--dq-sample", "1000000", "--dq-source", "orders=cut.csv.gz")
    assert "cut.csv.gz" in screen(cut, "orders: table.readable")


@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
def test_data_in_a_bucket_is_tested_alike(repository: Repository, bucket: str, name: str) -> None:
    content = repository.write(name, BAD).read_bytes()
    Access().clients[0].put_object(Bucket=bucket, Key=f"orders/{name}", Body=content)
    given = f"orders=s3://{bucket}/orders"
    repository.write("test_shop.py", ON_S3)
    found = repository.pytest("test_shop.py", "suites", "--dq-source", given)
    found.assert_outcomes(passed=16, failed=2, warnings=1)
    told = screen(found, "orders: amount.range")
    assert f"data       s3://{bucket}/orders, 20 rows" in told
    assert f"  {name} row {18 if name == 'a.parquet' else 19}   order_id=117   amount=-1.5" in told
    sampled = repository.pytest("suites", "--dq-source", given, "--dq-sample", "17")
    sampled.stdout.fnmatch_lines([f"orders: *; 17 rows, *: s3://{bucket}/orders; PARTIAL*"])
    none = repository.pytest("suites", "-k", "range", "--dq-source", f"orders=s3://{bucket}/none")
    assert screen(none, "orders: amount.range").startswith('no data for source "orders": s3://')


ON_S3 = """import pytest

@pytest.mark.dataset("suites/orders.yaml")
def test_frame(dataset):
    assert dataset.collect().height == 20
"""


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("lambda name: {'orders': 'data'}.get(name)", ""),
        ("'data'", "could not be judged: the fixture dq_source gives str: a mapping, or a function of the name"),
    ],
)
def test_the_fixture_is_a_mapping_or_a_function(repository: Repository, given: str, told: str) -> None:
    repository.write("data/a.parquet", BAD)
    repository.write("conftest.py", FIXTURE.replace('{{"orders": {}}}', given))
    found = repository.pytest("suites", "-k", "range")
    found.assert_outcomes(failed=1, deselected=16)
    assert screen(found, "orders: amount.range").startswith(told or "3 rows (15 %")
