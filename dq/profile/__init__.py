"""What a partition is like: questions for the plan, states that add up, numbers to read."""

from dq.profile.meaning import SHARE, Meaning, date_formats, is_null_like, mask, masks, semantic_type
from dq.profile.questions import STATISTICS, Depth, questions
from dq.profile.states import ColumnProfile, Profile, decode, deepen, encode, merge, profile, second_questions, zero
from dq.profile.summary import (
    bucket_middle,
    completeness,
    distinct_count,
    document,
    exact_counts,
    histogram,
    is_key,
    is_unique,
    quantile,
    size_counts,
    summary,
)

__all__ = [
    "SHARE",
    "STATISTICS",
    "ColumnProfile",
    "Depth",
    "Meaning",
    "Profile",
    "bucket_middle",
    "completeness",
    "date_formats",
    "decode",
    "deepen",
    "distinct_count",
    "document",
    "encode",
    "exact_counts",
    "histogram",
    "is_key",
    "is_null_like",
    "is_unique",
    "mask",
    "masks",
    "merge",
    "profile",
    "quantile",
    "questions",
    "second_questions",
    "semantic_type",
    "size_counts",
    "summary",
    "zero",
]
