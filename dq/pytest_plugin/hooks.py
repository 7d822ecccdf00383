"""Hooks that a conftest.py or another plugin may implement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest


def pytest_dq_result(config: pytest.Config, source: str, document: dict[str, Any]) -> None:
    """A data set was judged: `document` is `dq.result/1`, of the checks that were selected. Called once for each, under
    xdist in the process that the others report to."""
