"""A chain over the records of a source: each link names records by digest and the link before it by its own.

Whoever changes or removes a record, or a link that another one follows, is found out. Who may write to the zone can
take the last links away together with their records, and put in records of their own before the next run seals them:
against those stand the zone's permissions.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, TypeAlias

from dq.errors import StoreError
from dq.stores.base import answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dq.stores.base import Store

Told: TypeAlias = "tuple[str, str]"
"""Path and digest."""


class Chain:
    """Of the records below `folders`, and of the document that `beside` tells of a record; links lie in `folder`."""

    def __init__(
        self, store: Store, folder: str, folders: tuple[str, ...], beside: Callable[[str], str | None]
    ) -> None:
        self.store, self.folder, self.folders, self._beside = store, folder, folders, beside

    def seal(self, written: Mapping[str, str], documents: Mapping[str, Told], count: int, at: str) -> None:
        """Add a link for the records written (digest by path) and their `documents`, those of them that are known by
        record. Where it does not add up to the `count` of records that there are, a run ended before it sealed its own:
        then those that no link names are sealed too."""
        while True:
            n = self._last()
            records = dict(written)
            if (self._link(n)["count"] if n else 0) + len(written) != count:
                sealed = self._sealed(n)
                paths = [p for p in self._paths() if p not in sealed]
                records |= zip(paths, answers(self.store, self.store.digest, paths), strict=True)
                count = len(sealed) + len(records)
            if not records:
                return
            unknown = [path for path in records if path not in documents]
            told = (*documents.values(), *answers(self.store, self._document, unknown))
            link = {
                "schema": "dq.audit/1", "n": n + 1, "at": at, "count": count,
                "previous": self.store.digest(self._path(n)) if n else "",
                "records": records, "documents": dict(filter(None, told)),
            }  # fmt: skip
            if self.store.put_if_absent(self._path(n + 1), json.dumps(link, ensure_ascii=False).encode()):
                return

    def verify(self) -> Iterator[str]:
        """What does not fit: links and records that were changed or removed. Records that are not sealed yet are not
        told: the next run seals them."""
        sealed: dict[str, str] = {}
        for n in range(1, self._last() + 1):
            try:
                link = self._link(n)
            except StoreError as error:
                yield str(error)
                continue
            if link["previous"] != self._digest(n - 1):
                yield f"{self._path(n - 1)}: changed after {self._path(n)} followed it"
            for path, digest in (link["records"] | link["documents"]).items():
                if sealed.setdefault(path, digest) != digest:
                    yield f"{path}: sealed twice, and not alike"
        for path, found in zip(sealed, answers(self.store, self._digest_at, sealed), strict=True):
            if found != sealed[path]:
                yield f"{path}: changed" if found else f"{path}: removed"

    def _path(self, n: int) -> str:
        return f"{self.folder}/{n}.json"

    def _last(self) -> int:
        names = [e.path.rsplit("/", 1)[-1].removesuffix(".json") for e in self.store.list(self.folder)]
        return max((int(n) for n in names if n.isdecimal()), default=0)

    def _digest(self, n: int) -> str:
        return self._digest_at(self._path(n)) if n else ""

    def _digest_at(self, path: str) -> str:
        """An empty text where nothing is."""
        content = self.store.read(path)
        return "" if content is None else digest_of(content)

    def _document(self, record: str) -> Told | None:
        document = self._beside(record)
        digest = self._digest_at(document) if document else ""
        return (document, digest) if document and digest else None

    def _link(self, n: int) -> dict[str, Any]:
        content = self.store.read(self._path(n))
        if content is None:
            raise StoreError(f"{self._path(n)}: removed")
        try:
            link: dict[str, Any] = json.loads(content)
            if (
                link["schema"] == "dq.audit/1"
                and link["n"] == n
                and isinstance(link["records"] | link["documents"], dict)
            ):
                return link
        except (ValueError, TypeError, KeyError):
            pass
        raise StoreError(f"{self._path(n)}: no link that the gate wrote")

    def _sealed(self, last: int) -> set[str]:
        return {path for n in range(1, last + 1) for path in self._link(n)["records"]}

    def _paths(self) -> Iterator[str]:
        for folder in self.folders:
            for entry in self.store.list(folder):
                if not entry.path.rsplit("/", 1)[-1].startswith("."):
                    yield entry.path


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
