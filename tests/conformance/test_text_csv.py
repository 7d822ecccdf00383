"""CSV: what is read is what was written, every line is accounted for, and every fault is a finding."""

from __future__ import annotations

import codecs
import csv
import gc
import gzip
import io
import os
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dq.engines.duckdb.connect import connect
from dq.engines.duckdb.text import open_text
from dq.errors import EngineError, StoreError, SuiteError
from dq.ir.data import DataFile, Reading
from tests.conformance.opened import declare, files, kinds, landed, lines, opened, opened_files, rows, types

PLAIN = b"a,b\n1,x\n2,y\n"


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


@pytest.mark.parametrize(
    "content",
    [
        PLAIN, PLAIN[:-1], PLAIN.replace(b"\n", b"\r\n"), PLAIN.replace(b"\n", b"\r"), codecs.BOM_UTF8 + PLAIN,
        gzip.compress(PLAIN, mtime=0), zstd(PLAIN),
        gzip.compress(PLAIN[:6], mtime=0) + gzip.compress(PLAIN[6:], mtime=0)
        + b"\0" * 512,
        codecs.BOM_UTF16_LE + PLAIN.decode().encode("utf-16-le"),
        codecs.BOM_UTF16_BE + PLAIN.decode().encode("utf-16-be"), PLAIN.replace(b"1,x\n", b"1,x\r\n"),
        gzip.compress(codecs.BOM_UTF8 + PLAIN, mtime=0),
    ],
    ids=["plain", "no end", "crlf", "cr", "mark", "gzip", "zstd", "gzip members", "utf-16-le",
         "utf-16-be", "mixed", "gz mark"],
)  # fmt: skip
def test_containers_do_not_matter(content: bytes, tmp_path: Path) -> None:
    with opened(tmp_path, content) as dataset:
        assert (rows(dataset), lines(dataset), kinds(dataset)) == ([("1", "x"), ("2", "y")], [2, 3], [])
        assert dataset.rows == 2
        assert dataset.bytes == len(content)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("latin-1", "é"), ("cp1252", "€"), ("shift_jis", "日本"), ("utf-16", "é"), ("utf-8-sig", "é")],
)
def test_encodings(encoding: str, text: str, tmp_path: Path) -> None:
    with opened(tmp_path, f"{text},b\n1,{text}\n".encode(encoding), encoding=encoding) as dataset:
        assert dataset.schema.names == (text, "b")
        assert rows(dataset) == [("1", text)]


def test_a_name_is_read_literally(tmp_path: Path) -> None:
    found = []
    for name in ("we[i]rd.csv", "a*b.csv", "q?.csv", "x 'y\" z.csv", "{a,b}.csv", "weird.csv", "axb.csv", "data.gz"):
        (tmp_path / name).write_text(f"n\n{name.count('i')}-{len(name)}\n")
        found.append(DataFile(name, 0, str(tmp_path / name)))
    with opened_files(tmp_path, found) as dataset:
        assert files(dataset) == [f.path for f in found]
        assert rows(dataset) == [(f"{f.path.count('i')}-{len(f.path)}",) for f in found]


def test_columns_are_read_by_name(tmp_path: Path) -> None:
    declared = (declare("a", "int64", aliases=("A 1",)), declare("b", "string"))
    with opened(tmp_path, "A 1,b\n1,x\n", "c,b,a\nq,y,2\n", "b\nz\n", declared=declared) as dataset:
        assert dataset.schema.names == ("a", "b", "c")
        assert rows(dataset) == [("1", "x", None), ("2", "y", "q"), (None, "z", None)]
        assert [(p, s.names) for p, s in dataset.file_schemas] == [
            ("file0.csv", ("a", "b")), ("file1.csv", ("a", "b", "c")), ("file2.csv", ("b",)),
        ]  # fmt: skip
        assert files(dataset) == ["file0.csv", "file1.csv", "file2.csv"]
        assert lines(dataset) == [2, 2, 2]


def test_hostile_names(tmp_path: Path) -> None:
    names = ["a.b", "q\"u'", "x y", "[z]", "ünï", "select", "", "⟨n⟩", "a`b"]
    with opened(
        tmp_path, ",".join('"' + n.replace('"', '""') + '"' for n in names) + "\n1,2,3,4,5,6,7,8,9\n"
    ) as dataset:
        assert dataset.schema.names == tuple(n or "column6" for n in names)
        assert rows(dataset) == [tuple("123456789")]


def test_names_that_stand_twice(tmp_path: Path) -> None:
    with opened(tmp_path, "a,A,a,b\n1,2,3,4\n") as dataset:
        assert kinds(dataset) == ["duplicate_columns"]
        assert dataset.schema.names == ("a", "A_2", "a_3", "b")
        assert rows(dataset) == [tuple("1234")]


def test_an_alias_beside_its_column_stands_twice(tmp_path: Path) -> None:
    with opened(tmp_path, "old,a\n1,2\n", declared=(declare("a", "int64", aliases=("old",)),)) as dataset:
        assert kinds(dataset) == ["duplicate_columns"]


def test_path_keys_are_typed_constants_behind_the_columns(tmp_path: Path) -> None:
    keys = (("dt", date(2020, 1, 2)), ("region", "e'u"), ("a", 5))
    with opened(tmp_path, PLAIN, keys=keys) as dataset:
        assert types(dataset) == {"a": "int64", "b": "string", "dt": "date", "region": "string"}
        assert rows(dataset)[0] == ("1", "x", "2020-01-02", "e'u")
        assert dataset.keys == keys


def test_no_header(tmp_path: Path) -> None:
    with opened(tmp_path, "1,x\n2,y\n", header=False) as dataset:
        assert dataset.schema.names == ("column0", "column1")
        assert lines(dataset) == [1, 2]
    with opened(tmp_path, "1,x\n2\n", header=False, names=("n", "t")) as dataset:
        assert dataset.schema.names == ("n", "t")
        assert kinds(dataset) == ["ragged"]


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ", ", "||", "::"])
def test_delimiters(delimiter: str, tmp_path: Path) -> None:
    content = f'a{delimiter}b\n1{delimiter}"x{delimiter}y"\n'
    with opened(tmp_path, content, delimiter=delimiter) as dataset:
        assert (dataset.schema.names, rows(dataset)) == (("a", "b"), [("1", f"x{delimiter}y")])


def test_quotes_and_escapes(tmp_path: Path) -> None:
    with opened(tmp_path, "'a','b'\n'it''s',2\n", quote="'") as dataset:
        assert rows(dataset) == [("it's", "2")]
    with opened(tmp_path, 'a,b\n"x\\"y",2\n', escape="\\") as dataset:
        assert rows(dataset) == [('x"y', "2")]
    with opened(tmp_path, 'a,b\n"x,2\n5" tv,3\n', quote="") as dataset:
        assert rows(dataset) == [('"x', "2"), ('5" tv', "3")]


def test_ragged_records_are_counted_with_their_lines(tmp_path: Path) -> None:
    content = 'a,b\n1,"x\ny"\n\n3\n4,"p\nq\nr"\n4,"5\n",6\n\n7,8\n'
    with opened(tmp_path, content) as dataset:
        (found,) = dataset.findings
        assert (found.kind, found.rows, found.file) == ("ragged", 2, "file0.csv")
        assert found.evidence == (("file0.csv", 5, "3"), ("file0.csv", 9, '4,"5\n",6'))
        assert "1 with fewer, 1 with more" in found.message
        assert "line 5" in found.message
        assert lines(dataset) == [2, 6, 12]
        assert rows(dataset)[2] == ("7", "8")


def test_lines_of_several_files(tmp_path: Path) -> None:
    with opened(tmp_path, "a,b\n1,2\nx\n3,4\n", '\n"a",b\n\n5,"6\n"\n7,8\n', "a,b\n9,9\n") as dataset:
        assert lines(dataset) == [2, 4, 4, 6, 2]
        assert files(dataset) == ["file0.csv", "file0.csv", "file1.csv", "file1.csv", "file2.csv"]


def test_a_single_column_has_blank_lines_for_nulls(tmp_path: Path) -> None:
    with opened(tmp_path, "a\n1\n\n3\n") as dataset:
        assert (rows(dataset), lines(dataset)) == ([("1",), (None,), ("3",)], [2, 3, 4])


@pytest.mark.parametrize("content", ['a,b\n1,2\n3,"x\n5,6\n', 'a,b\n1,2\n3,"x"y\n', 'a,b\n1,2\n3,"x'])
def test_broken_quotes(content: str, tmp_path: Path) -> None:
    with opened(tmp_path, content) as dataset:
        assert kinds(dataset) == ["quote"]
        assert dataset.findings[0].evidence[0][1] == 3
        assert rows(dataset) == [("1", "2")]


def test_no_line_gets_lost_behind_an_open_quote(tmp_path: Path) -> None:
    """The parser gives up the rest of its buffer after an open quote, and says so of one record only."""
    body = "".join(f"{i},some text of number {i}\n" for i in range(600_000))
    with opened(tmp_path, f'a,b\n1,"x\n{body}') as dataset:
        assert set(kinds(dataset)) == {"quote"}
        swallowed = dataset.findings[0].rows
        assert swallowed == 1
        lost = dataset.findings[1].rows or 0
        assert lost > 100_000
        assert lost + (dataset.rows or 0) > 599_000


def test_undecodable_bytes(tmp_path: Path) -> None:
    with opened(tmp_path, b"a,b\n1,2\n3,x\xff\n5,6\n") as dataset:
        (found,) = dataset.findings
        assert (found.kind, found.rows, found.evidence[0][1]) == ("encoding", 1, 3)
        assert found.message == "file0.csv: 1 record not utf-8, first in line 3, offset 11"
        assert rows(dataset) == [("1", "2"), ("5", "6")]
    with opened(tmp_path, b"a,b\n1,2\n3,x\x81\n5,6\n", encoding="cp1252") as dataset:
        assert kinds(dataset) == ["encoding"]
        assert rows(dataset) == [("1", "2"), ("5", "6")]


def test_a_record_that_is_too_long(tmp_path: Path) -> None:
    with opened(tmp_path, 'a,b\n1,"' + "x" * 3_000_000 + '"\n2,3\n') as dataset:
        assert kinds(dataset) == ["line_too_long"]
        assert rows(dataset) == [("2", "3")]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty_file"), (gzip.compress(b"", mtime=0), "empty_file"), (b"\n\n", "empty_file"),
        (b"PAR1\0\0", "not_csv"),
        (b"<!DOCTYPE html><html>", "not_csv"), (b"<html>\n<body>", "not_csv"), (b'<?xml version="1.0"?>', "not_csv"),
        (b'{"a":1}\n{"a":2}\n', "not_csv"), (b'[{"a":1},\n', "not_csv"), (b"PK\x03\x04", "not_csv"),
        (b"a,b\n1,\0\n", "not_csv"), (b"BZh91AY", "not_csv"), ("a,b\n1,2\n".encode("utf-16-le"), "not_csv"),
        (gzip.compress(gzip.compress(PLAIN, mtime=0), mtime=0), "not_csv"), (b"\x1f\x8b\x08\0broken", "truncated"),
    ],
)  # fmt: skip
def test_what_is_no_csv_is_not_read(content: bytes, kind: str, tmp_path: Path) -> None:
    with opened(tmp_path, content) as dataset:
        assert kinds(dataset) == [kind]
        assert (dataset.rows, dataset.readable) == (0, False)
    with opened(tmp_path, content, PLAIN) as dataset:
        assert kinds(dataset) == [kind]
        assert dataset.rows == 2


def test_a_hole_of_nul_bytes(tmp_path: Path) -> None:
    with opened(tmp_path, "a,b\n" + "1,2\n" * 2000 + "3,x\0y\n") as dataset:
        assert kinds(dataset) == ["not_csv"]
        assert "line 2002" in dataset.findings[0].message


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_a_cut_stream_is_a_finding_and_what_came_is_read(pack: object, tmp_path: Path) -> None:
    body = "".join(f"{i},{os.urandom(8).hex()}\n" for i in range(20_000))
    packed: bytes = pack(("a,b\n" + body).encode())  # type: ignore[operator]
    with opened(tmp_path, packed[:-2000]) as dataset:
        assert kinds(dataset)[0] == "truncated"
        assert 10_000 < (dataset.rows or 0) < 20_000
    with opened(tmp_path, packed + b"trailing") as dataset:
        assert kinds(dataset)[0] == "truncated"


def test_another_delimiter_than_declared(tmp_path: Path) -> None:
    with opened(tmp_path, "a;b\n1;2\n") as dataset:
        assert kinds(dataset) == ["delimiter"]
    with opened(tmp_path, "a;b\n1\n", declared=(declare("a;b", "int64"),)) as dataset:
        assert kinds(dataset) == []


def test_a_header_that_is_none(tmp_path: Path) -> None:
    for content in ("1,2020-01-01,x\n2,2020-01-02,y\n", "39,State-gov,0,0,Private\n40,Private,0,0,x\n"):
        with opened(tmp_path, content) as dataset:
            assert kinds(dataset)[-1] == "header" or "header" in kinds(dataset)
    with opened(tmp_path, "x,y\n1,2\n", declared=(declare("a", "int64"),)) as dataset:
        assert kinds(dataset) == ["header"]
    with opened(tmp_path, "2019,2020,country\nx,y,de\n") as dataset:
        assert kinds(dataset) == []


def test_only_a_header(tmp_path: Path) -> None:
    with opened(tmp_path, "a,b\n", declared=(declare("a", "int64"),)) as dataset:
        assert (types(dataset), dataset.rows, kinds(dataset)) == ({"a": "int64", "b": "null"}, 0, [])


def test_the_dialect_says_every_choice(tmp_path: Path) -> None:
    with opened(tmp_path, "39, State-gov, 7\n50, Private, 8\n", delimiter=None) as dataset:
        said = dataset.dialect
        assert (said.format, said.delimiter, said.header, said.quote, said.escape) == ("csv", ", ", False, '"', '"')
        assert (said.encoding, said.names) == ("utf-8", ("column0", "column1", "column2"))
        assert rows(dataset)[0] == ("39", "State-gov", "7")
    with opened(tmp_path, "näme;'b'\n1;'x;y'\n".encode("cp1252"), delimiter=None) as dataset:
        assert (dataset.dialect.delimiter, dataset.dialect.quote, dataset.dialect.encoding) == (";", "'", "cp1252")
        assert rows(dataset) == [("1", "x;y")]


def test_nothing_is_guessed_where_a_contract_speaks(tmp_path: Path) -> None:
    with opened(tmp_path, "a;b\n1;2\n", delimiter=",") as dataset:
        assert dataset.schema.names == ("a;b",)


def test_a_connection_serves_many_partitions(tmp_path: Path) -> None:
    temp = tmp_path / "temp"
    temp.mkdir()
    found = landed(tmp_path, PLAIN, "a,b\n3\n")
    with connect([str(tmp_path)], threads=1, memory_bytes=200_000_000, temp=str(temp)) as connection:
        for _ in range(3):
            sets = [open_text([f], Reading(delimiter=","), temp=str(temp), connection=connection) for f in found]
            assert [rows(d) for d in sets] == [[("1", "x"), ("2", "y")], []]
            for dataset in sets:
                dataset.close()
        assert connection.execute("SHOW ALL TABLES").fetchall() == []


def test_the_connection_reads_nothing_else(tmp_path: Path) -> None:
    import duckdb

    (tmp_path / "in").mkdir()
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (tmp_path / "in" / "link.csv").symlink_to(tmp_path / "secret.csv")
    with connect([str(tmp_path / "in")], temp=str(tmp_path / "in")) as connection:
        for query in (
            f"FROM read_csv('{tmp_path}/secret.csv')", f"FROM read_csv('{tmp_path}/in/link.csv')",
            f"FROM read_csv('{tmp_path}/in/../secret.csv')", f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
            "INSTALL httpfs", "SET enable_external_access = true", "SET threads = 8", "FROM tmp_path",
            f"ATTACH '{tmp_path}/x.db'",
        ):  # fmt: skip
            with pytest.raises(duckdb.Error):
                connection.execute(query)
        assert connection.execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)


def test_faults_of_the_gate_are_raised(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match="gone"),
        opened_files(tmp_path, [DataFile("gone.csv", 1, str(tmp_path / "gone.csv"))]),
    ):
        pass
    with pytest.raises(SuiteError, match="klingon"), opened(tmp_path, PLAIN, encoding="klingon"):
        pass


@pytest.mark.parametrize("name", ["csv", "ndjson"])
def test_too_little_memory_is_no_fault_of_the_data(name: str, tmp_path: Path) -> None:
    (file,) = landed(tmp_path, ('{"a":1}\n' if name == "ndjson" else "1,2\n") * 200_000)
    with pytest.raises(EngineError, match="OutOfMemory"):
        open_text(
            [file], Reading(name, "\t", header=False, quote=""), memory_bytes=1_500_000, threads=1, temp=str(tmp_path)
        )


def test_nothing_is_left_behind_where_nobody_closes(tmp_path: Path) -> None:
    (file,) = landed(tmp_path, PLAIN)
    (tmp_path / "temp").mkdir()
    dataset = open_text([file], Reading(delimiter=","), temp=str(tmp_path / "temp"))
    assert len(list((tmp_path / "temp").iterdir())) == 1
    del dataset
    gc.collect()
    assert list((tmp_path / "temp").iterdir()) == []


CELLS = st.text(st.sampled_from("ab,;\"'\n é1."), max_size=6)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    table=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_what_python_writes_is_read(
    table: list[tuple[str, ...]], delimiter: str, end: str, quoting: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    starts = []
    for row in [("x", "y", "z"), *table]:
        starts.append(stream.getvalue().count("\n") + 1)
        writer.writerow(row)
    declared = tuple(declare(n, "string") for n in "xyz")
    with opened(tmp_path_factory.mktemp("csv"), stream.getvalue(), delimiter=delimiter, declared=declared) as dataset:
        assert kinds(dataset) == []
        plain = [tuple(v or "" for v in row) for row in rows(dataset)]
        assert plain == [tuple(row) for row in table]
        assert lines(dataset) == starts[1:]


LINES = st.sampled_from(["1,2", "3", "4,5,6", "", '7,"x\ny"', '8,"\n\n"', '9,"q"z', "a,b,c,d"])


@settings(deadline=None, derandomize=True, max_examples=40)
@given(parts=st.lists(LINES, max_size=14))
def test_every_row_has_its_line_and_every_line_is_accounted_for(
    parts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    good, bad, line = [], [], 2
    for part in parts:
        fields = next(csv.reader(io.StringIO(part)), [])
        if part and len(fields) == 2 and not part.endswith("z"):
            good.append(line)
        elif part:
            bad.append(line)
        line += part.count("\n") + 1
    with opened(tmp_path_factory.mktemp("csv"), "a,b\n" + "".join(f"{p}\n" for p in parts)) as dataset:
        assert lines(dataset) == good
        assert sum(f.rows or 0 for f in dataset.findings) == len(bad)
        shown = sorted(e[1] for f in dataset.findings for e in f.evidence)
        assert set(shown) <= set(bad)
        assert (not bad) == (not shown)
