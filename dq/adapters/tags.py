"""Tags of S3 objects: `dq-verdict` and `dq-run-id`, on what was published or on what landed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq.adapters.base import each
from dq.errors import StoreError
from dq.stores.s3 import S3Store
from dq.stores.s3.keys import SCHEME, parts_of_url, path_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dq.adapters.base import Event, Shown
    from dq.ir.contract import Contract
    from dq.ir.data import DataFile
    from dq.ir.result import Decision
    from dq.stores.s3.access import Access

_AT_ONCE = 16
_MOST = 10  # tags that S3 lets an object have


class Tags:
    """Of what is published. Nobody else tags it: tags are replaced."""

    name, at, versions = "tags.published", "", True

    def __init__(self, access: Access) -> None:
        self.access = access

    def follow(self, contract: Contract, shown: Mapping[str, Shown], keys: Sequence[str]) -> None:
        wanted = [(x, _ours(shown[key].decision)) for key in keys for x in shown[key].locations]
        each(wanted, lambda pair: self._tag(*pair), _AT_ONCE)

    def _tag(self, location: str, tags: dict[str, str]) -> None:
        zone, path = _at(location, self.access)
        zone.tag(path, tags)


class LandingTags:
    """Of what landed, quarantined or not, while it is what was judged. Tags of others stay."""

    name = "tags.landing"

    def __init__(self, access: Access) -> None:
        self.access = access

    def tell(self, events: Sequence[Event]) -> None:
        """The last word on each object counts."""
        latest = {f.location: (f, e.decision) for e in events for f in e.decision.files}
        each(latest.values(), lambda pair: self._tag(*pair), _AT_ONCE)

    def _tag(self, file: DataFile, decision: Decision) -> None:
        zone, path = _at(file.location, self.access)
        found = zone.stat(path)
        if found is None or found.signature != file.signature:
            return  # what lies there now has a decision of its own, or will have
        tags = zone.tags(path)
        wanted = {**tags, **_ours(decision)}
        if len(wanted) > _MOST:
            raise StoreError(f"{file.location} has {len(tags)} tags, and S3 allows {_MOST}: remove some of them")
        if wanted != tags:
            zone.tag(path, wanted)


def _ours(decision: Decision) -> dict[str, str]:
    return {"dq-verdict": decision.verdict.value, "dq-run-id": decision.run_id}


def _at(location: str, access: Access) -> tuple[S3Store, str]:
    bucket, key = parts_of_url(location)
    return S3Store(f"{SCHEME}{bucket}", access=access), path_of(key)
