"""What changed between two profiles, ranked, in words."""

from dq.drift.diff import Difference, diff

__all__ = ["Difference", "diff"]
