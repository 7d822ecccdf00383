"""Sixty days of a shop and eight months of taxi trips through the gate, with the contracts in force for them; and the
same days with the faults that deliveries have."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.data.bundled import gated, landed

Documents = dict[str, dict[str, Any]]


def withheld(documents: Documents) -> dict[str, dict[str, str]]:
    """Partition -> what keeps it back, by check."""
    blocked = {p: d for p, d in documents.items() if d["verdict"] != "promote"}
    return {p: {r["id"]: r["message"] for r in d["reasons"]} for p, d in blocked.items()}


def warned(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {c["id"]: c for c in document["checks"] if c["status"] == "fail" and c["severity"] == "warn"}


@pytest.fixture(scope="module")
def retail(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Documents]:
    root = landed(tmp_path_factory.mktemp("retail"), "retail")
    return root, gated(root, "retail")


@pytest.fixture(scope="module")
def trips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Documents]:
    root = landed(tmp_path_factory.mktemp("trips"), "trips")
    return root, gated(root, "trips")


def month(text: str) -> str:
    return f"yellow_tripdata_sample_{text}.csv.gz"


def test_every_day_of_the_shop_is_promoted_with_all_its_bytes(retail: tuple[Path, Documents]) -> None:
    root, documents = retail
    assert withheld(documents) == {}
    files = sorted((root / "landing" / "retail").iterdir())
    assert len(documents) == len(files) == 60
    for file in files:
        assert (root / "curated" / "retail" / file.name).read_bytes() == file.read_bytes()
        with gzip.open(file) as lines:
            assert documents[file.name]["rows"] == pl.read_csv(lines.read(), infer_schema=False).height


# What a person who looks at the data finds odd, and would not stop the shop's training for.
ODD = {
    "2010-12-07.csv.gz": {"UnitPrice.range": "13,541.3"},  # fees of a marketplace, booked as goods
    "2010-12-19.csv.gz": {
        "table.rows_like_before": "522 rows, 83 % below",
        "table.anomaly": "rows, usually",
    },  # a Sunday
    "2010-12-22.csv.gz": {
        "table.rows_like_before": "291 rows, 82 % below",
        "table.anomaly": "rows, usually",
    },  # the shop winds down
    "2011-01-05.csv.gz": {"UnitPrice.range": ""},
    "2011-01-18.csv.gz": {"Quantity.range": "74,215"},  # ordered by mistake, and taken back
    "2011-06-10.csv.gz": {"UnitPrice.range": "38,970", "UnitPrice.mean": "41.6787"},
    "2011-08-12.csv.gz": {"UnitPrice.range": "", "UnitPrice.mean": "-6.19112"},  # bad debt written off
    "2011-08-30.csv.gz": {"CustomerID.completeness": "13 %"},
    "2011-11-25.csv.gz": {"Quantity.range": ""},
    "2011-12-05.csv.gz": {"UnitPrice.range": ""},
    "2011-12-09.csv.gz": {"Quantity.range": "80,995"},
}


def test_warnings_name_what_a_person_finds_odd_and_nothing_else(retail: tuple[Path, Documents]) -> None:
    _, documents = retail
    found = {p: warned(d) for p, d in documents.items() if warned(d)}
    assert {p: set(w) for p, w in found.items()} == {p: set(w) for p, w in ODD.items()}
    for partition, words in ODD.items():
        for name, said in words.items():
            told = found[partition][name]
            assert said in f"{told['message']} {[number(e) for e in told['evidence']]}"


def number(evidence: dict[str, Any]) -> str:
    return " ".join(f"{v:,.6g}" for v in evidence["values"].values() if isinstance(v, (int, float)))


def test_the_one_spoilt_month_is_withheld_and_its_row_is_named(trips: tuple[Path, Documents]) -> None:
    _, documents = trips
    spoilt = month("2018-08")
    assert set(withheld(documents)) == {spoilt}
    reasons = withheld(documents)[spoilt]
    assert set(reasons) == {"fare_amount.mean", "fare_amount.range#2"}
    assert reasons["fare_amount.mean"].startswith("56.2133, expected >= 8 and <= 25")
    (check,) = (c for c in documents[spoilt]["checks"] if c["id"] == "fare_amount.range#2")
    (evidence,) = check["evidence"]
    assert (evidence["file"], evidence["row"], evidence["values"]) == (spoilt, 1107, {"fare_amount": 429490.2})


def test_the_line_that_is_named_is_the_line_of_the_file(trips: tuple[Path, Documents]) -> None:
    root, _ = trips
    with gzip.open(root / "landing" / "trips" / month("2018-08"), "rt") as lines:
        assert "429490.2" in lines.read().splitlines()[1107 - 1]


def test_drift_that_the_contract_expects_is_no_fault(trips: tuple[Path, Documents]) -> None:
    """The surcharge is empty until its law, and five columns miss together in less than the rows it allows."""
    _, documents = trips
    for text in ("2018-01", "2019-01"):
        assert not [c for c in documents[month(text)]["checks"] if c["id"] == "congestion_surcharge.completeness"]
    for text in ("2019-02", "2019-07", "2019-08"):
        checks = {c["id"]: c for c in documents[month(text)]["checks"]}
        assert checks["congestion_surcharge.completeness"]["status"] == "pass"
    checks = {c["id"]: c for c in documents[month("2019-07")]["checks"]}
    assert (checks["vendor_id.required"]["failed_rows"], checks["vendor_id.required"]["status"]) == (59, "pass")


def test_a_clock_that_says_2008_is_a_warning(trips: tuple[Path, Documents]) -> None:
    _, documents = trips
    assert set(warned(documents[month("2019-08")])) == {"pickup_datetime.range"}
    assert "2008-12-31T23:49:36" in str(warned(documents[month("2019-08")])["pickup_datetime.range"]["evidence"])
    assert set(warned(documents[month("2019-01")])) == {"total_amount.range"}  # 3,004.80 dollars
    quiet = set(documents) - {month(m) for m in ("2018-08", "2019-01", "2019-08")}
    assert [p for p in quiet if warned(documents[p])] == []


def test_the_demand_of_a_version_is_made_from_its_start_on(tmp_path: Path) -> None:
    """A month without the surcharge, landed as one after the law."""
    root = landed(tmp_path, "trips", month("2019-01"))
    file = root / "landing" / "trips" / month("2019-01")
    text = gzip.decompress(file.read_bytes()).decode().replace("2019-01-", "2019-03-")
    (file.parent / month("2019-03")).write_bytes(gzip.compress(text.encode()))
    documents = gated(root, "trips")
    assert set(withheld(documents)) == {month("2019-03")}
    assert "37 % of the rows have a value" in withheld(documents)[month("2019-03")]["congestion_surcharge.completeness"]


BEFORE, DAY = "2010-12-05.csv.gz", "2010-12-06.csv.gz"
Spoil = Callable[[bytes, bytes], bytes]


def lines_of(text: bytes, keep: int) -> bytes:
    return b"".join(text.splitlines(keepends=True)[:keep])


def gz(text: bytes) -> bytes:
    return gzip.compress(text, mtime=0)


FAULTS: dict[str, tuple[Spoil, dict[str, str]]] = {
    "yesterday again": (
        lambda day, before: before,
        {"table.same_content": BEFORE, "table.of_the_day": "2,725 rows (100 %, allowed 0)"},
    ),
    "cut off in transfer": (lambda day, before: gz(day)[:20_000], {"table.truncated": "ends early, after line 1330"}),
    "a handful of rows": (lambda day, before: gz(lines_of(day, 41)), {"table.row_count": "40 rows"}),
    "nothing but a header": (lambda day, before: gz(lines_of(day, 1)), {"table.not_empty": "0 rows"}),
    "nothing at all": (lambda day, before: gz(b""), {"table.empty_file": DAY}),
    "a column renamed": (
        lambda day, before: gz(day.replace(b"UnitPrice", b"Unit_Price", 1)),
        {"UnitPrice.column_present": 'did you mean "Unit_Price"'},
    ),
    "decimal commas": (
        lambda day, before: gz(day.replace(b",2.55,", b',"2,55",')),
        {"UnitPrice.readable": "61 rows (2 %, allowed 0) cannot be read as double"},
    ),
    "another order of the date": (
        lambda day, before: gz(day.replace(b"2010-12-06 ", b"06.12.2010 ")),
        {"InvoiceDate.readable": "3,878 rows (100 %, allowed 0) cannot be read as timestamp"},
    ),
    "an error page": (
        lambda day, before: gz(b"<html><body>504 Gateway Time-out</body></html>\n"),
        {"table.not_csv": "is HTML, not CSV"},
    ),
    "returns lost their sign": (
        lambda day, before: gz(day.replace(b",-1,", b",1,")),
        {"table.returns_are_negative": "10 rows (20 %, allowed 0) break Quantity < 0"},
    ),
    "an unfinished line": (lambda day, before: gz(day.rstrip()[:-30]), {"table.ragged": "first in line 3879"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_delivery_are_withheld_and_named(tmp_path: Path, fault: str) -> None:
    spoil, expected = FAULTS[fault]
    root = landed(tmp_path, "retail", BEFORE, DAY)
    file = root / "landing" / "retail" / DAY
    file.write_bytes(spoil(gzip.decompress(file.read_bytes()), (file.parent / BEFORE).read_bytes()))
    documents = gated(root, "retail")
    assert set(withheld(documents)) == {DAY}
    reasons = withheld(documents)[DAY]
    assert expected.keys() <= reasons.keys()
    assert {name.split(".")[0] for name in reasons} == {name.split(".")[0] for name in expected}  # nothing else
    for name, words in expected.items():
        assert words in reasons[name]
    assert documents[DAY]["published"] is None
    assert not (root / "curated" / "retail" / DAY).exists()
