"""Contract in, checks out; wrong contract in, errors by line out. Both are text files, editable without programming."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from dq.dialects.base import LARGEST_BYTES, check_format, parse_bound, parse_seconds, read_yaml
from dq.dialects.contract import SCHEMA, load
from dq.dialects.patterns import check_pattern
from dq.errors import SuiteError
from dq.ir.check import Bound, Condition, Severity, Suite
from dq.ir.data import Kind, Reading, Type, raw
from dq.ir.expr import Col, IsNull
from dq.metrics.consistency import TableRule
from dq.metrics.schema import Change, NoOtherColumns
from dq.metrics.validity import Range

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CHECKS, ERRORS = sorted((HERE / "checks").glob("*.yaml")), sorted((HERE / "errors").glob("*.yaml"))
SUITES = sorted(f for f in (ROOT / "suites").glob("*.yaml") if not f.stem.endswith(".pretrain"))


def told(file: Path) -> str:
    """One line per check: id, bound, severity, line, what a failing row is."""
    contract = load(file.read_text(), file.name)
    parts = [("", contract.suite), *((f"from {v.start}\n", v.suite) for v in contract.versions)]
    return "".join(start + "".join(_told(c) for c in suite.checks) for start, suite in parts)


def _told(check: Any) -> str:
    said = check.metric.phrase().replace("\n", " ")
    return f"{check.id} | {check.bound} | {check.severity} | {check.origin.line or '-'} | {said}".rstrip(" |") + "\n"


@pytest.mark.parametrize("file", CHECKS, ids=lambda f: f.stem)
def test_checks(file: Path) -> None:
    assert told(file) == file.with_suffix(".txt").read_text()


@pytest.mark.parametrize("file", ERRORS, ids=lambda f: f.stem)
def test_errors(file: Path) -> None:
    with pytest.raises(SuiteError) as raised:
        load(file.read_text(), file.name)
    assert str(raised.value) + "\n" == file.with_suffix(".txt").read_text()
    assert raised.value.file == file.name
    assert raised.value.line


def test_every_error_file_has_an_answer() -> None:
    for folder in (HERE / "checks", HERE / "errors"):
        assert {f.stem for f in folder.glob("*.yaml")} == {f.stem for f in folder.glob("*.txt")}


@pytest.mark.parametrize("file", SUITES, ids=lambda f: f.stem)
def test_bundled_contracts_load(file: Path) -> None:
    contract = load(file.read_text(), file.name)
    assert contract.source == file.stem
    for suite in (contract.suite, *(v.suite for v in contract.versions)):
        ids = [c.id for c in suite.checks]
        assert len(ids) == len(set(ids))


# ---- the published schema -------------------------------------------------------------------------------------------


def _keys(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = list(schema.get("properties", {}).items())
    for inner in [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]:
        found += _keys(inner)
    if isinstance(schema.get("items"), dict):
        found += _keys(schema["items"])
    return found


def test_schema_is_json_schema_and_documents_every_key() -> None:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    for name, key in _keys(schema):
        target = schema["$defs"][key["$ref"].rpartition("/")[2]] if "$ref" in key else key
        assert target.get("description"), name


def test_schema_refuses_unknown_keys_everywhere() -> None:
    schema = json.loads(SCHEMA.read_text())

    def objects(part: Any) -> list[dict[str, Any]]:
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        mine = [part] if isinstance(part, dict) and "properties" in part and "additionalProperties" not in part else []
        return mine + [o for p in inner for o in objects(p)]

    assert objects({k: v for k, v in schema.items() if k != "properties"}) == []


@pytest.mark.parametrize("file", SUITES, ids=lambda f: f.stem)
def test_bundled_contracts_fit_the_published_schema_in_an_editor(file: Path) -> None:
    """Read by another YAML reader, dates as text."""
    value = json.loads(json.dumps(yaml.safe_load(file.read_text()), default=str))
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(value)


# ---- what a contract becomes ----------------------------------------------------------------------------------------


def contract(text: str) -> Any:
    return load(text, "a.yaml")


def check(suite: Suite, identity: str) -> Any:
    return next(c for c in suite.checks if c.id == identity)


def test_only_a_source_is_a_contract() -> None:
    found = contract("source: trips")
    assert found.layout is None
    assert found.suite.reading == Reading(delimiter=",")  # nothing is guessed under a contract
    assert [c.id for c in found.suite.checks][:3] == ["table.not_empty", "table.files_agree", "table.same_content"]


def test_everything_beside_checks() -> None:
    found = contract(
        """
source: trips
owner: growth
layout: "region={str}/dt={date:%Y-%m-%d}"
csv: {delimiter: ";", quote: "'", header: false, names: [a, b], null_values: ["", NA], encoding: latin-1}
ready: {marker: _SUCCESS, quiet: 5m}
expected: {every: 1d, by: "06:00", timezone: Europe/Berlin}
columns:
  a: {type: timestamp, formats: ["%m/%d/%Y"], timezone: UTC, aliases: [A], optional: true, pii: true}
history: {window: 7, anomaly: ignore, adopt_after: 9}
policy: {on_fail: warn}
series: [region]
quarantine_copy: false
"""
    )
    assert (found.owner, found.series, found.quarantine_copy) == ("growth", ("region",), False)
    assert (found.on_fail, found.split_max_ratio, found.suite.on_fail) == ("warn", 0.05, "warn")
    assert (found.ready.marker, found.ready.quiet_seconds) == ("_SUCCESS", 300)
    assert (found.expected.every_seconds, found.expected.by, found.expected.timezone) == (
        86400,
        "06:00",
        "Europe/Berlin",
    )
    (column,) = found.suite.columns
    assert column.type == Type(Kind.TIMESTAMP)
    assert (column.formats, column.zone, column.aliases) == (("%m/%d/%Y",), "UTC", ("A",))
    assert found.suite.reading == Reading(
        "csv", ";", "'", None, "latin-1", 0, False, ("a", "b"), ("", "NA"), declared=(column,)
    )  # fmt: skip
    assert (found.suite.optional, found.suite.pii) == ({"a"}, {"a"})
    assert (found.suite.memory.window, found.suite.memory.anomaly, found.suite.memory.adopt_after) == (7, None, 9)
    assert "a.column_present" not in {c.id for c in found.suite.checks}


def test_names_of_a_csv_mean_that_there_is_no_header() -> None:
    assert contract("source: a\ncsv: {names: [x]}").suite.reading.header is False
    assert contract("source: a\ncsv: {delimiter: ','}").suite.reading.header is True


def test_min_and_max_are_one_check_unless_their_tolerance_differs() -> None:
    same = contract("source: a\ncolumns: {x: {min: 0, max: 9}}").suite
    assert [c.id for c in same.checks if c.id.startswith("x.range")] == ["x.range"]
    other = contract("source: a\ncolumns: {x: {min: 0, max: {value: 9, severity: warn}}}").suite
    assert [(c.id, c.severity) for c in other.checks if c.id.startswith("x.range")] == [
        ("x.range", Severity.BLOCK), ("x.range#2", Severity.WARN),
    ]  # fmt: skip


def test_limits_of_decimals_are_exact() -> None:
    metric = check(contract('source: a\ncolumns: {x: {type: "decimal(9,2)", min: 0.1}}').suite, "x.range").metric
    assert isinstance(metric, Range)
    assert "Decimal('0.1')" in repr(metric.ok)


def test_declared_text_is_judged_as_readable() -> None:
    suite = contract("source: a\ncolumns: {x: {type: date, readable: {fails: 2}}, s: {type: string}}").suite
    readable = check(suite, "x.readable")
    assert readable.metric.ok == IsNull(Col((raw("x"),)))
    assert str(readable.bound) == "<= 2"
    assert "s.readable" in {c.id for c in suite.checks}  # of JSON: 5 is no text


def test_changes_of_layout_leave_out_what_the_contract_ever_listed() -> None:
    found = contract(
        """
source: a
layout: "{date}.csv"
columns: {x: {}}
versions: [{from: 2026-01-01, columns: {x: null, y: {}}}]
"""
    )
    for suite in (found.suite, found.versions[0].suite):
        assert check(suite, "table.removed").metric == Change("removed", ("x", "y"))


def test_strict_lists_canonical_names() -> None:
    suite = contract("source: a\nstrict: true\ncolumns: {x: {aliases: [X]}, y: {}}").suite
    assert check(suite, "table.strict").metric == NoOtherColumns(("x", "y"))


def test_rules_over_the_partition_compare_dates_with_dates() -> None:
    suite = contract("source: a\ncolumns: {x: {type: date}}\nchecks: [{rule: \"max(x) > '2020-01-01'\"}]").suite
    assert "datetime.date(2020, 1, 1)" in repr(check(suite, "table.rule").metric)
    assert isinstance(check(suite, "table.rule").metric, TableRule)


def test_undeclared_columns_are_accepted() -> None:
    text = (
        "source: a\ncolumns: {s: {type: struct}}\nchecks: [{rule: 'length(who) > 3 and s.deep < 1 and other.leaf = 2'}]"
    )
    assert check(contract(text).suite, "table.rule")


def test_versions_add_up_and_hold_from_their_start() -> None:
    from datetime import date, datetime

    found = load((HERE / "checks" / "versions.yaml").read_text(), "versions.yaml")
    assert found.suite_at({"date": date(2026, 2, 28)}) is found.suite
    assert found.suite_at({"date": date(2026, 3, 1)}) is found.versions[0].suite
    assert found.suite_at({"at": datetime(2026, 5, 1, 12)}) is found.versions[1].suite
    assert found.suite_at({"year": 2026, "month": 4}) is found.versions[1].suite
    assert found.suite_at({}) is found.suite


def test_digest_tells_what_is_asked_not_where_it_is_written() -> None:
    text = "source: a\ncolumns:\n  x: {min: 0}\n"
    one = load(text, "a.yaml").suite
    moved = load("# moved\n\n" + text.replace("x: {min: 0}", "x:\n    min: 0"), "b.yaml").suite
    assert one.digest == moved.digest
    assert len(one.digest) == 64
    assert one.digest != load(text.replace("min: 0", "min: 1"), "a.yaml").suite.digest
    assert one.checks != moved.checks


def test_origin_says_where_and_what() -> None:
    origin = check(load("source: a\ncolumns:\n  x:\n    min: 0\n    max: 9\n", "a.yaml").suite, "x.range").origin
    assert (origin.dialect, origin.file, origin.line, origin.rule) == ("dq", "a.yaml", 4, "min: 0, max: 9")


# ---- the text itself ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("16:00", "16:00"),
        ("010", "010"),
        ("0o10", "0o10"),
        ("1e3", 1000.0),
        ("2020-01-01", "2020-01-01"),
        ("true", True),
        ("yes", "yes"),
        ("~", None),
        ("", None),
        ('"1"', "1"),
        (".5", 0.5),
        ("1_000", "1_000"),
        ("-3", -3),
        ("0", 0),
        ("007.5", "007.5"),
        ("|\n  a\n  b", "a\nb"),
    ],
)
def test_scalars_are_yaml_1_2(text: str, value: Any) -> None:
    found = read_yaml(f"a: {text}", "a.yaml").value["a"]
    assert (found, type(found)) == (value, type(value))


def test_depth_and_size_are_capped() -> None:
    with pytest.raises(SuiteError, match="nested deeper than 50"):
        read_yaml("[" * 60 + "]" * 60, "a.yaml")
    with pytest.raises(SuiteError, match="larger than 1,000,000 bytes"):
        read_yaml("a" * (LARGEST_BYTES + 1), "a.yaml")


@pytest.mark.parametrize(
    "text", ["a: \x00", "\ud800", "? [a]\n: b", "a: &x [*x]", "{", "a: b: c", "- a\nb: c", "%YAML 9"]
)
def test_no_text_gets_past_as_a_traceback(text: str) -> None:
    with pytest.raises(SuiteError, match=r"a\.yaml"):
        load(text, "a.yaml")


def _error(text: str) -> SuiteError | None:
    try:
        load(text, "a.yaml")
    except SuiteError as error:
        return error
    return None


@settings(deadline=None, derandomize=True, max_examples=150)
@given(st.text(alphabet="source: trips\n-[]{}'\"&*!|>#%?,\t09.", max_size=60))
def test_any_text_loads_or_is_a_suite_error(text: str) -> None:
    error = _error(text)
    assert error is None or error.file == "a.yaml"


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 99)
    | st.sampled_from(["x", "> 1", "a > 1", "int64", "", "60% of previous"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["value", "fails", "where"]), inner, max_size=2)
    ),
    max_leaves=4,
)
_KEYS = [
    "min",
    "max",
    "type",
    "allowed",
    "matches",
    "length",
    "unique",
    "mean",
    "formats",
    "aliases",
    "readable",
    "where",
]


@settings(deadline=None, derandomize=True, max_examples=200)
@given(
    columns=st.dictionaries(
        st.sampled_from(["a", "b", "a.c", "`x", "é"]), st.dictionaries(st.sampled_from(_KEYS), _VALUES)
    ),
    checks=st.lists(
        st.dictionaries(st.sampled_from(["row_count", "rule", "unique", "fails", "where", "name"]), _VALUES)
    ),
)
def test_any_shape_loads_or_is_a_suite_error(columns: Any, checks: Any) -> None:
    text = json.dumps({"source": "a", "columns": columns, "checks": checks})
    error = _error(text)
    assert error is None or error.line == 1


# ---- bounds, durations, formats, patterns ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "meaning", "told"),
    [
        (5, "number", "= 5"),
        ("== 5", "number", "= 5"),
        ("!= 0", "number", "!= 0"),
        ("between 10 and 20", "number", ">= 10 and <= 20"),
        (">=1e3", "number", ">= 1000"),
        ("between 60% and 150% of previous", "number", ">= 60% of previous and <= 150% of previous"),
        (">= 99%", "ratio", ">= 0.99"),
        (">= 90% of previous", "ratio", ">= 90% of previous"),
        ("<= 0.1%", "rows", "<= 0.1%"),
        (3, "rows", "<= 3"),
        ("< 2", "rows", "< 2"),
        ("1%", "rows", "<= 1%"),
        ("> 0.5 and < 0.75", "number", "> 0.5 and < 0.75"),
    ],
)
def test_bounds(text: Any, meaning: Any, told: str) -> None:
    assert str(parse_bound(text, meaning)) == told


def test_a_share_of_rows_is_exact() -> None:
    (condition,) = parse_bound("<= 0.1%", "rows").conditions
    assert condition == Condition("<=", 0.001, "share of rows")
    assert condition.holds(1, 1000, None) is True
    assert condition.holds(2, 1999, None) is False


_NUMBERS = st.integers(-(10**12), 10**12) | st.floats(-1e6, 1e6).map(lambda f: round(f, 6))
_SHARES = st.integers(0, 10**5).map(lambda n: n / 10**4)


@settings(deadline=None, derandomize=True)
@given(
    st.lists(
        st.builds(Condition, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), _NUMBERS)
        | st.builds(Condition, st.sampled_from(["<=", ">="]), _SHARES, st.just("share of previous")),
        min_size=1,
        max_size=3,
    )
)
def test_a_bound_reads_back_from_its_text(conditions: list[Condition]) -> None:
    bound = Bound(tuple(conditions))
    assert parse_bound(str(bound), "number") == bound


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("12h", 43200), ("1d", 86400), ("2w", 1209600)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "0m", "5 m", "1.5h", "5M"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_seconds(text)


@pytest.mark.parametrize("text", ["%Y-%m-%dT%H:%M:%S", "%-m/%-d/%y", "%d%% %b %Y"])
def test_formats(text: str) -> None:
    check_format(text)


@pytest.mark.parametrize("text", ["", "year", "%%", "%Q", "%Y-%", "%c"])
def test_no_formats(text: str) -> None:
    with pytest.raises(ValueError, match="write it like"):
        check_format(text)


LINEAR = [
    r"^[^@]+@[^@]+$", r"^\d{5}(-\d{4})?$", r"\p{L}+", "[[:alpha:]]x", "(?i)x", "(?P<n>a)", "a(?:b)c", r"[\]x]", "[]a]",
    r"\{", "[{]", r"\.csv$", "a{2,5}?", "^$", "a|b", "(?s:.)",
]  # fmt: skip
NOT_LINEAR = [
    "(?=a)", "a(?!b)", "(?<=a)b", "(?<!a)b", r"(a)\1", "(?P<n>a)(?P=n)", "(?>a)", "a++", "a{2}+", "(a)(?(1)b|c)",
    "a{1001}", "a{,3}", "x{", "[", "(", "*a", "[a&&b]", r"a\Z", r"\8",
]  # fmt: skip


@pytest.mark.parametrize("pattern", LINEAR)
def test_patterns_that_engines_share(pattern: str) -> None:
    check_pattern(pattern)


@pytest.mark.parametrize("pattern", NOT_LINEAR)
def test_patterns_that_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"pattern|engine|count|repeats"):
        check_pattern(pattern)


@pytest.mark.parametrize("pattern", LINEAR)
def test_both_engines_read_accepted_patterns(pattern: str) -> None:
    import duckdb
    import polars

    assert duckdb.execute("SELECT regexp_matches('abc', ?)", [pattern]).fetchall()
    assert polars.Series(["abc"]).str.contains(pattern).len() == 1
