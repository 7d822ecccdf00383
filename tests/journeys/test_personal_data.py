"""Personal data leaves no trace: canaries in every column, every command and Python entry, every byte written."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from datetime import date, timedelta
from pathlib import Path
from shutil import rmtree
from typing import Any

import polars as pl
import pytest

import dq as package
from dq import api, config
from tests.journeys.conftest import Ran

ROWS = 60
MARKED = ("name", "born", "salary", "member", "flagged", "who")
CONTRACT = """source: people
layout: "dt={date:%Y-%m-%d}"
columns:
  id: {type: int64, required: true}
  name: {pii: true, unique: true, matches: "^[a-z]+$", allowed: [nobody]}
  born: {pii: true, type: date, max: 1900-01-01}
  salary: {pii: true, type: double, max: 10, mean: "<= 5", sum: "<= 5", median: "<= 5"}
  member: {pii: true, type: int64, max: 10, unique: true}
  who: {pii: true, optional: true}
  mail: {matches: "^nobody$", unique: true, max_length: 3}
  phone: {allowed: [none]}
  card: {not_matches: "1", distinct_count: "<= 1"}
  iban: {max_length: 2}
  ssn: {required: true, matches: "^0"}
  ip: {allowed: ["0.0.0.0"]}
checks:
  - {rule: "max(born) < DATE '1900-01-01'"}
  - {rule: "max(mail) = 'x' and min(phone) = 'y'"}
  - {rule: "max(salary) < 5 and avg(salary) < 5"}
  - {rule: "mail = name and salary < 5"}
"""


def card(n: int) -> str:
    digits = f"40128888{n:07d}"
    doubled = sum(sum(divmod(2 * int(d), 10)) for d in digits[::-2]) + sum(int(d) for d in digits[-2::-2])
    return digits + str(-doubled % 10)


def iban(n: int) -> str:
    account = f"37040044{n:010d}"
    return f"DE{98 - int(account + '131400') % 97:02d}{account}"


def people(start: int) -> pl.DataFrame:
    each = range(start, start + ROWS)
    return pl.DataFrame(
        {
            "id": each,
            "name": [f"Zebulon Kanari{n}" for n in each],
            "born": [date(1931, 7, 1) + timedelta(days=n % 28) for n in each],
            "salary": [77123.25] * ROWS,
            "member": [918273645 + n for n in each],
            "mail": [f"kanari{n}@leak.example" for n in each],
            "phone": [f"+49 171 55501{n:02d}" for n in each],
            "card": [card(5550100 + n) for n in each],
            "iban": [iban(5550100 + n) for n in each],
            "ssn": [f"123-45-{6000 + n}" for n in each],
            "ip": [f"203.0.113.{n}" for n in each],
            "code": ["a", "b"] * (ROWS // 2),
        }
    )


CANARIES = (
    "anari", "leak.example", "1931-07", "77123", "77,123", "4627395000", "4,627,395", "9182736", "918,273", "17155501",
    "171 55501", "123-45-", "203.0.113", "40128888", "37040044",
)  # fmt: skip


def write(folder: Path, frame: pl.DataFrame, suffix: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"part-0.{suffix}"
    {"csv": frame.write_csv, "ndjson": frame.write_ndjson, "parquet": frame.write_parquet}[suffix](target)
    return target


@pytest.fixture(params=["csv", "ndjson", "parquet"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    landing = tmp_path / "landing" / "people"
    for day in range(3):
        write(landing / f"dt=2026-03-0{day + 1}", people(20 * day), request.param)
    broken = write(landing / "dt=2026-03-04", people(10), request.param)
    if request.param == "parquet":
        broken.write_bytes(broken.read_bytes()[:-300])
    else:
        text = broken.read_text().splitlines(keepends=True)
        cut = {"csv": "7,Zebulon Kanari7,kanari7@leak.example,203.0.113.9\n", "ndjson": '{"name": "Kanari\n'}
        broken.write_text("".join([*text, cut[request.param]]))
    odd = people(30).with_columns(pl.col("born", "salary", "member").cast(pl.String) + "?")
    write(landing / "dt=2026-03-05", odd, request.param)
    headless = landing / "dt=2026-03-06" / "part-0.csv"
    headless.parent.mkdir()
    people(5).write_csv(headless, include_header=False)
    nested = people(40).with_columns(who=pl.struct("mail", "name", "member"), list=pl.concat_list("mail", "phone"))
    if request.param != "csv":
        write(landing / "dt=2026-03-07", nested, request.param)
    seen = people(0).drop("name", "born", "salary", "member")
    write(tmp_path / "plain", seen, request.param)
    half = pl.when(pl.col("id") % 3 > 0)
    mixed = seen.with_columns(half.then("mail").otherwise(pl.lit("none")).alias("mail"), pl.col("ssn") + " ")
    write(tmp_path / "mixed", mixed, request.param)
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "people.yaml").write_text(CONTRACT)
    (tmp_path / "dq.toml").write_text('[zones]\nlanding = "landing"\ncurated = "curated"\n')
    return tmp_path


def written(root: Path) -> Iterator[tuple[str, str]]:
    """Every file but the data itself."""
    for path in root.rglob("*"):
        if path.is_file() and path.relative_to(root).parts[0] not in ("landing", "curated", "plain", "mixed"):
            yield str(path.relative_to(root)), path.read_bytes().decode(errors="replace")


def leaks(texts: Iterator[tuple[str, str]]) -> dict[str, list[str]]:
    """Where a canary sings, with what stands around it. Digests, times in nanoseconds and fractions of seconds
    have any digits by chance."""
    found: dict[str, list[str]] = {}
    for name, text in ((n, re.sub(r"[0-9a-f]{32,}|\b\d{19}\b|(?<=:\d\d)\.\d+", "", t)) for n, t in texts):
        for at in (text.find(canary) for canary in CANARIES):
            if at >= 0:
                found.setdefault(name, []).append(text[max(0, at - 60) : at + 60])
    return found


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("validate", "{good}", "--suite", "suites/people.yaml"),
    ("validate", "{good}", "--suite", "suites/people.yaml", "--json"),
    ("validate", "{broken}", "--suite", "suites/people.yaml"),
    ("validate", "{odd}", "--suite", "suites/people.yaml", "--json"),
    ("validate", "{headless}", "--suite", "suites/people.yaml", "--json"),
    ("validate", "{good}", "--suite", "loose.yaml", "--json"),
    ("profile", "{plain}"),
    ("profile", "{plain}", "--json"),
    ("profile", "{plain}", "--json", "--depth", "core"),
    ("profile", "{broken}", "--suite", "suites/people.yaml"),
    ("diff", "{plain}", "{mixed}", "--json"),
    ("diff", "{mixed}", "{plain}"),
    ("profile", "{good}", "--suite", "suites/people.yaml", "--json"),
    ("diff", "{good}", "{other}", "--suite", "suites/people.yaml"),
    ("diff", "{good}", "{odd}", "--suite", "suites/people.yaml", "--json"),
    ("explain", "{good}", "--suite", "suites/people.yaml"),
    ("gate", "--dry-run", "--json"),
    ("gate",),
    ("gate", "--again", "--json"),
    ("gate", "people", "--partition", "2026-03-01"),
    ("status",),
    ("status", "--json"),
    ("show", "people", "2026-03-01"),
    ("show", "people", "2026-03-04", "--json"),
    ("show", "people", "2026-03-05", "--json"),
    ("ls", "people"),
    ("explain", "people", "2026-03-01"),
    ("release", "people", "2026-03-01", "--reason", "looked at"),
    ("accept", "people", "2026-03-02", "--reason", "as it is"),
    ("status", "--json"),
    ("gate", "--json"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("place", "engine"),
    [("csv", "duckdb"), pytest.param("ndjson", "auto", marks=pytest.mark.soak), ("parquet", "polars")],
    indirect=["place"],
)
def test_no_command_writes_personal_data_anywhere(
    place: Path, dq: Callable[..., Ran], engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DQ_ENGINE", engine)
    monkeypatch.chdir(place)
    landing = "landing/people/dt=2026-03-0"
    days = {"good": f"{landing}1", "other": f"{landing}2", "broken": f"{landing}4", "odd": f"{landing}5"}
    days |= {"headless": f"{landing}6", "plain": "plain", "mixed": "mixed"}
    marks = [f"  {n}: {{pii: true}}\n" for n in MARKED if n not in ("flagged", "who")]
    (place / "loose.yaml").write_text(
        "source: people\ncolumns:\n" + "".join(marks) + "  mail: {max_length: 2}\n  ssn: {allowed: [x]}\n"
        '  card: {matches: "x"}\n  phone: {unique: true, not_matches: "1"}\n'
    )
    said = {}
    for command in COMMANDS:
        ran = dq(*(part.format(**days) for part in command))
        said[" ".join(command)] = ran.out + ran.err
    rmtree(place / days["headless"])
    fresh = place / "fresh"
    fresh.mkdir()
    ran = dq("init", place / "landing", at=fresh)
    assert ran.code == 0, ran.err
    said["init"] = ran.out + ran.err
    assert leaks(iter(said.items())) == {}
    assert leaks(written(place)) == {}
    assert any(text.count("•••") > 5 for text in said.values())
    drafted = (fresh / "suites" / "people.yaml").read_text()
    for column in ("mail", "phone", "card", "iban", "ssn", "ip"):
        assert f"  {column}: {{" in drafted
        assert "pii: true" in drafted.split(f"  {column}: ")[1].splitlines()[0]


@pytest.mark.parametrize(
    ("place", "kind"),
    [(s, "path") for s in ("csv", "ndjson", "parquet")] + [("csv", k) for k in ("polars", "lazy", "pandas", "arrow")],
    indirect=["place"],
)
def test_no_python_entry_tells_personal_data(place: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    frame = people(0)
    data: Any = {
        "path": str(place / "landing" / "people" / "dt=2026-03-01"), "polars": frame, "lazy": frame.lazy(),
        "pandas": frame.to_pandas(), "arrow": frame.to_arrow(),
    }[kind]  # fmt: skip
    other = people(30).to_arrow() if kind != "path" else str(place / "landing" / "people" / "dt=2026-03-02")
    suite = place / "suites" / "people.yaml"
    said: dict[str, str] = {}
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        result = package.validate(data, suite)
        said |= {
            "repr": repr(result),
            "notebook": result._repr_html_(),
            "json": result.to_json(),
            "checks": repr(result.checks),
        }
        said["all"] = repr((result.judgement, result.document))
        with pytest.raises(package.ContractViolation) as raised:
            result.raise_for_failure()
        said["raised"] = str(raised.value)
        for depth in ("core", "full"):
            found = package.profile(data, depth=depth, suite=suite)
            said[f"profile {depth}"] = repr(found) + found._repr_html_()
        differences = package.diff(data, other, suite=suite)
        said["diff"] = repr(differences) + differences._repr_html_()
        if kind == "path":
            said["explain"] = repr(api.explain(data, suite))
            settings = config.load(place / "dq.toml", environment={})
            said["gate"] = repr(api.gate("people", config=settings))
            said["published"] = repr(package.published("people", config=settings))
        for wrong in ("nowhere.csv", data):
            with suppress(package.DQError):
                package.validate(wrong, place / "nowhere.yaml")
    said |= {"stdout": out.getvalue(), "stderr": err.getvalue(), "log": caplog.text}
    assert not result.success
    assert leaks(iter(said.items())) == {}
    assert leaks(written(place)) == {}


def test_a_number_of_all_rows_is_told_without_what_looks_personal(tmp_path: Path) -> None:
    """Among the frequent values there is no address: the column alone does not look personal without a profile."""
    suite, data = tmp_path / "x.yaml", tmp_path / "d.parquet"
    suite.write_text("source: x\nchecks: [{rule: \"max(t) <= 'b'\"}]\n")
    pl.DataFrame({"t": [f"n{i % 150}" for i in range(900)] + [f"u{i}@b.org" for i in range(9)]}).write_parquet(data)
    result = package.validate(data, suite)
    assert not result.success
    assert "b.org" not in result.to_json() + repr(result) + repr(result.checks)


@pytest.mark.parametrize(("samples", "shown"), [("none", "{}"), ("masked", "Aa-9"), ("full", "Ab-12")])
def test_samples_are_shown_as_the_policy_says(tmp_path: Path, samples: str, shown: str) -> None:
    suite, data = tmp_path / "x.yaml", tmp_path / "d.csv"
    columns = "columns: {code: {matches: '^z'}, n: {pii: true, max: 1}}"
    suite.write_text(f"source: x\npolicy: {{samples: {samples}}}\n{columns}\n")
    data.write_text("code,n\nAb-12,7\nAb-34,8\n")
    result = package.validate(data, suite)
    values = {c.id: dict(c.evidence[0].values) for c in result.checks if c.blocks}
    assert (values["code.matches"].get("code", "{}"), values["n.range"].get("n", "•••")) == (shown, "•••")
    assert all(c.evidence[0].row == 2 for c in result.checks if c.blocks)
    data.write_text("code,n\nAb-12\n")
    ragged = next(c for c in package.validate(data, suite).checks if c.id == "table.ragged")
    assert "Ab-12" not in repr(ragged)


def test_lines_that_cannot_be_read_hide_what_looks_personal(tmp_path: Path) -> None:
    suite, data = tmp_path / "x.yaml", tmp_path / "d.csv"
    suite.write_text("source: x\ncolumns: {a: {}, b: {}}\n")
    data.write_text("a,b\n1,2\nbob@example.com,+49 171 5550123,2020-03-21 20:43:02,4111 1111 1111 1111,ok\n")
    ragged = next(c for c in package.validate(data, suite).checks if c.id == "table.ragged")
    assert dict(ragged.evidence[0].values) == {"line": "•••,•••,2020-03-21 20:43:02,•••,ok"}
