"""Schemas of pandera: Python objects, YAML and JSON into checks. Written down they are read without pandera.

What pandera asks of a Polars frame is asked, data checks always, and all that fails is told. Where it would change the
data (`coerce`, `default`, `strict="filter"`, `drop_invalid_rows`) the checks see the change and the data does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq.dialects.pandera.build import build
from dq.dialects.pandera.written import read

if TYPE_CHECKING:
    from dq.ir.check import Suite


def load(text: str, file: str) -> Suite:
    """The suite of a schema in YAML or JSON. Raises SuiteError with a line per error."""
    return build(read(text, file), file)
