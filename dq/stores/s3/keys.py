"""Paths of a zone and keys of a bucket. A key is any text; a path has no empty segment, `.` or `..`: in those places
stand marks, so that every key that landed has a path of its own, and every path one key."""

from __future__ import annotations

import re

from dq.ir.data import VERSION

_ODD = {"": "%", ".": "%2E", "..": "%2E%2E"}
_PLAIN = {mark: odd for odd, mark in _ODD.items()}
_LIKE_A_MARK = re.compile(r"%(25)*(2E|2E%2E)?")
_QUOTED = re.compile(r"%25(25)*(2E|2E%2E)?")
SCHEME = "s3://"


def path_of(key: str) -> str:
    return "/".join(map(_quoted, key.split("/")))


def key_of(path: str) -> str:
    return "/".join(map(_unquoted, path.split("/")))


def _quoted(segment: str) -> str:
    if segment in _ODD:
        return _ODD[segment]
    return f"%25{segment[1:]}" if _LIKE_A_MARK.fullmatch(segment) else segment


def _unquoted(segment: str) -> str:
    if segment in _PLAIN:
        return _PLAIN[segment]
    return f"%{segment[3:]}" if _QUOTED.fullmatch(segment) else segment


def version_of(path: str) -> tuple[str, dict[str, str]]:
    """A path or URL without its version, and the version as requests name it."""
    plain, _, version = path.partition(VERSION)
    return plain, {"VersionId": version} if version else {}


def parts_of_url(url: str) -> tuple[str, str]:
    """Bucket, and key or prefix."""
    bucket, _, key = url.removeprefix(SCHEME).partition("/")
    return bucket, key
