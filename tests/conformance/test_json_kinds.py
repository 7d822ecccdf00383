"""JSON says what kind a value is of: what its declared type is not written in is unreadable, never converted."""

from __future__ import annotations

from pathlib import Path

import pytest

from dq.ir.data import Schema
from dq.metrics.schema import compare
from tests.conformance.opened import declare, opened, rows, types, unread

# declared type: values that are read, and values that are not (how they are shown, where that differs)
KINDS: dict[str, tuple[list[str], list[str]]] = {
    "int64": (["1", "3.0", "null"], ['"2"', "2.5", "true", '{"a":1}', "NaN"]),
    "double": (["1", "2.5", "NaN", "-Infinity", '"NaN"', "1e3"], ['"2.5"', "true", "[1]", '"nan?"']),
    "decimal(10,2)": (["1.25", '"1.25"', "2"], ["1.257", "true", '"x"']),
    "bool": (["true", "false"], ['"true"', "1", "0", '"no"']),
    "string": (['"x"', '"5"', '""'], ["5", "true", '{"a":1}', '["x"]']),
    "date": (['"2026-03-01"'], ["true", '{"d":1}', '"1 March"']),
    "list(int64)": (["[1,null]", "[]", "[2.0]"], ['["1"]', "[1.5]", "1", '"[1]"', '{"a":1}']),
    "list(list(string))": (['[["x"],[]]'], ["[[1]]", '["x"]', '[[["x"]]]']),
    "struct(a: int64, b: string)": (
        ['{"a":1,"b":"x","c":true}', '{"a":null}'],
        ['{"a":"1","b":null}', '{"a":1.5,"b":null}', '{"a":1,"b":5}', "[1]", '"{}"'],
    ),
    "map(string, double)": (['{"k":1.5,"l":null}', "{}"], ['{"k":"1"}', '{"k":1,"l":true}', "[1]"]),
    "list(struct(m: map(string, bool)))": (
        ['[{"m":{"k":true}},{"m":null}]'], ['[{"m":{"k":1}}]', '[{"m":[true]}]'],
    ),
}  # fmt: skip
SHOWN = {'"x"': "x", '"1 March"': "1 March"}  # text of the right kind


def test_a_value_of_another_kind_is_unreadable(tmp_path: Path) -> None:
    declared = [declare(f"a/b~{i}", kind) for i, kind in enumerate(KINDS)]

    def judged(values: list[list[str]]) -> list[tuple[list[str | None], list[bool]]]:
        """Of each column: what is shown as unreadable, and where there is no value."""
        records = [
            ", ".join(f'"{d.name}":{v}' for d, v in zip(declared, row, strict=True))
            for row in zip(*values, strict=True)
        ]
        content = "".join(f'{{{record}, "A/B~0": 0}}\n' for record in records)  # a name that only case tells apart
        with opened(tmp_path, content, format="ndjson", declared=tuple(declared)) as dataset:
            assert {n: t for n, t in types(dataset).items() if not n.startswith("A")} == {
                d.name: str(d.type) for d in declared
            }
            landed = list(zip(*rows(dataset), strict=True))
            return [(unread(dataset, d.name), [v is None for v in landed[i]]) for i, d in enumerate(declared)]

    def padded(values: list[str]) -> list[str]:
        return [*values, *["null"] * (11 - len(values))]

    together = judged([padded([*read, *wrong]) for read, wrong in KINDS.values()])
    for (kind, (read, wrong)), (shown, absent) in zip(KINDS.items(), together, strict=True):
        expected = [None] * len(read) + [w if kind == "string" else SHOWN.get(w, w) for w in wrong]
        assert shown == padded_none(expected), kind
        assert absent[: len(read)] == [v == "null" for v in read], kind
        assert all(absent[len(read) :]), kind
    for n in range(5):  # also where it is the only kind there is
        wrong = [bad[n % len(bad)] for _, bad in KINDS.values()]
        for value, (shown, _) in zip(wrong, judged([[w] for w in wrong]), strict=True):
            assert shown == [SHOWN.get(value, value)]


def padded_none(values: list[str | None]) -> list[str | None]:
    return [*values, *[None] * (11 - len(values))]


def test_text_that_means_null_is_no_unreadable_string(tmp_path: Path) -> None:
    content = '{"s":"NA"}\n{"s":1}\n{"s":null}\n{"s":"x"}\n'
    with opened(tmp_path, content, format="ndjson", declared=(declare("s", "string"),), null_values=("", "NA")) as d:
        assert (rows(d), unread(d, "s")) == ([(None,), (None,), (None,), ("x",)], [None, "1", None, None])


def test_a_field_that_no_record_has_did_not_land(tmp_path: Path) -> None:
    declared = (declare("s", "struct(a: int64, b: list(struct(x: int64, y: string)))"),)
    for content, found in [
        ('{"s":{"a":1,"b":[{"x":1}]}}\n{"s":null}\n', "struct(a: int64, b: list(struct(x: int64)))"),
        ('{"s":{"b":[{"x":1,"y":null}]}}', "struct(b: list(struct(x: int64, y: string)))"),
        ('{"s":{"a":1,"b":[]}}', "struct(a: int64, b: list(struct(x: int64, y: string)))"),
        ('{"s":{"c":1}}', "json"), ('{"s":null}', str(declared[0].type)),
    ]:  # fmt: skip
        with opened(tmp_path, content, format="ndjson", declared=declared) as dataset:
            assert types(dataset) == {"s": found}
            assert unread(dataset, "s").count(None) == dataset.rows


@pytest.mark.parametrize(
    ("content", "change", "words"),
    [
        ('{"s":{"a":1,"b":"x","l":[{"k":true}]}}', "", ""), ('{"s":{"a":1.5,"b":null,"l":[]}}', "", ""),
        ('{"s":{"a":"1","b":"x","l":[]}}', "retyped", 'field "s.a" was int64 and is string'),
        ('{"s":{"a":1,"l":[]}}', "removed", 'field "s.b" (string) is gone'),
        ('{"s":{"a":1,"b":"x","l":[{"k":1}]}}', "retyped", 'field "s.l[].k" was bool and is int64'),
        ('{"s":{"a":1,"b":"x","l":[{"k":true,"m":1}]}}', "added", 'field "s.l[].m" (int64) is new'),
    ],
)  # fmt: skip
def test_undeclared_structs_are_compared_by_their_fields(content: str, change: str, words: str, tmp_path: Path) -> None:
    with opened(tmp_path, '{"s":{"a":1,"b":"x","l":[{"k":true}]}}', format="ndjson") as dataset:
        before = dataset.schema
    with opened(tmp_path, content, format="ndjson") as dataset:
        found = {kind: [w for _, w in told] for kind, told in compare(before, dataset.schema).items() if told}
    assert found == ({change: [words]} if change else {})
    assert compare(Schema(), Schema()) == {"added": [], "removed": [], "retyped": []}


def test_a_field_that_is_always_null_has_no_type(tmp_path: Path) -> None:
    with opened(tmp_path, '{"s":{"a":null,"b":1},"l":[]}', format="ndjson") as dataset:
        assert types(dataset) == {"s": "struct(a: null, b: int64)", "l": "list(null)"}
        assert rows(dataset) == [("{'a': NULL, 'b': 1}", "[]")]
