"""Which landed timestamp is a declared one: no finer unit, and a moment where a moment is declared."""

import pytest

from dq.ir.data import fits, parse_type


@pytest.mark.parametrize(
    ("found", "declared", "expected"),
    [
        ("timestamp(ms)", "timestamp(us)", True),
        ("timestamp(ns)", "timestamp(us)", False),
        ("timestamp(us, UTC)", "timestamp(us, Europe/Berlin)", True),
        ("timestamp(us)", "timestamp(us, UTC)", False),
        ("timestamp(us, UTC)", "timestamp(us)", False),
        ("timestamp(ns, UTC)", "timestamp", True),
    ],
)
def test_timestamps(found: str, declared: str, expected: bool) -> None:
    assert fits(parse_type(found), parse_type(declared)) is expected
