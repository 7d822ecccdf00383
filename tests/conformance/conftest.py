"""One engine for the whole session: made from the table, closed at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dq.engines import ENGINES, engine
from dq.engines.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq.engines.base import Engine


@pytest.fixture(scope="session", params=[name for name in ENGINES if name != "reference"])
def subject(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine that is held against the reference."""
    made = engine(request.param)
    yield made
    getattr(made, "close", lambda: None)()


@pytest.fixture(scope="session")
def reference() -> Reference:
    return Reference()
