"""Which adapters dq.toml switches on, and whether they can work on these zones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dq.adapters import ADAPTERS
from dq.errors import ConfigError
from dq.opening import attribute
from dq.outbox import Outbox
from dq.reach import access_of
from dq.spool import is_remote

if TYPE_CHECKING:
    from dq.config import Config
    from dq.gate import Zones


def outbox_of(config: Config, zones: Zones) -> Outbox:
    """Raises ConfigError where an adapter needs a zone that is not there, or not on S3."""
    wanted, access = config.adapters, access_of(config)
    followers: list[Any] = []
    messengers: list[Any] = []
    for name in ("symlink", "manifest", "flat", "glue"):
        if (options := getattr(wanted, name)) is not None:
            if zones.pinned:
                raise ConfigError(
                    f'{config.file}: adapters.{name} cannot tell of versions: mode = "copy" in [publish], or without it'
                )
            given = {"access": access} if name == "glue" else {}
            followers.append(_made(name, curated=_on_s3(config, name, zones.curated), **given, **dict(options)))
    for place in wanted.tags.on if wanted.tags is not None else ():
        _on_s3(config, "tags", zones.curated if place == "published" else zones.landing)
        (followers if place == "published" else messengers).append(_made(f"tags.{place}", access=access))
    for name in ("sns", "eventbridge"):
        if (options := getattr(wanted, name)) is not None:
            messengers.append(_made(name, access=access, **dict(options)))
    return Outbox(tuple(followers), tuple(messengers))


def _made(name: str, **given: Any) -> Any:
    return attribute(ADAPTERS[name])(**given)


def _on_s3(config: Config, name: str, zone: Any) -> Any:
    if zone is None or not is_remote(zone.url):
        told = "there is none" if zone is None else f"it is {zone.url}"
        raise ConfigError(f"{config.file}: adapters.{name} needs its zone on S3, and {told}")
    return zone
