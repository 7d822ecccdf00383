"""What S3 refused, in one line: where, what, and what to do. Nothing that a server wrote is repeated but its code."""

from __future__ import annotations

import re
import shlex
from typing import Any

from dq.errors import StoreError, ZoneFault

RESTORED_DAYS = 7  # for so long a restored copy stays
ARCHIVED = {"InvalidObjectState", "ObjectNotInActiveTierError"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
_WRONG_KEYS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
}
_ELSEWHERE = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301", "307"}
_NO_BUCKET = {"NoSuchBucket", "InvalidBucketName"}
_BUSY = {"SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"}
_SKEWED = "RequestTimeTooSkewed"
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")
_ASKED = re.compile(r"not authorized to perform: (s3|kms):([A-Za-z]{1,40})(?= |$)")
_KEY = re.compile(r"arn:aws[a-z-]{0,12}:kms:[a-z0-9-]{1,30}:\d{12}:key/[A-Za-z0-9-]{1,64}")
_DENIES = re.compile(
    r"explicit deny in an? (identity-based|resource-based|service control|session|VPC endpoint) policy"
)
_ALWAYS = {  # in an answer of the kind; where it is missing the answer was cut off
    "list_objects_v2": {"IsTruncated"}, "get_object": {"ETag", "ContentLength", "LastModified"},
    "head_object": {"ETag", "ContentLength", "LastModified"}, "create_multipart_upload": {"UploadId"},
    "list_multipart_uploads": {"IsTruncated"}, "put_object": {"ETag"}, "upload_part": {"ETag"},
    "upload_part_copy": {"CopyPartResult"},
}  # fmt: skip
_ACTIONS = {
    "list_objects_v2": "s3:ListBucket", "get_object": "s3:GetObject", "head_object": "s3:GetObject",
    "put_object": "s3:PutObject", "copy_object": "s3:PutObject",
    "delete_objects": "s3:DeleteObject", "create_multipart_upload": "s3:PutObject", "upload_part": "s3:PutObject",
    "upload_part_copy": "s3:PutObject", "complete_multipart_upload": "s3:PutObject",
    "abort_multipart_upload": "s3:AbortMultipartUpload",
    "list_multipart_uploads": "s3:ListBucketMultipartUploads", "restore_object": "s3:RestoreObject",
    "get_bucket_versioning": "s3:GetBucketVersioning",
    "put_object_tagging": "s3:PutObjectTagging", "get_object_tagging": "s3:GetObjectTagging",
}  # fmt: skip


class Refused(StoreError):
    """`status` is that of HTTP, 0 where no answer came. `passing`: asked again it may go well. `unknown`: it may have
    been done all the same."""

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.passing = status in (0, 409) or status >= 500 or code in _BUSY
        self.unknown = status == 0 or (status >= 500 and code not in _BUSY)

    @property
    def absent(self) -> bool:
        return self.status == 404 and self.code != "NoSuchBucket"


class ZoneRefused(Refused, ZoneFault):
    """Not of the object it was met at: the next one would end alike."""


class NoBucket(ZoneRefused):
    """Whoever named it is to mend the name."""

    exit_code = 2


class CutOff(StoreError):
    """An answer that began well and did not arrive whole."""


def is_whole(operation: str, answer: dict[str, Any]) -> bool:
    """An answer that ends among its headers, or before its body, looks to botocore like one that tells of nothing."""
    return _ALWAYS.get(operation, set()) <= answer.keys()


def unreadable(operation: str, bucket: str, key: str) -> Refused:
    return Refused(f"s3://{bucket}/{_shown(key)}: the answer to {operation} does not arrive whole: run it again later")


def _shown(key: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in key)


def status_of(error: Exception) -> int:
    """That of HTTP; 0 where no answer came."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def said(
    error: Exception, operation: str, bucket: str, key: str, doubts: str = "", *, pinned: bool = False
) -> StoreError:
    """The error of botocore as one of ours. `doubts`: what else may be denied like what is not allowed. `pinned`: an
    object that landed was to be read."""
    key = _shown(key)
    response: dict[str, Any] = getattr(error, "response", {}) or {}
    code = code_of(error)
    where = f"s3://{bucket}/{key}" if key and code != "NoSuchBucket" else f"s3://{bucket}"
    if _is_endless(error):
        return ZoneFault(f"{where}: it sends everybody elsewhere: mend region or endpoint in [s3] of dq.toml")
    if not response:
        return unanswered(error, where)
    status = status_of(error)
    kind = NoBucket if code in _NO_BUCKET else ZoneRefused if _is_of_all(code, status, pinned) else Refused
    why = _why(code, status, response, operation, bucket, key)
    return kind(f"{where}: {why}{doubts * (code == 'AccessDenied')}", status, code)


def _is_of_all(code: str, status: int, pinned: bool) -> bool:
    """Who landed an object may keep it from being read; everything else a bucket denies of every object."""
    if code in {_SKEWED} | _EXPIRED | _WRONG_KEYS | _ELSEWHERE | _BUSY or status >= 500:
        return True
    return (status == 403 or code.startswith("KMS")) and not pinned and code not in ARCHIVED


def _is_endless(error: BaseException | None) -> bool:
    """Whether botocore followed a redirect that names no region until the stack was full; what its HTTP client was at
    by then it calls a fault of that."""
    while error is not None and not isinstance(error, RecursionError):
        error = error.__context__
    return error is not None


def code_of(error: Exception) -> str:
    """As the server calls it, where that looks like a name."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    code = str(response.get("Error", {}).get("Code", ""))
    return code if _CODE.fullmatch(code) else "Error"


def _why(code: str, status: int, response: dict[str, Any], operation: str, bucket: str, key: str) -> str:
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if code == "NoSuchBucket":
        return "no such bucket (NoSuchBucket): mend its name, or make it"
    if code == "InvalidBucketName":
        return "no bucket can have this name (InvalidBucketName): mend it"
    if code in ARCHIVED:
        return f"archived ({code}): {restore(bucket, key, tiered='AccessTier' in response)}"
    if code in _ELSEWHERE:
        region = _region(headers, response) or "another region"
        return f"the bucket is in {region} ({code}): set AWS_REGION, or region in [s3] of dq.toml"
    if common := usual(code, status):
        return common
    if code == "KeyTooLongError":
        return "no key of S3 is longer than 1,024 bytes (KeyTooLongError): land it under a shorter name"
    if code.startswith("KMS"):
        return f"the key of its encryption is refused ({code}): allow kms:Decrypt to read, kms:GenerateDataKey to write"
    if status == 400 and operation == "get_object":
        return f"refused ({code}): either of the two, the object or [s3] customer_key_file, knows a key of SSE-C"
    if status == 403:
        return f"access denied ({code}): allow {_permission(response, operation, bucket, key)}"
    if status == 404:
        return f"no such object ({code})"
    if status == 412:
        return f"is not what it was ({code})"
    return f"{operation} was refused ({code or status})"


def usual(code: str, status: int) -> str:
    """What any service of AWS may refuse, or an empty text."""
    if code in _EXPIRED:
        return f"the AWS credentials have expired ({code}): renew them, then run it again"
    if code in _WRONG_KEYS:
        return f"the AWS credentials are not valid here ({code}): see  aws sts get-caller-identity"
    if code == _SKEWED:
        return f"the clock here is minutes off ({code}): set it, then run it again"
    if code in _BUSY or status >= 500:
        return f"AWS does not manage it now ({code}): run it again later"
    return ""


def _region(headers: dict[str, str], response: dict[str, Any]) -> str:
    found = headers.get("x-amz-bucket-region") or str(response.get("Error", {}).get("Region", ""))
    return found if re.fullmatch("[a-z0-9-]{1,30}", found) else ""


def _permission(response: dict[str, Any], operation: str, bucket: str, key: str) -> str:
    """What is to be allowed, and on what: as S3 says it, else as the operation needs it."""
    message = str(response.get("Error", {}).get("Message", ""))
    asked, denied, kms = _ASKED.search(message), _DENIES.search(message), _KEY.search(message)
    target = f"arn:aws:s3:::{bucket}" + (f"/{key}" if key and not operation.startswith("list_") else "")
    action = _ACTIONS.get(operation, operation)
    if asked:
        action = f"{asked[1]}:{asked[2]}"
        if asked[1] == "kms":
            target = kms[0] if kms else f"the key that encrypts {target}"
        elif asked[2] == "ListBucket":
            target = f"arn:aws:s3:::{bucket}"
    elif "copy" in operation:
        target += " and s3:GetObject on what is copied"
    return f"{action} on {target}" + (f"; a {denied[1]} policy denies it" if denied else "")


def restore(bucket: str, key: str, *, tiered: bool = False) -> str:
    """What S3 Intelligent-Tiering brings back stays."""
    target, asked = f"--bucket {shlex.quote(bucket)} --key {shlex.quote(key)}", f"Days={RESTORED_DAYS}"
    if tiered:
        asked = "'{}'"
    return f"aws s3api restore-object {target} --restore-request {asked}  brings it back"


def unanswered(error: Exception, where: str) -> StoreError:
    """botocore's own errors: what never reached S3, or got no answer."""
    from botocore import exceptions as known

    name = type(error).__name__
    if isinstance(error, (known.NoCredentialsError, known.PartialCredentialsError)):
        return ZoneFault(f"{where}: no AWS credentials are found: set AWS_PROFILE, or run it where a role gives them")
    if isinstance(error, (known.CredentialRetrievalError, known.TokenRetrievalError, known.UnauthorizedSSOTokenError)):
        return ZoneFault(f"{where}: AWS credentials cannot be got ({name}): sign in again")
    if isinstance(error, (known.HTTPClientError, known.ConnectionError)):  # refused, timed out, cut off
        url = getattr(error, "kwargs", {}).get("endpoint_url") or "AWS"
        return ZoneRefused(f"{where}: {str(url).split('?')[0]} does not answer ({name})")
    return StoreError(f"{where}: {name}")
