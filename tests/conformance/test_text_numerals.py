"""Numbers as they are written in other places: read as the contract says, proposed where nobody says anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from dq.engines.duckdb.numerals import Marks, proposed
from tests.conformance.opened import declare, kinds, lines, opened, rows, types, unread

TYPES = (declare("i", "int64"), declare("d", "double"), declare("m", "decimal(9,2)"), declare("s", "string"))


@pytest.mark.parametrize(
    ("marks", "texts", "values"),
    [
        (Marks(",", ""), ("1", "1,5", " -2,50 ", "1,5"), ("1", "1.5", "-2.50", "1,5")),
        (Marks(",", ""), ("2,0", "1,5e3", ",5", ""), ("2", "1500.0", "0.50", "")),
        (Marks(",", ""), ("1,5", "1.5", "1.50", "x"), (None, None, None, "x")),
        (Marks(",", "."), ("1.234", "1.234,56", "-1.234.567,80", ""), ("1234", "1234.56", "-1234567.80", "")),
        (Marks(",", "."), ("1.23", "1,234.5", "1.2345,6", ""), (None, None, None, "")),
        (Marks(",", "."), ("1234", "nan", "1234,5", ""), ("1234", "nan", "1234.50", "")),
        (Marks(".", ","), ("1,234", "1,234.5", "12,345.60", ""), ("1234", "1234.5", "12345.60", "")),
        (Marks(".", "'"), ("1'234", "12'34.5", "1'234.5", ""), ("1234", None, "1234.50", "")),
        (Marks(".", "\u202f"), ("1\u202f234", "1 234", "1\u202f234.5", ""), ("1234", None, "1234.50", "")),
    ],
)  # fmt: skip
def test_declared_numbers(marks: Marks, texts: tuple[str, ...], values: tuple[str | None, ...], tmp_path: Path) -> None:
    content = "i;d;m;s\n" + ";".join(texts) + "\n"
    reading = {"delimiter": ";", "decimal": marks.decimal, "thousands": marks.thousands, "declared": TYPES}
    with opened(tmp_path, content, **reading) as dataset:
        assert rows(dataset) == [tuple(v or None for v in values)]
        assert [unread(dataset, n)[0] for n in "idm"] == [
            None if value else text for text, value in zip(texts[:3], values[:3], strict=True)
        ]


def test_undeclared_numbers(tmp_path: Path) -> None:
    content = "a;b;c;d\n1.234;1,5;01.02.2026;1,5\n12;-,25;02.02.2026;1.5\n"
    with opened(tmp_path, content, delimiter=";", decimal=",", thousands=".") as dataset:
        assert types(dataset) == {"a": "int64", "b": "double", "c": "string", "d": "string"}
        assert rows(dataset)[0] == ("1234", "1.5", "01.02.2026", "1,5")
        assert rows(dataset)[1][1] == "-0.25"


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (["1,5 2 -3,25"], Marks(",", "")), (["1.234,56 2 1.000"], Marks(",", ".")), (["1.234.567 2"], Marks(",", ".")),
        (["1,234.56 2 1,000"], Marks(".", ",")), (["1,234,567"], Marks(".", ",")), (["1,5 2,5", "a b"], Marks(",", "")),
        (["1,234 2,000"], Marks()), (["1.5 2"], Marks()), (["1,5 2,5", "1.5 2.5"], Marks()), (["1,5 x"], Marks()),
        (["01.02.2026 02.02.2026"], Marks()), (["1.234 2.000"], Marks()), ([], Marks()),
    ],
)  # fmt: skip
def test_a_proposal_needs_a_number_that_is_nothing_else(columns: list[str], found: Marks) -> None:
    assert proposed(list(zip(*(c.split() for c in columns), strict=False))) == found


def test_a_first_line_for_excel_is_no_header(tmp_path: Path) -> None:
    for content in ("sep=;\r\na;b\r\n1;2\r\n", '"sep=;"\na;b\n1;2\n', "\nSEP=;\n\na;b\n1;2\n"):
        for delimiter in (";", None):
            with opened(tmp_path, content, delimiter=delimiter) as dataset:
                assert (dataset.schema.names, rows(dataset), kinds(dataset)) == (("a", "b"), [("1", "2")], [])
                assert lines(dataset) == [content.splitlines().index("1;2") + 1]
    with opened(tmp_path, "sep=;\na;b\n1;2\n", delimiter=",") as dataset:
        assert kinds(dataset) == ["delimiter"]
    with opened(tmp_path, "sep=;\n1;2\n", delimiter=";", header=False, names=("a", "b")) as dataset:
        assert (rows(dataset), lines(dataset), kinds(dataset)) == ([("1", "2")], [2], [])


def test_names_that_stand_twice_are_fine_once_they_are_declared(tmp_path: Path) -> None:
    content = "a,A,a_2,,a\n1,2,3,4,5\n"
    with opened(tmp_path, content) as dataset:
        assert dataset.schema.names == ("a", "A_3", "a_2", "column3", "a_4")
        assert kinds(dataset) == ["duplicate_columns"]
    declared = tuple(declare(n, "string") for n in ("a", "A_3", "column3", "a_4"))
    with opened(tmp_path, content, declared=declared) as dataset:
        assert (kinds(dataset), types(dataset)["column3"]) == ([], "string")
        assert rows(dataset) == [("1", "2", "3", "4", "5")]
    with opened(tmp_path, content, declared=declared[:-1]) as dataset:
        assert kinds(dataset) == ["duplicate_columns"]
