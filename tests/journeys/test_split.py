"""Good rows are promoted, bad rows are withheld with their rules, and together they are what landed."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dq import api, config, running, standing, status
from dq.gate import Wanted, gate
from dq.reports import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.journeys.conftest import Ran

NOW = datetime(2026, 3, 10, tzinfo=UTC)
CONTRACT = """
source: trips
layout: "dt={date:%Y-%m-%d}"
columns:
  id: {type: int64, required: true, unique: true}
  fare: {type: double, min: 0, max: {value: 500, fails: "<= 5%"}}
checks:
  - {rule: "fare < 1000"}
policy: {on_fail: split}
"""


class Place:
    """A landing with everything around it, for one source."""

    def __init__(self, root: Path, contract: str = CONTRACT, source: str = "trips") -> None:
        self.root, self.source = root, source
        (root / "suites").mkdir()
        (root / "landing" / source).mkdir(parents=True)
        (root / "dq.toml").write_text('[zones]\nlanding = "landing"\ncurated = "curated"\n')
        self.contract(contract)

    def contract(self, text: str) -> None:
        (self.root / "suites" / f"{self.source}.yaml").write_text(text)

    def land(self, name: str, content: bytes) -> Path:
        path = self.root / "landing" / self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def config(self, engine: str = "auto") -> config.Config:
        return config.load(self.root / "dq.toml", environment={}, engine=engine)

    def gate(self, engine: str = "auto", **wanted: Any) -> list[dict[str, Any]]:
        return list(api.gate(self.source, config=self.config(engine), wanted=Wanted(**wanted), now=NOW))

    def files(self, zone: str) -> dict[str, bytes]:
        base = self.root / zone
        return {str(p.relative_to(base)): p.read_bytes() for p in sorted(base.rglob("*")) if p.is_file()}

    def visible(self) -> dict[str, bytes]:
        return {
            p.removeprefix(f"{self.source}/"): c for p, c in self.files("curated").items() if not p.startswith(".dq/")
        }

    def withheld(self) -> dict[str, bytes]:
        """Rows and rules of the only split."""
        found = self.files("quarantine")
        return {p.split("/split-1/")[1]: c for p, c in found.items() if "/split-1/r" in p}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def csv_of(rows: list[str], end: str = "\n") -> bytes:
    return (end.join(["id,fare,note", *rows]) + end).encode()


GOOD = [f"{i},{i / 4},ok" for i in range(100, 200)]


def rules(told: bytes) -> dict[int, list[str]]:
    return {t["line"]: t["rules"] for t in map(json.loads, told.splitlines())}


def test_good_lines_are_published_and_bad_lines_withheld_as_they_were(place: Place) -> None:
    rows = [*GOOD]
    rows[3] = "103,-1.50,negative"
    rows[10] = '  ,"2.0","two\nlines"'
    rows[20] = "120,abc,uncastable"
    rows[30] = rows[31] = "130,-0.25,twice"
    content = csv_of(rows)
    before = place.land("dt=2026-03-01/a.csv", content)
    place.land("dt=2026-03-01/b.csv", csv_of(["900,1,x"]))

    (document,) = place.gate()

    assert (document["verdict"], document["success"], document["rows"]) == ("promote", True, 101)
    assert document["rows_quarantined"] == 5
    assert {r["id"] for r in document["reasons"]} == {"fare.range", "id.unique", "fare.readable", "id.required"}
    lines = content.decode().splitlines(keepends=True)
    gone = [4, 11, 12, 22, 32, 33]
    assert place.visible() == {
        "dt=2026-03-01/a.csv": "".join(x for i, x in enumerate(lines) if i not in gone).encode(),
        "dt=2026-03-01/b.csv": csv_of(["900,1,x"]),
    }
    withheld = place.withheld()
    assert withheld["rows/a.csv"] == "".join(lines[i] for i in [0, *gone]).encode()
    assert rules(withheld["rules/a.csv.ndjson"]) == {
        5: ["fare.range"], 12: ["id.required"], 23: ["fare.readable"], 33: ["fare.range", "id.unique"],
        34: ["fare.range", "id.unique"],
    }  # fmt: skip
    assert list(withheld) == ["rows/a.csv", "rules/a.csv.ndjson"]
    assert before.read_bytes() == content
    assert place.gate() == []


def test_the_published_bytes_carry_their_own_passing_decision(place: Place) -> None:
    place.land("dt=2026-03-01/a.csv", csv_of([*GOOD, "1,-1,bad"]))
    (document,) = place.gate()
    split = document["split"]
    assert {f"dt=2026-03-01/{f['path']}": f["digest"] for f in split["files"]} == {
        p: hashlib.sha256(c).hexdigest() for p, c in place.visible().items()
    }
    assert split["counts"]["fail"] == 0 < document["counts"]["fail"]
    assert split["digest"] != document["digest"]
    assert (split["rows"], split["rows_bad"], split["records_rejected"]) == (100, 1, 0)
    record = json.loads((Path(split["quarantined"]) / "quarantine.json").read_text())
    assert (record["rows_quarantined"], record["digest"]) == (1, document["digest"])
    run = running.gate_run("trips", place.config())
    (told,) = standing.files(run)["files"]
    assert told["digest"] == split["files"][0]["digest"]
    told = status.status(run)
    assert (told["counts"]["promoted"], told["last"]["rows_quarantined"]) == (1, 1)
    assert standing.stored(run, "2026-03-01")["split"] == split
    assert [event["revision"] for event in status.history(run)] == [1]


def test_records_that_cannot_be_read_are_withheld_too(place: Place) -> None:
    rows = [*GOOD]
    rows[5] = "105,1"
    rows[50] = "150,-1,bad"
    rows[60] = "160,1,ok,more"
    place.land("dt=2026-03-01/a.csv", csv_of(rows, "\r\n"))
    (document,) = place.gate()
    split = document["split"]
    assert (document["verdict"], document["rows"], document["rows_quarantined"]) == ("promote", 98, 3)
    assert (split["rows"], split["rows_bad"], split["records_rejected"]) == (97, 1, 2)
    gone = {5, 50, 60}
    assert place.visible()["dt=2026-03-01/a.csv"] == csv_of([r for i, r in enumerate(rows) if i not in gone], "\r\n")
    assert rules(place.withheld()["rules/a.csv.ndjson"]) == {
        7: ["table.ragged"], 52: ["fare.range"], 62: ["table.ragged"],
    }  # fmt: skip


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_lines_of_json_in_gzip(place: Place, engine: str) -> None:
    texts = [json.dumps({"id": i, "fare": i / 2, "tags": ["é", str(i)]}, ensure_ascii=False) for i in range(60)]
    texts[7], texts[8], texts[40] = '{"id": 7, "fare": -1.0}', '{"id": 8, "fa', '{"id": 41, "fare": 1}'
    place.land("dt=2026-03-01/a.ndjson.gz", gzip.compress("\n".join(texts).encode()))
    place.contract(
        CONTRACT.replace("- {rule", "- {row_count: '> 50'}\n  - {rule").replace(
            "policy: {", "policy: {split_max: 10 %, "
        )
    )
    (document,) = place.gate(engine)
    assert document["verdict"] == "promote", document["reasons"]
    gone = {7, 8, 40, 41}
    (content,) = place.visible().values()
    assert gzip.decompress(content).decode() == "\n".join(t for i, t in enumerate(texts) if i not in gone)
    withheld = place.withheld()
    assert gzip.decompress(withheld["rows/a.ndjson.gz"]).decode().splitlines() == [texts[i] for i in sorted(gone)]
    assert rules(withheld["rules/a.ndjson.gz.ndjson"]) == {
        8: ["fare.range"], 9: ["table.bad_json"], 41: ["id.unique"], 42: ["id.unique"],
    }  # fmt: skip


WHOLE = {
    "too many": (
        [*GOOD[:20], *(f"{i},-1,bad" for i in range(6))],
        "",
        "23 % of the rows are bad, at most 5 % may be split off",
    ),
    "the whole": ([*GOOD, "1,-1,bad"], "  - {row_count: '> 1000'}\n", "table.row_count judges the whole partition"),
    "the rest": ([*GOOD, "1,-1,bad"], "  - {row_count: '= 101'}\n", "fail too (table.row_count)"),
    "structure": ([*GOOD, "1,-1,bad", '2,1,"open'], "", "not split"),
}


@pytest.mark.parametrize("case", WHOLE)
def test_all_are_quarantined_and_it_says_why(place: Place, case: str) -> None:
    rows, check, said = WHOLE[case]
    place.contract(CONTRACT.replace("checks:\n", f"checks:\n{check}"))
    content = csv_of(rows) if case != "structure" else csv_of(rows)[:-1] + b"\x00"
    place.land("dt=2026-03-01/a.csv", content)
    (document,) = place.gate()
    assert (document["verdict"], document["success"], document["split"]) == ("quarantine", False, None)
    assert said in document["reasons"][-1]["message"]
    assert document["reasons"][-1]["id"] == "table.split"
    assert place.visible() == {}
    assert [p.split("/")[-1] for p in place.files("quarantine")] == ["quarantine.json"]
    assert place.gate() == []


def test_a_document_of_json_is_not_split(place: Place) -> None:
    place.land("dt=2026-03-01/a.json", json.dumps([{"id": i, "fare": i - 1.0} for i in range(30)]).encode())
    (document,) = place.gate()
    assert document["verdict"] == "quarantine"
    assert "do not follow lines" in document["reasons"][-1]["message"]


def test_what_is_tolerated_or_unknown_is_not_bad(place: Place) -> None:
    rows = [*GOOD, "1,600,tolerated", "2,,unknown", "3,-1,bad"]
    place.land("dt=2026-03-01/a.csv", csv_of(rows))
    (document,) = place.gate()
    assert document["rows_quarantined"] == 1
    assert place.visible()["dt=2026-03-01/a.csv"] == csv_of(rows[:-1])


def test_a_file_without_a_good_row_is_left_out(place: Place) -> None:
    place.land("dt=2026-03-01/a.csv", csv_of(GOOD))
    place.land("dt=2026-03-01/b.csv", csv_of(["1,-1,bad"]))
    assert place.gate()[0]["verdict"] == "promote"
    assert list(place.visible()) == ["dt=2026-03-01/a.csv"]
    assert place.withheld()["rows/b.csv"] == csv_of(["1,-1,bad"])


def test_without_a_curated_zone_there_is_nothing_to_split(place: Place) -> None:
    (place.root / "dq.toml").write_text('[zones]\nlanding = "landing"\n')
    place.land("dt=2026-03-01/a.csv", csv_of([*GOOD, "1,-1,bad"]))
    (document,) = place.gate()
    assert document["verdict"] == "quarantine"
    assert document["reasons"][-1]["message"] == "not split: there is no curated zone to publish the good rows in"


def test_a_dry_run_says_what_would_happen_and_writes_nothing(place: Place) -> None:
    place.land("dt=2026-03-01/a.csv", csv_of([*GOOD, "1,-1,bad"]))
    (document,) = place.gate(dry=True)
    assert (document["verdict"], document["rows_quarantined"]) == ("promote", 1)
    assert place.files("curated") == place.files("quarantine") == {}


def test_the_good_part_teaches(place: Place) -> None:
    place.contract(CONTRACT.replace("checks:\n", "checks:\n  - {row_count: '>= 100% of previous'}\n"))
    place.land("dt=2026-03-01/a.csv", csv_of([*GOOD, "1,-1,bad", "2,-1,bad"]))
    place.land("dt=2026-03-02/a.csv", csv_of([f"{i},1,x" for i in range(100)]))
    place.land("dt=2026-03-03/a.csv", csv_of([f"{i},2,y" for i in range(99)]))
    assert [d["verdict"] for d in place.gate()] == ["promote", "promote", "quarantine"]


def test_a_contract_that_lets_all_rows_pass_publishes_them_as_the_next_revision(place: Place) -> None:
    content = csv_of([*GOOD, "1,-1,bad"])
    place.land("dt=2026-03-01/a.csv", content)
    place.gate()
    place.contract(CONTRACT.replace("min: 0", "min: -5"))
    (document,) = place.gate(again=True)
    assert (document["verdict"], document["revision"], document["split"]) == ("promote", 2, None)
    assert place.visible() == {"dt=2026-03-01/a.csv": content}
    place.contract(CONTRACT)
    (document,) = place.gate(again=True)
    assert (document["revision"], document["rows_quarantined"]) == (3, 1)
    assert place.visible() == {"dt=2026-03-01/a.csv": csv_of(GOOD)}
    assert place.gate() == []


def test_judged_again_with_the_same_outcome_the_withheld_rows_are_where_the_decision_says(place: Place) -> None:
    place.land("dt=2026-03-01/a.csv", csv_of([*GOOD, "1,-1,bad"]))
    place.gate()
    (document,) = place.gate(again=True)
    assert (document["revision"], document["rows_quarantined"]) == (1, 1)
    assert (Path(document["split"]["quarantined"]) / "rows" / "a.csv").read_bytes() == csv_of(["1,-1,bad"])
    assert place.gate() == []


def test_single_files_are_partitions_too(tmp_path: Path) -> None:
    place = Place(tmp_path, CONTRACT.replace("dt={date:%Y-%m-%d}", "{date:%m-%d-%Y}.csv"))
    place.land("03-01-2026.csv", csv_of([*GOOD, "1,-1,bad"]))
    (document,) = place.gate()
    assert document["verdict"] == "promote"
    assert place.visible() == {"03-01-2026.csv": csv_of(GOOD)}
    assert rules(place.withheld()["rules/03-01-2026.csv.ndjson"]) == {102: ["fare.range"]}


def test_generations(place: Place) -> None:
    (place.root / "dq.toml").write_text(
        '[zones]\nlanding = "landing"\ncurated = "curated"\n[publish]\nlayout = "generations"\n'
    )
    place.land("dt=2026-03-01/a.csv", csv_of([*GOOD, "1,-1,bad"]))
    (document,) = place.gate()
    assert document["verdict"] == "promote"
    assert (Path(document["published"]) / "a.csv").read_bytes() == csv_of(GOOD)
    assert place.gate() == []


def test_personal_values_stay_in_the_data(place: Place) -> None:
    """Withheld rows are whole; the record of them shows no value of a column declared pii."""
    place.contract(CONTRACT.replace("checks:", "  note: {matches: '^ok', pii: true}\nchecks:"))
    place.land("dt=2026-03-01/a.csv", csv_of([*GOOD, "1,1,secret-name"]))
    (document,) = place.gate()
    assert document["rows_quarantined"] == 1
    assert b"secret-name" in place.withheld()["rows/a.csv"]
    spread = {**place.files("_dq"), **{p: c for p, c in place.files("quarantine").items() if not p.endswith("a.csv")}}
    assert not [p for p, c in spread.items() if b"secret-name" in c]
    assert "secret-name" not in json.dumps(document)


def test_a_person_reads_what_became_of_it(place: Place, dq: Callable[..., Ran]) -> None:
    place.land("dt=2026-03-01/a.csv", csv_of([*GOOD, "1,-1,bad"]))
    ran = dq("gate", at=place.root)
    assert ran.code == 0
    assert ran.out.splitlines()[0].startswith("PROMOTE trips dt=2026-03-01 rev 1: 101 rows, 1 row quarantined, ")
    assert "fare.range" in ran.out.splitlines()[1]
    assert "  withheld rows are in " in ran.out
    shown = dq("show", "trips", "2026-03-01", at=place.root)
    assert "1 row quarantined" in shown.out
    assert str(place.root) in dq("ls", "trips", at=place.root).out


class Meddled:
    """A divider during whose work somebody lands other bytes."""

    def __init__(self, divider: Any, meddle: Callable[[], object]) -> None:
        self.divider, self.meddle = divider, meddle

    def part(self, *arguments: Any) -> Any:
        self.meddle()
        return self.divider.part(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.divider, name)


def test_landing_that_changes_meanwhile_is_not_split(place: Place) -> None:
    path = place.land("dt=2026-03-01/a.csv", csv_of([*GOOD, "1,-1,bad"]))
    run = running.gate_run("trips", place.config(), now=NOW)
    meddled = Meddled(run.divider, lambda: path.write_bytes(csv_of([*GOOD, "1,-9,bad"])))
    documents = list(gate(replace(run, divider=meddled)))
    run.close()
    assert "promote" not in [d["verdict"] for d in documents if not place.withheld()]
    assert set(place.withheld().values()) & {csv_of(["1,-1,bad"])} == set()
    assert [d["verdict"] for d in place.gate()] in ([], ["promote"])
    assert place.withheld()["rows/a.csv"] == csv_of(["1,-9,bad"])
    assert place.visible()["dt=2026-03-01/a.csv"] == csv_of(GOOD)


LENIENT = CONTRACT.replace("on_fail: split", "on_fail: warn")


def test_on_fail_warn_promotes_and_tells_the_failures_as_warnings(place: Place) -> None:
    place.contract(LENIENT)
    content = csv_of([*GOOD, "1,-1,bad", "1,2000,bad"])
    place.land("dt=2026-03-01/a.csv", content)
    (document,) = place.gate()
    assert (document["verdict"], document["success"], document["reasons"]) == ("promote", True, [])
    assert (document["counts"]["warn"], document["counts"]["fail"]) == (3, 0)
    assert {c["id"] for c in document["checks"] if c["status"] == "fail"} == {"fare.range", "id.unique", "table.rule"}
    assert place.visible() == {"dt=2026-03-01/a.csv": content}


def test_on_fail_warn_does_not_let_through_what_could_not_be_read(place: Place) -> None:
    place.contract(LENIENT)
    place.land("dt=2026-03-01/a.csv", csv_of([*GOOD, "1,2"]))
    assert place.gate()[0]["verdict"] == "quarantine"


def test_quarantine_copy_keeps_the_landing_bytes(place: Place) -> None:
    place.contract(CONTRACT.replace("policy: {on_fail: split}", "quarantine_copy: true"))
    contents = {"a.csv": csv_of([*GOOD, "1,-1,bad"]), "deep/b.csv": csv_of(["5,5,x"])}
    for name, content in contents.items():
        place.land(f"dt=2026-03-01/{name}", content)
    (document,) = place.gate()
    assert document["verdict"] == "quarantine"
    found = place.files("quarantine")
    base = f"trips/dt=2026-03-01/{document['digest']}"
    assert {p: c for p, c in found.items() if not p.endswith(".json")} == {
        f"{base}/rows/{n}": c for n, c in contents.items()
    }
    record = json.loads(found[f"{base}/quarantine.json"])
    assert {c["path"]: c["digest"] for c in record["copies"]} == {
        f"rows/{n}": hashlib.sha256(c).hexdigest() for n, c in contents.items()
    }


MALFORMED = CONTRACT.replace("policy: {on_fail: split}", 'malformed: "<= 2%"')


def test_malformed_records_that_are_allowed_are_left_out_and_warned_of(place: Place) -> None:
    place.contract(MALFORMED)
    rows = [*GOOD]
    rows[5], rows[50] = "105,1.0", "150,1.0,two,many"
    before = place.land("dt=2026-03-01/a.csv", csv_of(rows))
    content = before.read_bytes()

    (document,) = place.gate()

    assert (document["verdict"], document["success"]) == ("promote", True)
    assert (document["rows"], document["rows_quarantined"], document["reasons"]) == (98, 2, [])
    (warned,) = (c for c in document["checks"] if c["id"] == "table.ragged")
    assert (warned["severity"], warned["status"], warned["bound"]) == ("warn", "fail", "<= 2%")
    assert (warned["failed_rows"], warned["total_rows"]) == (2, 100)
    assert "2 of 100 records are malformed, allowed 2%" in warned["message"]
    assert place.visible() == {"dt=2026-03-01/a.csv": csv_of([r for i, r in enumerate(rows) if i not in (5, 50)])}
    withheld = place.withheld()
    assert withheld["rows/a.csv"] == csv_of([rows[5], rows[50]])
    assert rules(withheld["rules/a.csv.ndjson"]) == {7: ["table.ragged"], 52: ["table.ragged"]}
    assert before.read_bytes() == content
    assert "2 rows quarantined: table.ragged" in text.row(document)


@pytest.mark.parametrize(
    ("contract", "bad", "said"),
    [
        (MALFORMED, ["1,2"] * 3, "3 of 101 records are malformed, allowed 2%"),
        (MALFORMED.replace("<= 2%", "<= 50% and <= 2"), ["1,2"] * 3, "3 of 101 records are malformed"),
        (MALFORMED + "policy: {on_fail: split}\n", ["1,2"] * 3, "not split: table.ragged: more than <= 2%"),
        (MALFORMED, ["1,2", "3,4,\0"], "NUL byte"),
        (MALFORMED, ["1,2", "9,-1.0,a rule broken"], "1 row (1 %, allowed 0) below 0"),
        (CONTRACT.replace("policy: {on_fail: split}", ""), ["1,2"], 'malformed: "<= 2%"'),
    ],
    ids=[
        "more",
        "more than one of two bounds",
        "more and split",
        "no fault of records",
        "another fault",
        "not allowed",
    ],
)
def test_other_faults_and_more_malformed_records_quarantine_all(
    place: Place, contract: str, bad: list[str], said: str
) -> None:
    place.contract(contract)
    place.land("dt=2026-03-01/a.csv", csv_of([*GOOD[:98], *bad]))
    (document,) = place.gate()
    assert document["verdict"] == "quarantine"
    assert place.visible() == {}
    assert said in "; ".join(f"{r['message']} {r['next']}" for r in document["reasons"])


def test_malformed_records_and_bad_rows_are_split_off_together(place: Place) -> None:
    place.contract(MALFORMED + "policy: {on_fail: split, split_max: 1%}\n")
    place.land("dt=2026-03-01/a.csv", csv_of([*GOOD[:98], "1,2", "9,-1.0,a rule broken"]))
    (document,) = place.gate()
    assert (document["verdict"], document["rows_quarantined"]) == ("promote", 2)
    assert rules(place.withheld()["rules/a.csv.ndjson"]) == {100: ["table.ragged"], 101: ["fare.range"]}


@pytest.mark.parametrize(("allowed", "verdict"), [("<= 2", "promote"), ("<= 1", "quarantine")])
def test_lines_of_json_may_be_malformed_too_each_counted_once(place: Place, allowed: str, verdict: str) -> None:
    place.contract(f'source: trips\nlayout: "dt={{date:%Y-%m-%d}}"\nmalformed: "{allowed}"\n')
    good = b"".join(b'{"id": %d}\n' % i for i in range(50))
    place.land("dt=2026-03-01/a.jsonl", good + b'{"id": \n{"id": "\xff"}\n')
    (document,) = place.gate()
    assert document["verdict"] == verdict
    assert place.visible() == ({"dt=2026-03-01/a.jsonl": good} if verdict == "promote" else {})


def test_without_a_curated_zone_malformed_records_are_a_warning(place: Place) -> None:
    place.contract(MALFORMED)
    (place.root / "dq.toml").write_text('[zones]\nlanding = "landing"\n')
    place.land("dt=2026-03-01/a.csv", csv_of([*GOOD, "1,2"]))
    (document,) = place.gate()
    assert (document["verdict"], document["counts"]["warn"], document["split"]) == ("promote", 1, None)


def test_what_stands_above_the_header_is_in_both_parts(place: Place) -> None:
    place.contract(CONTRACT + "csv: {skip: 2}\n")
    above, rows = b'A report, of "2026\n\n', [*GOOD[:98], "9,-1.0,a rule broken", "1,2"]
    place.land("dt=2026-03-01/a.csv", above + csv_of(rows))
    (document,) = place.gate()
    assert (document["verdict"], document["rows"], document["rows_quarantined"]) == ("promote", 99, 2)
    assert place.visible() == {"dt=2026-03-01/a.csv": above + csv_of(rows[:98])}
    assert place.withheld()["rows/a.csv"] == above + csv_of(rows[98:])
    assert rules(place.withheld()["rules/a.csv.ndjson"]) == {102: ["fare.range"], 103: ["table.ragged"]}
