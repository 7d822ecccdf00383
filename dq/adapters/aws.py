"""Services of AWS beside S3: what they refuse is one line with the permission that is missing."""

from __future__ import annotations

from typing import Any

from dq.errors import StoreError
from dq.stores.s3.faults import Refused, code_of, status_of, unanswered, usual

_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException"}


def ask(client: Any, operation: str, on: str, *, permission: str, **asked: Any) -> dict[str, Any]:
    """One request about `on`. Raises Refused, StoreError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer: dict[str, Any] = getattr(client, operation)(**asked)
    except (ClientError, BotoCoreError) as error:
        raise _said(error, on, permission) from error
    return answer


def _said(error: Exception, on: str, permission: str) -> StoreError:
    status = status_of(error)
    if not status:
        return unanswered(error, on)
    code = code_of(error)
    return Refused(f"{on}: {refusal(code, status, permission)}", status, code)


def refusal(code: str, status: int, permission: str) -> str:
    if code in _DENIED:
        return f"access denied ({code}): allow {permission}"
    return usual(code, status) or f"{permission} was refused ({code})"
