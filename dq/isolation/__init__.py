"""Bytes nobody has looked at are read in processes of their own, with a deadline and a memory limit."""

from dq.isolation.pool import Pool

__all__ = ["Pool"]
