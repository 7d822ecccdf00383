"""How a bucket is reached. Credentials come from where AWS's own tools find them, and from nowhere else."""

from __future__ import annotations

import base64
import os
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from dq.errors import ConfigError

_ENCRYPTED = {"put_object", "copy_object", "create_multipart_upload"}
_COPIES = {"copy_object", "upload_part_copy"}
_SEALED = {"get_object", "head_object", "upload_part", "upload_part_copy", "complete_multipart_upload", *_ENCRYPTED}
_CONNECT_SECONDS, _READ_SECONDS = 2, 60
TRIES = 4
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Access:
    """What is None is left to the AWS configuration of whoever runs the gate (`AWS_*`, `~/.aws/config`, a role).

    `owner` is the account that buckets must belong to: no request goes to a bucket of anybody else. With a
    `customer_key` all objects, of all zones, are encrypted with it (SSE-C).
    """

    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None
    path_style: bool = False
    encryption: str | None = None  # AES256 | aws:kms
    kms_key: str | None = None
    requester_pays: bool = False
    owner: str | None = None
    customer_key: bytes | None = field(default=None, repr=False)

    def asked(self, operation: str) -> dict[str, str | bytes]:
        """What goes with every request of the kind."""
        found: dict[str, str | bytes] = {}
        if self.owner:
            found["ExpectedBucketOwner"] = self.owner
            if operation in _COPIES:
                found["ExpectedSourceBucketOwner"] = self.owner
        if self.requester_pays and operation != "get_bucket_versioning":
            found["RequestPayer"] = "requester"
        if operation in _ENCRYPTED and self.encryption:
            found["ServerSideEncryption"] = self.encryption
            if self.kms_key:
                found["SSEKMSKeyId"] = self.kms_key
        if self.customer_key:
            for side in (*([""] * (operation in _SEALED)), *(["CopySource"] * (operation in _COPIES))):
                found |= {f"{side}SSECustomerAlgorithm": "AES256", f"{side}SSECustomerKey": self.customer_key}
        return found

    def doubts(self) -> str:
        """What S3 denies just so, though everything is allowed."""
        own = f"the bucket is not of account {self.owner} ([s3] owner)" if self.owner else ""
        sealed = "the object has another key than [s3] customer_key_file" if self.customer_key else ""
        return f", unless {' or '.join(filter(None, (own, sealed)))}" if own or sealed else ""

    @property
    def clients(self) -> tuple[Any, Any]:
        """One that tries again by itself, and one that does not: of a conditional write somebody must know whether an
        earlier try may have happened."""
        return _clients(self)

    def client(self, service: str, region: str | None = None) -> Any:
        """Of another service of AWS. `endpoint` is of S3 alone; AWS_ENDPOINT_URL is of all."""
        return _client(self, service, region or self.region)


def read_customer_key(path: str) -> bytes:
    """32 bytes, or base64 of them. Raises ConfigError, which does not quote them."""
    try:
        found = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"[s3] customer_key_file: {path}: {error.strerror}") from None
    if len(found) != _KEY_BYTES:
        with suppress(ValueError):
            found = base64.b64decode(found.strip(), validate=True)
    if len(found) != _KEY_BYTES:
        raise ConfigError(f"[s3] customer_key_file: {path}: a key is {_KEY_BYTES} bytes, or base64 of them")
    return found


@cache
def _clients(access: Access) -> tuple[Any, Any]:
    made = [_made(access, "s3", access.region, tries) for tries in (TRIES, 1)]
    return made[0], made[1]


@cache
def _client(access: Access, service: str, region: str | None) -> Any:
    return _made(access, service, region, TRIES)


def _made(access: Access, service: str, region: str | None, tries: int) -> Any:
    import boto3
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, NoRegionError

    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": tries},
        max_pool_connections=32,
        s3={"addressing_style": "path"} if access.path_style else None,
        user_agent_extra="dq-gate",
    )
    endpoint = access.endpoint if service == "s3" else None
    try:
        here = region or os.environ.get("AWS_REGION")  # of which boto3 takes no notice
        core = botocore.session.get_session()
        core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
        session = boto3.session.Session(profile_name=access.profile, region_name=here, botocore_session=core)
        return session.client(service, endpoint_url=endpoint, config=config)
    except NoRegionError:
        raise ConfigError(f"{service.upper()}: no region: set `region` in [s3] of dq.toml, or AWS_REGION") from None
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(f"{service.upper()}: {error}") from None


def _moment(told: str | float) -> datetime:
    """Of each key that is listed: botocore's own way takes twice as long as all else about a listing."""
    if isinstance(told, str) and told.endswith("Z"):
        with suppress(ValueError):
            return datetime.fromisoformat(told)
    from botocore.utils import parse_timestamp

    found: datetime = parse_timestamp(told)
    return found
