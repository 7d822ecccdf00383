"""JSON in its three shapes: records keep their values and their places, and what is none of them is counted."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.opened import declare, files, kinds, lines, opened, rows, types, unread

RECORDS = '{"a":1,"b":"x"}\n{"a":2}\n'


@pytest.mark.parametrize(
    ("content", "places"),
    [
        (RECORDS, [1, 2]), (RECORDS.replace("\n", "\r\n"), [1, 2]), ("\n" + RECORDS.replace("\n", "\n\n"), [2, 4]),
        (RECORDS.replace("\n", "\r\n", 1), [1, 2]), ("\ufeff" + RECORDS, [1, 2]), (RECORDS.encode("utf-16"), [1, 2]),
        (gzip.compress(RECORDS.encode(), mtime=0), [1, 2]), ('[{"a":1,"b":"x"},\n {"a":2}]', [1, 2]),
        ('{\n "a": 1,\n "b": "x"\n}\n{"a":\n2}', [1, 2]), ('{"a":1,"b":"x"} {"a":2}', [1, 2]),
    ],
    ids=["lines", "crlf", "blank lines", "mixed", "mark", "utf-16", "gzip", "array", "pretty", "concatenated"],
)  # fmt: skip
def test_shapes_do_not_matter(content: bytes | str, places: list[int], tmp_path: Path) -> None:
    with opened(tmp_path, content, format="json") as dataset:
        assert (types(dataset), kinds(dataset)) == ({"a": "int64", "b": "string"}, [])
        assert (rows(dataset), lines(dataset)) == ([("1", "x"), ("2", None)], places)
        assert dataset.dialect.format == (
            "ndjson" if "[" not in str(content) and "\n2" not in str(content) and "} {" not in str(content) else "json"
        )


def test_bad_records_are_counted_with_their_lines(tmp_path: Path) -> None:
    content = '{"a":1}\n{"a":2\n\n[1]\n5\n{"a":3}\n{"a":"x\x01"}\n'
    with opened(tmp_path, content, format="ndjson") as dataset:
        assert (rows(dataset), lines(dataset), dataset.rows) == ([("1",), ("3",)], [1, 6], 2)
        malformed, others = dataset.findings
        assert (malformed.kind, malformed.rows) == ("bad_json", 2)
        assert malformed.evidence == (("file0.csv", 2, '{"a":2'), ("file0.csv", 7, '{"a":"x\x01"}'))
        assert (others.rows, [e[1] for e in others.evidence]) == (2, [4, 5])


def test_what_only_lenient_readers_take(tmp_path: Path) -> None:
    """A comma behind which nothing follows is malformed; NaN and Infinity are floats."""
    content = '{"a":",}"}\n{"a":"1",}\n{"a":["x", ]}\n{"a":"x\\",]"}\n{"a":"\\\\",}\n'
    with opened(tmp_path, content, format="ndjson") as dataset:
        assert rows(dataset) == [(",}",), ('x",]',)]
        assert [e[1] for e in dataset.findings[0].evidence] == [2, 3, 5]
    with opened(tmp_path, '{"a":NaN}\n{"a":-Infinity}\n{"a":1.5}\n', format="ndjson") as dataset:
        assert (types(dataset), kinds(dataset)) == ({"a": "double"}, [])
        assert rows(dataset) == [("nan",), ("-inf",), ("1.5",)]


def test_a_first_line_that_is_cut_leaves_the_others_readable(tmp_path: Path) -> None:
    for name in ("json", "ndjson"):
        with opened(tmp_path, '{"a":\n{"a":2}\n', format=name) as dataset:
            assert (kinds(dataset), rows(dataset), lines(dataset)) == (["bad_json"], [("2",)], [2])


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("a,b\n1,2\n", "not_json"), ("", "empty_file"), (" \n ", "empty_file"), ("[{\"a\":1},", "not_json"),
        ('[{"a":1}] trailing', "not_json"), ('{"a":\n', "not_json"), ("PAR1", "not_json"), ('{"a":1}\0', "not_json"),
    ],
)  # fmt: skip
def test_what_is_no_json_is_not_read(content: str, kind: str, tmp_path: Path) -> None:
    with opened(tmp_path, content, format="json") as dataset:
        assert (kinds(dataset), dataset.rows, dataset.readable) == ([kind], 0, False)


def test_undecodable_bytes(tmp_path: Path) -> None:
    with opened(tmp_path, b'{"a":"x"}\n{"a":"\xff"}\n', format="json") as dataset:
        assert kinds(dataset) == ["encoding", "bad_json"]
        assert "line 2, offset 16" in dataset.findings[0].message
        assert rows(dataset) == [("x",)]


def test_numbers_keep_their_digits(tmp_path: Path) -> None:
    content = (
        '{"big":123456789012345678901234567890,"huge":1e400,"u":18446744073709551615,"i":-9223372036854775808}\n'
        '{"big":1,"huge":1,"u":1,"i":9223372036854775807}\n'
    )
    with opened(tmp_path, content, format="json") as dataset:
        assert types(dataset) == {"big": "string", "huge": "string", "u": "uint64", "i": "int64"}
        assert rows(dataset)[0] == (
            "123456789012345678901234567890", "1e400", "18446744073709551615", "-9223372036854775808",
        )  # fmt: skip


def test_integers_of_both_signs_are_integers(tmp_path: Path) -> None:
    with opened(tmp_path, '{"a":-1,"s":{"x":-1},"l":[-1]}\n{"a":1,"s":{"x":1},"l":[1]}\n', format="json") as dataset:
        assert types(dataset) == {"a": "int64", "s": "struct(x: int64)", "l": "list(int64)"}


def test_a_cut_array_is_no_shorter_array(tmp_path: Path) -> None:
    with opened(tmp_path, '[{"a":1},', format="json") as dataset:
        assert kinds(dataset) == ["not_json"]


def test_declared_columns(tmp_path: Path) -> None:
    content = (
        '{"i":1,"d":12345678901234567.89,"t":"2020-01-02","b":true,"s":"5"}\n'
        '{"i":1.7,"d":1.10,"t":5,"b":1,"s":"x"}\n{"i":2.0,"d":0.10000000000000000001,"old":null}\n'
    )
    declared = (
        declare("i", "int64"), declare("d", "decimal(30,2)"), declare("t", "date"), declare("b", "bool"),
        declare("s", "string"),
    )  # fmt: skip
    with opened(tmp_path, content, format="json", declared=declared) as dataset:
        assert [r[:5] for r in rows(dataset)] == [
            ("1", "12345678901234567.89", "2020-01-02", "true", "5"), (None, "1.10", None, None, "x"),
            ("2", None, None, None, None),
        ]  # fmt: skip
        assert unread(dataset, "i") == [None, "1.7", None]
        assert unread(dataset, "d") == [None, None, "0.10000000000000000001"]
        assert unread(dataset, "t") == [None, "5", None]
        assert unread(dataset, "b") == [None, "1", None]
        assert types(dataset)["old"] == "null"


def test_text_stays_text_but_times_are_seen(tmp_path: Path) -> None:
    with opened(
        tmp_path, '{"n":"1","b":"true","d":"2020-01-02","t":"2020-01-02T10:00:00Z","e":""}', format="json"
    ) as d:
        assert types(d) == {"n": "string", "b": "string", "d": "date", "t": "timestamp(us, UTC)", "e": "string"}
        assert rows(d)[0][4] == ""


def test_nested_values(tmp_path: Path) -> None:
    content = '{"s":{"x":1,"y":{"z":"q"}},"l":[1,2],"m":1,"e":{}}\n{"s":{"x":1.5},"l":[],"m":"1"}\n{"m":{"k":[1]}}\n'
    with opened(tmp_path, content, format="json") as dataset:
        assert types(dataset) == {
            "s": "struct(x: double, y: struct(z: string))", "l": "list(int64)", "m": "json", "e": "json",
        }  # fmt: skip
        assert rows(dataset) == [
            ("{'x': 1.0, 'y': {'z': q}}", "[1, 2]", "1", "{}"), ("{'x': 1.5, 'y': NULL}", "[]", '"1"', None),
            (None, None, '{"k":[1]}', None),
        ]  # fmt: skip


def test_nested_numbers_are_not_rounded(tmp_path: Path) -> None:
    with opened(tmp_path, '{"s":{"x":123456789012345678901}}\n{"t":[1.5,12345678901234567]}', format="json") as dataset:
        assert types(dataset) == {"s": "json", "t": "json"}
        assert rows(dataset)[0][0] == '{"x":123456789012345678901}'


def test_a_declared_struct_takes_what_fits(tmp_path: Path) -> None:
    declared = (declare("s", "struct(x: int64, y: string)"),)
    content = '{"s":{"x":1,"z":2,"y":null}}\n{"s":{"x":1.7}}\n{"s":{"x":"a"}}\n{"s":null}\n'
    with opened(tmp_path, content, format="json", declared=declared) as dataset:
        assert [r[0] for r in rows(dataset)] == ["{'x': 1, 'y': NULL}", None, None, None]
        assert unread(dataset, "s") == [None, '{"x":1.7}', '{"x":"a"}', None]


def test_keys(tmp_path: Path) -> None:
    content = '{"a.b":1,"q\'\\"":2,"":3,"x~/y":4,"é":"ü","⟨n⟩":5}'
    with opened(tmp_path, content, format="json") as dataset:
        assert dataset.schema.names == ("a.b", "q'\"", "column2", "x~/y", "é", "⟨n⟩")
        assert rows(dataset) == [("1", "2", "3", "4", "ü", "5")]


def test_keys_that_stand_twice(tmp_path: Path) -> None:
    with opened(tmp_path, '{"b":0}\n{"a":1,"a":2}\n', format="json") as dataset:
        assert kinds(dataset) == ["duplicate_keys"]
        assert "line 2" in dataset.findings[0].message
    with opened(tmp_path, '{"a":1,"A":2}\n{"A":3}\n', format="json") as dataset:
        assert kinds(dataset) == ["duplicate_columns"]
        assert rows(dataset) == [("1", "2"), (None, "3")]


def test_several_files_and_keys(tmp_path: Path) -> None:
    declared = (declare("n", "int64", aliases=("old",)),)
    keys = (("dt", date(2020, 1, 2)),)
    with opened(tmp_path, '{"old":1}\n', '[{"n":2,"x":1.5}]', format="json", declared=declared, keys=keys) as dataset:
        assert types(dataset) == {"n": "int64", "x": "double", "dt": "date"}
        assert rows(dataset) == [("1", None, "2020-01-02"), ("2", "1.5", "2020-01-02")]
        assert files(dataset) == ["file0.csv", "file1.csv"]
        assert [s.names for _, s in dataset.file_schemas] == [("n",), ("n", "x")]


def test_records_without_keys(tmp_path: Path) -> None:
    with opened(tmp_path, "{}\n{}\n", format="json") as dataset:
        assert (dataset.rows, dataset.schema.names, lines(dataset)) == (2, (), [1, 2])


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=5), st.floats(allow_nan=False)
)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(records=st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys("abc", SCALARS)), min_size=1, max_size=6))
def test_what_python_writes_is_read(records: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory) -> None:
    content = "".join(json.dumps(r) + "\n" for r in records)
    folder = tmp_path_factory.mktemp("json")
    declared = tuple(declare(n, "json") for n in "abc")
    with opened(folder, content, format="ndjson", declared=declared) as dataset:
        assert kinds(dataset) == []
        assert lines(dataset) == list(range(1, len(records) + 1))
    with opened(folder, content, format="ndjson") as dataset:
        names = dataset.schema.names
        shown = ", ".join(f'"{n}"' for n in names) or "1"
        found = dataset.connection.execute(f"SELECT {shown} FROM {dataset.table}").fetchall()
        for record, row in zip(records, found, strict=True):
            for name, value in zip(names, row, strict=False):
                kind = str(next(f.type for f in dataset.schema.fields if f.name == name))
                expected = record.get(name)
                if kind == "json" and expected is not None:
                    assert json.loads(value) == expected
                elif kind == "string" and expected is not None and not isinstance(expected, str):
                    assert float(value) == expected
                elif kind not in ("date", "timestamp(us)", "timestamp(us, UTC)"):
                    assert value == expected
