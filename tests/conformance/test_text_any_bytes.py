"""Any bytes at all: never a traceback, and a file that gives no row without a finding held none."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.opened import declare, lines, opened, rows

if TYPE_CHECKING:
    import pytest

PIECES = st.sampled_from(
    [
        b"a,b\n", b"1,2\n", b'"', b"'", b"\r", b"\n", b"\r\n", b",", b";", b"\xff", b"\0", b"\xef\xbb\xbf", b"\xff\xfe",
        b"{", b"}", b'{"a":1}', b'{"a":[1,{"b":null}]}', b"[", b"]", b":", b"\\", b" ", b"\t", b"x" * 40, "é".encode(),
        b"1e999", b"-1",
    ]
)  # fmt: skip
CONTENT = st.one_of(
    st.binary(max_size=60),
    st.lists(PIECES, max_size=12).map(b"".join),
    st.lists(PIECES, max_size=8).map(lambda p: gzip.compress(b"".join(p), mtime=0)[:-1]),
)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(
    contents=st.lists(CONTENT, min_size=1, max_size=2),
    name=st.sampled_from(["csv", "json", "ndjson"]),
    header=st.booleans(),
)
def test_any_bytes(contents: list[bytes], name: str, header: bool, tmp_path_factory: pytest.TempPathFactory) -> None:
    declared = (declare("a", "int64"), declare("b", "timestamp"))
    for reading in ({"declared": declared, "header": header}, {"delimiter": None}):
        with opened(tmp_path_factory.mktemp("any"), *contents, format=name, **reading) as dataset:
            if dataset.readable:
                assert len(rows(dataset)) == dataset.rows
                assert all(line > 0 for line in lines(dataset))
            else:
                assert dataset.findings
            assert all(f.kind and f.message and f.file for f in dataset.findings)
