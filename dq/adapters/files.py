"""Files in the curated zone for readers that do not know the gate's pointers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from dq.adapters.base import each, write
from dq.adapters.glue import key_text
from dq.errors import StoreError
from dq.ir.data import PINNED
from dq.ir.document import lines, manifest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dq.adapters.base import Shown
    from dq.ir.contract import Contract
    from dq.ir.data import DataFile
    from dq.stores.base import Store

_SUCCESS = "_SUCCESS"


class Symlink:
    """`<source>/_symlink_format_manifest/<key>=<value>/manifest` lists the files of a partition, for Athena, Presto and
    Spark."""

    name, at, versions = "symlink", "", False

    def __init__(self, curated: Store) -> None:
        self.curated = curated

    def follow(self, contract: Contract, shown: Mapping[str, Shown], keys: Sequence[str]) -> None:
        folders: dict[str, list[str]] = {}
        for one in shown.values():
            folders.setdefault(_folder(one), []).extend(one.locations)

        def list_in(folder: str) -> None:
            path = "/".join(p for p in (contract.source, "_symlink_format_manifest", folder, "manifest") if p)
            write(
                self.curated, path, "".join(f"{x}\n" for x in lines(folders[folder])).encode("utf-8", "surrogateescape")
            )

        each(dict.fromkeys(_folder(shown[key]) for key in keys), list_in, self.curated.at_once)


def _folder(one: Shown) -> str:
    return "/".join(f"{name}={quote(key_text(value), safe=' +,@')}" for name, value in one.values)


class Manifest:
    """A ManifestFile of SageMaker at a key that stays: all that readers see of the source."""

    name, versions = "manifest", False

    def __init__(self, curated: Store, key: str) -> None:
        self.curated, self.key, self.at = curated, key, key

    def follow(self, contract: Contract, shown: Mapping[str, Shown], keys: Sequence[str]) -> None:
        locations = [x for _, one in sorted(shown.items()) for x in one.locations]
        write(self.curated, self.key.format(source=contract.source), manifest(locations).encode())


class Flat:
    """Copies of the files at `<source>/<partition>`, for readers that only know folders. They come one by one, and
    `_SUCCESS` is there when all are; a partition that is one file needs none."""

    name, at, versions = "flat", "", False

    def __init__(self, curated: Store) -> None:
        self.curated = curated

    def follow(self, contract: Contract, shown: Mapping[str, Shown], keys: Sequence[str]) -> None:
        for key in keys:
            folder, one = f"{contract.source}/{key}", shown[key]
            if [f.path for f in one.publication.files] == [key.rsplit("/", 1)[-1]]:
                self._copy(one, one.publication.files[0], folder)
            else:
                self._copy_all(one, folder)

    def _copy_all(self, one: Shown, folder: str) -> None:
        wanted = {f"{folder}/{f.path}": f for f in one.publication.files}
        self.curated.remove(f"{folder}/{_SUCCESS}")
        each(wanted.items(), lambda pair: self._copy(one, pair[1], pair[0]), self.curated.at_once)
        for entry in list(self.curated.list(folder)):
            inside = entry.path.removeprefix(f"{folder}/")
            if entry.path not in wanted and not (inside.startswith("_") and "/" not in inside):
                self.curated.remove(entry.path)
        self.curated.put_if_absent(f"{folder}/{_SUCCESS}", b"")

    def _copy(self, one: Shown, file: DataFile, path: str) -> None:
        source = f"{one.publication.path}/{file.path}"
        location, kept = self.curated.location(source), self.curated.stat(source)
        etag = kept.signature.rpartition("@")[0] if kept else ""
        known = PINNED + etag.strip('"') if file.digest.startswith(PINNED) else file.digest
        if kept is None or self.curated.copy_in(location, path, kept.signature, known) != known:
            raise StoreError(f"{location} is not what was published: restore it, or land the partition again")
