"""A ruleset in, checks out; a wrong one in, errors with a caret out. Data in, verdicts out: a file per rule type."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import dq
from dq.config import Limits
from dq.dialects import dqdl
from dq.dialects.dqdl.registry import RULES
from dq.errors import SuiteError
from dq.ir import codec
from dq.judge import fitted, shape_of
from dq.plan import plan
from tests.conformance.hostile import as_frame

HERE = Path(__file__).parent
VERDICTS, RULESETS = sorted((HERE / "verdicts").glob("*.txt")), sorted((HERE / "rulesets").glob("*.dqdl"))
ERRORS = sorted((HERE / "errors").glob("*.dqdl"))
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
AGES = (
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=24, seconds=17),
    timedelta(hours=24, seconds=18),
    timedelta(days=9),
)
DATA = pl.DataFrame(
    {
        "id": [1, 2, 3, 4, 4],
        "x": [1.0, 2.0, None, 4.0, 5.0],
        "s": ["a", "bb", None, "", " "],
        "at": [NOW.replace(tzinfo=None) - age for age in AGES],
        "day": [date(2026, 3, 1), date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 10), None],
        "n": ["1", "2", "x", None, "2147483648"],
        "when": ["2026-03-01", "01/03/2026", "x", None, "03-2026"],
        "k": [1, 1, 2, 2, 9],
        "none": pl.Series([None] * 5, dtype=pl.Float64),
        "then": ["2026-03-10T11:00:00Z", "2026-03-10 12:00:00+02:00", "2026-03-09", None, "9 March"],
        "in": [{"a": "x", "b.c": 1}, {"a": "y", "b.c": 2}, {"a": "z", "b.c": 3}, {"a": None, "b.c": 4}, None],
        "d.o": [1, 2, 3, 4, 5],
    }
)
OTHER = pl.DataFrame({"id": [1, 2, 3], "x": [1.0, 2.0, 3.0], "k": [1, 2, 2], "zero": [0, 0, 0]})
SAME = DATA.head(3)


def judged(rules: list[str], folder: Path) -> dict[int, list[dq.CheckResult]]:
    """Results by the number of the rule, from 0: all rules in one ruleset. That columns are there is left out."""
    data, file = folder / "data.parquet", folder / "rules.dqdl"
    DATA.write_parquet(data)
    OTHER.write_parquet(folder / "other.parquet")
    SAME.write_parquet(folder / "same.parquet")
    DATA.clear().write_parquet(folder / "empty.parquet")
    file.write_text("Rules = [\n" + ",\n".join(rules) + "\n]\n")
    os.utime(data, (NOW.timestamp() - 7200,) * 2)
    named = [n for n in ("other", "same", "empty") if any(n in rule for rule in rules)]
    references = {n: folder / f"{n}.parquet" for n in named}
    result = dq.validate(data, file, now=NOW, references=references, limits=Limits(isolated=False))
    found: dict[int, list[dq.CheckResult]] = {n: [] for n in range(len(rules))}
    for check in result.checks:
        told = check.metric == "column_present" and not rules[(check.origin.line or 2) - 2].startswith("ColumnExists")
        if check.origin.line and not told:
            found[check.origin.line - 2].append(check)
    return found


def verdicts(rules: list[str], folder: Path) -> str:
    """Each rule, and below it what came of it."""
    lines = []
    for n, results in judged(rules, folder).items():
        lines.append(rules[n])
        for r in results:
            rows = f" {r.failed_rows} of {r.total_rows} rows" if r.failed_rows is not None else ""
            observed = f"{r.observed:.10g}" if isinstance(r.observed, float) else r.observed
            lines.append(
                f"    {r.id.partition('#')[0]} {r.status} {observed}{rows} | {r.bound} | {r.message}".rstrip(" |")
            )
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("file", VERDICTS, ids=lambda f: f.stem)
def test_verdicts(file: Path, tmp_path: Path) -> None:
    expected = file.read_text()
    rules = [line for line in expected.splitlines() if not line.startswith(" ")]
    assert verdicts(rules, tmp_path) == expected


def test_every_rule_type_has_its_verdicts() -> None:
    told = {f.stem for f in VERDICTS}
    assert told >= set(RULES) - {"AllStatistics"}
    for name in told & set(RULES):
        rules = [line for line in (HERE / "verdicts" / f"{name}.txt").read_text().splitlines() if line[0] != " "]
        assert all(rule.startswith(name) for rule in rules)


def listed(file: Path, **options: Any) -> str:
    """One line per check: id, bound, severity, line, what a failing row is, the rule as it is printed."""
    suite = dqdl.load(file.read_bytes().decode(), file.name, **options)
    lines = [
        f"{c.id} | {c.bound} | {c.severity} | {c.origin.line} | {c.metric.phrase()} | {c.origin.rule}"
        for c in suite.checks
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("file", RULESETS, ids=lambda f: f.stem)
def test_rulesets(file: Path) -> None:
    assert listed(file) == file.with_suffix(".txt").read_text()


@pytest.mark.parametrize("file", ERRORS, ids=lambda f: f.stem)
def test_errors(file: Path) -> None:
    with pytest.raises(SuiteError) as raised:
        dqdl.load(file.read_text(), file.name)
    assert str(raised.value) + "\n" == file.with_suffix(".txt").read_text()


def test_every_file_has_an_answer() -> None:
    for folder in ("rulesets", "errors"):
        names = {f.stem for f in (HERE / folder).glob("*.dqdl")}
        assert names == {f.stem for f in (HERE / folder).glob("*.txt")} != set()


COMPOSITES = [
    ('(ColumnValues "id" > 2) or (IsComplete "x")', 0, "pass"),  # no row breaks both
    ('(ColumnValues "id" > 2) and (IsComplete "x")', 3, "fail"),
    ('(ColumnValues "id" > 2 where "id != 2") and (IsComplete "x" where "id > 3")', 1, "fail"),  # out of scope: holds
]


@pytest.mark.parametrize(("rule", "observed", "status"), COMPOSITES)
def test_composite_rules_by_row(rule: str, observed: int, status: str) -> None:
    suite = dqdl.load(f"Rules = [ {rule} ]", "r.dqdl", composite="row")
    whole = dqdl.load(f"Rules = [ {rule} ]", "r.dqdl")
    found = dq.validate(DATA, _contract(suite)).checks[-1]
    assert (found.observed, found.status, found.total_rows) == (observed, status, 5)
    assert dq.validate(DATA, _contract(whole)).checks[-1].status == "fail"


def _contract(suite: Any) -> Any:
    from dq.ir.contract import Contract

    return Contract(suite.source, suite)


@pytest.mark.parametrize(
    "inner", ['Completeness "x" > 0.5', 'ColumnValues "x" > 0 with threshold > 0.1', "RowCount > 1"]
)
def test_what_is_not_judged_by_row_is_refused_there(inner: str) -> None:
    with pytest.raises(SuiteError, match=r"r\.dqdl:1: .* is not judged row by row"):
        dqdl.load(f'Rules = [ ({inner}) and (IsComplete "x") ]', "r.dqdl", composite="row")


def test_line_ends_of_windows_and_both_orders_say_the_same() -> None:
    rules = '  ColumnValues "x" > 0 labels=["a"="b"] with threshold > 0.5, // another\n  RowCount > 1'
    text = f"Rules = [\n  # a comment\n{rules}\n]\n"
    turned = text.replace('labels=["a"="b"] with threshold > 0.5', 'with threshold > 0.5 labels = ["a"="b"]')
    found = {dqdl.parse(t, "r.dqdl") for t in (text, text.replace("\n", "\r\n"), turned)}
    assert len(found) == 1
    assert [c.origin.line for c in dqdl.load(text.replace("\n", "\r\n"), "r.dqdl").checks[-2:]] == [3, 4]


def test_a_suite_is_known_by_its_name_or_by_its_sections(tmp_path: Path) -> None:
    for name in ("rules.dqdl", "rules.txt"):
        (tmp_path / name).write_text("Rules = [ RowCount > 4 ]")
        assert dq.validate(DATA, tmp_path / name).success


def test_a_hostile_ruleset_is_refused() -> None:
    for text in (
        "Rules = [" + "(" * 100_000,
        f'Rules = [ IsComplete "{"x" * 1_000_001}" ]',
        "Rules = [ RowCount > 1" + " + 1" * 30_000 + " ]",
    ):
        with pytest.raises(SuiteError):
            dqdl.load(text, "r.dqdl")


@pytest.mark.parametrize(
    "query",
    [
        "drop table primary",
        "select * from read_csv('/etc/passwd')",
        "select 1 from primary; select 2",
        "copy primary to 'x'",
    ],
)
def test_queries_that_do_more_than_select_are_refused(query: str) -> None:
    with pytest.raises(SuiteError, match=r"r\.dqdl:1: the query: "):
        dqdl.load(f'Rules = [ CustomSql "{query}" > 0 ]', "r.dqdl")


def files(tmp_path: Path, rules: str, **given: Any) -> dq.CheckResult:
    """The last check of a ruleset over three files, one an hour older than the next; two are alike."""
    folder = tmp_path / "data"
    folder.mkdir(exist_ok=True)
    for age, (name, text) in enumerate([("c.csv", "x\n1\n"), ("b.csv", "x\n1\n"), ("a.csv", "x\n12345\n")]):
        (folder / name).write_text(text)
        os.utime(folder / name, (NOW.timestamp() - 3600 * age,) * 2)
    (tmp_path / "rules.dqdl").write_text(f"Rules = [ {rules} ]")
    return dq.validate(folder, tmp_path / "rules.dqdl", now=NOW, limits=Limits(isolated=False), **given).checks[-1]


SHA1 = hashlib.sha1(b"x\n1\n", usedforsecurity=False).hexdigest()
NEWEST_OF_TWO = 'with recentFiles = 1 with uriRegex = "[ab][.]csv$" with filterOrder = ["uriRegex", "recentFiles"]'
OF_FILES = [
    ("FileSize < 5", "fail", 1),
    ("FileSize < 5 with threshold > 0.6", "pass", 2 / 3),
    ("FileSize < 5 with recentFiles = 2", "pass", 0),
    ('FileSize > 5 with uriRegex = "a[.]csv$"', "pass", 0),
    ('FileSize > 5 with recentFiles = 1 with uriRegex = "[ab][.]csv$"', "fail", None),  # the newest is neither
    (f"FileSize < 5 {NEWEST_OF_TWO}", "pass", 0),
    ("FileFreshness > (now() - 90 minutes)", "fail", 1),
    ("FileFreshness >= (now() - 2 hours)", "pass", 0),
    (f'FileMatch in ["{SHA1.upper()}"] with hashAlgorithm = "SHA-1"', "fail", 1),
    (f'FileMatch in ["{SHA1}"] with hashAlgorithm = "SHA-1" with uriRegex = "^[bc]"', "pass", 0),
    ("FileUniqueness between 0.66 and 0.67", "pass", 2 / 3),
    ("(FileSize > 1) and (FileFreshness < now())", "fail", 1),  # the newest is as old as now
]


@pytest.mark.parametrize(("rule", "status", "observed"), OF_FILES)
def test_rules_of_files(tmp_path: Path, rule: str, status: str, observed: Any) -> None:
    found = files(tmp_path, rule)
    assert (found.status, found.observed) == (status, observed)


def test_two_folders_hold_the_same_files(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "z.csv").write_text("x\n1\n")
    (other / "a.csv").write_text("x\n12345\n")
    given = {"references": {"there": other, "here": tmp_path / "data"}}
    files(tmp_path, "RowCount > 0")
    assert files(tmp_path, 'FileMatch "here" "there"', **given).status == "pass"
    named = files(tmp_path, 'FileMatch "here" "there" with matchFileName = "true"', **given)
    assert (named.status, named.observed) == ("fail", 3)
    assert named.message.endswith("does not hold: b.csv, c.csv, z.csv")


def test_an_empty_primary_matches_nothing(tmp_path: Path) -> None:
    DATA.write_parquet(tmp_path / "other.parquet")
    rules = 'DatasetMatch "other" "id" "x" >= 0, ReferentialIntegrity "id" "other.id" = 1'
    (tmp_path / "rules.dqdl").write_text(f"Rules = [ {rules} ]")
    found = dq.validate(DATA.clear(), tmp_path / "rules.dqdl", references={"other": tmp_path / "other.parquet"})
    told = {c.metric: (c.status, c.message) for c in found.checks}
    assert told["dataset_match"] == ("fail", "there are no rows to look for")
    assert told["share"] == ("skip", "nothing in scope")
    assert not found.success


def test_checks_are_plain_data_and_share_their_passes() -> None:
    rules = [line for f in VERDICTS for line in f.read_text().splitlines() if not line.startswith(" ")]
    suite = dqdl.load("Rules = [\n" + ",\n".join(rules) + "\n]", "r.dqdl")
    assert codec.decode(codec.encode(suite)) == suite
    assert codec.digest(codec.decode(codec.encode(suite))) == codec.digest(suite)
    own = [c for c in suite.checks if not c.metric.references() and c.metric.hashes() is None]
    shape = replace(shape_of(as_frame(DATA.to_arrow())), now=NOW)
    folded = plan(fitted(own, shape.schema), (), shape)
    assert len(folded.passes) <= 2, folded.passes  # one over the rows, one for queries in SQL


@pytest.mark.parametrize("composite", ["column", "row"])
def test_rules_joined_by_and_that_look_back_are_checks_of_their_own(composite: Any) -> None:
    joined = '((RowCount > avg(last(3))) and (IsComplete "id")) and (DetectAnomalies "RowCount")'
    suite = dqdl.load(f"Rules = [\n  {joined}\n]\n", "rules.dqdl", composite=composite)
    rules = [(c.origin.line, c.origin.rule) for c in suite.checks if c.metric.name != "column_present"]
    assert rules[-3:] == [
        (2, "RowCount > avg(last(3))"), (2, 'IsComplete "id"'), (2, 'DetectAnomalies "RowCount"')
    ]  # fmt: skip
