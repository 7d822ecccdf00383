"""Every exception the gate raises on purpose. A class owns its exit code.

    DQError                     1  never raised itself
    ├── UsageError              2  path, flag, column or source named by a person does not exist
    │   └── ConfigError         2  dq.toml or DQ_* is wrong
    ├── SuiteError              2  a suite cannot be read: file, line and key are in the message
    ├── HoldError               3  the gate's own fault; the same bytes may end differently next time
    │   ├── EngineError         3  an engine failed on readable data
    │   ├── StoreError          3  I/O on a zone failed
    │   │   ├── ZoneFault       3  a zone takes nothing now: full, read-only, not mounted
    │   │   ├── PublishConflict 3  another run decided or published first
    │   │   └── PublishUnknown  3  the commit may have happened: reconcile by reading
    │   └── SourceChanged       3  landing changed while it was judged
    └── ContractViolation       1  Result.raise_for_failure() at the API's edge

Data that fails is a result, not an exception. Messages say where, what was asked, what was found and the nearest fix.
"""

from __future__ import annotations

import errno
import os
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


_PASSWORD = re.compile(r"(?<=://)[^\s/@]*@")
_SIGNED = r"""s3://[^\s?"']*\?(?=[^\s"']*X-Amz-)"""  # nobody signs these, but who takes a signed URL for one
_QUERY = re.compile(rf"""(https?://[^\s?"']*\?|{_SIGNED})[^\s"']*?(?=:?(?:[\s"']|$))""")


def without_secrets(text: str) -> str:
    """With no password in any URL, and no query of one of the web: it may be signed."""
    return _QUERY.sub(r"\1…", _PASSWORD.sub("", text))


class DQError(Exception):
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(without_secrets(message))


class UsageError(DQError):
    exit_code = 2


class ConfigError(UsageError):
    pass


class SuiteError(DQError):
    """A suite that cannot be read; `line` counts from 1."""

    exit_code = 2

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None) -> None:
        self.file = file
        self.line = line
        where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(where + message)


class HoldError(DQError):
    exit_code = 3


class EngineError(HoldError):
    pass


class StoreError(HoldError):
    pass


class ZoneFault(StoreError):
    pass


class PublishConflict(StoreError):
    pass


class PublishUnknown(StoreError):
    pass


class SourceChanged(HoldError):
    pass


class ContractViolation(DQError):
    pass


class DatasetContractWarning(UserWarning):
    """In tests: a check of severity `warn` failed, or could not be judged."""


def said_by_system(error: OSError) -> str:
    """What the operating system refused, and its code: `/tmp/x: No space left on device (ENOSPC)`."""
    name = f"{error.filename}: " if error.filename is not None else ""
    return f"{name}{error.strerror or 'refused'} ({errno.errorcode.get(error.errno or 0, type(error).__name__)})"


def refused(error: OSError) -> str:
    """What the operating system refused of a file that is named before, and who is to be let in."""
    step = f"; let user {os.geteuid()} read it" if error.errno in (errno.EACCES, errno.EPERM) else ""
    return f"{error.strerror}{step}"


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean "x"?)`, or an empty string when nothing is near."""
    originals = {k.lower(): k for k in known}
    match = get_close_matches(name.lower(), originals, n=1, cutoff=0.65)
    return f' (did you mean "{originals[match[0]]}"?)' if match else ""
