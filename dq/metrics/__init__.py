"""One file per quality dimension. Importing this package registers every metric."""

from dq.metrics import completeness, consistency, distribution, query, schema, uniqueness, validity, volume

__all__ = ["completeness", "consistency", "distribution", "query", "schema", "uniqueness", "validity", "volume"]
