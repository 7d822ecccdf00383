"""Append-only memory of a source in a store: decisions, documents, publications, acceptances, attempts. Records are
created if absent and never changed; of decisions on one digest the highest n stands."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from dq.audit import Chain, digest_of
from dq.drift.measured import measures
from dq.errors import StoreError
from dq.index import Index, load
from dq.ir.codec import encode
from dq.ir.layout import file_path
from dq.ir.result import Absence, Acceptance, Attempt, Decision, Delivery, Publication, Start
from dq.profile import decode as decode_profile
from dq.profile import encode as encode_profile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from dq.audit import Told
    from dq.ir.positions import Selection
    from dq.profile import Profile
    from dq.stores.base import Entry, Store


KINDS = (
    "decisions", "documents", "selections", "published", "accepted", "absent", "attempts", "starts", "delivered",
)  # fmt: skip

_SEALED = ("decisions", "published", "accepted", "absent")
log = logging.getLogger("dq")


class History:
    def __init__(self, store: Store) -> None:
        self.store = store
        self._indexes: dict[str, Index] = {}
        self._numbers = count(1)  # of records of this run that have no name of their own
        self._written: dict[str, dict[str, str]] = defaultdict(dict)  # digests of new records by path, by source
        self._documents: dict[str, dict[str, Told]] = defaultdict(dict)  # of new decisions

    def lock(self, source: str) -> AbstractContextManager[None]:
        return self.store.lock(file_path(source))

    def is_busy(self, source: str) -> bool:
        """Whether a gate is at it now."""
        return self.store.is_locked(file_path(source))

    def decisions(self, source: str) -> dict[str, dict[str, Decision]]:
        """Standing decisions: partition -> digest -> decision. Digests of a partition stand in order of decision."""
        found: dict[str, dict[str, Decision]] = defaultdict(dict)
        for _, body in self._records("decisions", source):
            one: Decision = body
            standing = found[one.partition].get(one.digest)
            if standing is None or one.n > standing.n:
                found[one.partition][one.digest] = one
        return {p: dict(sorted(by.items(), key=lambda d: d[1].decided_at)) for p, by in found.items()}

    def record(
        self, decision: Decision, document: dict[str, Any], profile: Any, selection: Selection | None = None
    ) -> Decision:
        """Write the decision as the next on its digest; returns the one that stands: another's if they were first. The
        selection of a split is written before it, so that the split can be made again."""
        if selection is not None:
            self.store.put_if_absent(_document(decision, "selections"), _dump(selection))
        learnt, states = (measures(profile), encode_profile(profile)) if profile is not None else ({}, None)
        return self._record(decision, {"measures": learnt, "document": document, "profile": states})

    def overrule(self, decision: Decision, overruled: Decision, changes: dict[str, Any]) -> Decision:
        """Like `record`, with the document of the overruled decision but for the changes, and its profile."""
        full = self._full(overruled)
        if not full:
            raise self._missing(overruled)
        return self._record(decision, {**full, "document": {**full.get("document", {}), **changes}})

    def _record(self, decision: Decision, full: dict[str, Any]) -> Decision:
        document, content = _document(decision), json.dumps(full).encode()
        new = self.store.put_if_absent(document, content)
        if not new and not self._full(decision):
            raise self._missing(decision)
        self._index("decisions", decision.source).missing += 1
        path = f"decisions/{_folder(decision.source, decision.partition)}/{decision.digest}/{decision.n}.json"
        if not self._put(decision.source, path, _dump(decision)):
            return self._load(path)  # type: ignore[no-any-return]
        if new:
            self._documents[decision.source][path] = document, digest_of(content)
        return decision

    def _missing(self, decision: Decision) -> StoreError:
        return StoreError(f"{self.store.location(_document(decision))} is said to be there, and is not")

    def settle(self, decision: Decision) -> None:
        """Nothing is moved on a decision that a power cut could take: who wrote it may have been killed at it."""
        folder = f"decisions/{_folder(decision.source, decision.partition)}/{decision.digest}"
        self.store.settle(f"{folder}/{decision.n}.json")

    def document(self, decision: Decision) -> dict[str, Any] | None:
        return self._full(decision).get("document")

    def profile(self, decision: Decision) -> Profile | None:
        """The partition's profile, to be merged with others, or None where it was not profiled. Raises ValueError for
        states of a version that is not known."""
        states = self._full(decision).get("profile")
        return None if states is None else decode_profile(states)

    def selection(self, decision: Decision) -> Selection | None:
        """What a split withholds."""
        path = _document(decision, "selections")
        return self._load(path) if self.store.exists(path) else None

    def measures(self, decision: Decision) -> tuple[dict[str, float], frozenset[str]]:
        """What is remembered of the partition's profile, and which of it was unusual then."""
        full = self._full(decision)
        flagged = full.get("document", {}).get("anomalies", ())
        return full.get("measures", {}), frozenset(a["id"] for a in flagged)

    def _full(self, decision: Decision) -> dict[str, Any]:
        content = self.store.read(_document(decision))
        return json.loads(content) if content else {}

    def publications(self, source: str) -> dict[str, list[Publication]]:
        """Commits by partition, oldest first; readers see the last."""
        found: dict[str, list[Publication]] = defaultdict(list)
        for _, one in self._records("published", source):
            found[one.partition].append(one)
        return {p: sorted(all_, key=lambda one: one.revision) for p, all_ in found.items()}

    def publish(self, publication: Publication) -> Publication:
        """Record a commit under the next free revision; one that another gate recorded of the same content stands."""
        while True:
            name = f"published/{_folder(publication.source, publication.partition)}/{publication.revision}.json"
            self._index("published", publication.source).missing += 1
            if self._put(publication.source, name, _dump(publication)):
                return publication
            first: Publication = self._load(name)
            if first.digest == publication.digest:
                return first
            publication = replace(publication, revision=publication.revision + 1)

    def acceptances(self, source: str) -> list[Acceptance]:
        return [one for _, one in self._records("accepted", source)]

    def accept(self, acceptance: Acceptance) -> None:
        folder = f"accepted/{_folder(acceptance.source, acceptance.partition)}"
        n = 1
        while not self._put(acceptance.source, f"{folder}/{n}.json", _dump(acceptance)):
            n += 1

    def absences(self, source: str) -> list[Absence]:
        return [one for _, one in self._records("absent", source)]

    def excuse(self, absence: Absence) -> Absence:
        """Record it; returns the one that stands: an earlier one."""
        path = f"absent/{_folder(absence.source, absence.partition)}/1.json"
        if self._put(absence.source, path, _dump(absence)):
            return absence
        return self._load(path)  # type: ignore[no-any-return]

    def log(self, source: str) -> list[Decision | Acceptance | Absence]:
        """Everything ever decided or said, overruled decisions too, oldest first."""
        found = [(one.decided_at, one) for _, one in self._records("decisions", source)]
        found += [(one.at, one) for kind in ("accepted", "absent") for _, one in self._records(kind, source)]
        return [one for _, one in sorted(found, key=lambda pair: pair[0])]

    def attempt(self, attempt: Attempt) -> None:
        """A hold is no decision: it leaves one line, and the partition is tried again."""
        folder = f"attempts/{_folder(attempt.source, attempt.partition)}"
        self._index("attempts", attempt.source).missing += 1
        n = 1
        while not self.store.put_if_absent(f"{folder}/{attempt.run_id}-{n}.json", _dump(attempt)):
            n += 1

    def attempts(self, source: str) -> dict[str, list[Attempt]]:
        """Holds by partition, oldest first."""
        found: dict[str, list[Attempt]] = defaultdict(list)
        for _, one in self._records("attempts", source):
            found[one.partition].append(one)
        return {k: sorted(v, key=lambda a: (a.at, a.run_id)) for k, v in found.items()}

    def deliver(self, delivery: Delivery) -> None:
        self._index("delivered", delivery.source).missing += 1
        folder = f"delivered/{file_path(delivery.source)}"
        for n in self._numbers:
            if self.store.put_if_absent(f"{folder}/{delivery.run_id}-{n}.json", _dump(delivery)):
                return

    def deliveries(self, source: str) -> list[Delivery]:
        """Oldest first."""
        return sorted((one for _, one in self._records("delivered", source)), key=lambda d: d.at)

    def begin(self, start: Start) -> None:
        n = 1
        while not self.store.put_if_absent(f"starts/{file_path(start.source)}/{n:06d}.json", _dump(start)):
            n += 1

    def start(self, source: str) -> Start | None:
        """Where the source begins: what was said last."""
        found: list[Start] = [one for _, one in self._records("starts", source)]
        return found[-1] if found else None

    def files(self, source: str) -> Iterator[Entry]:
        """Everything that lies in history of the source."""
        for kind in KINDS:
            yield from self.store.list(f"{kind}/{file_path(source)}")

    def unneeded(self, source: str) -> Iterator[Entry]:
        """Documents of decisions that were not recorded, or not by the run that wrote them."""
        decided = [one for _, one in self._records("decisions", source)]
        for kind in ("documents", "selections"):
            needed = {_document(one, kind) for one in decided}
            for entry in self.store.list(f"{kind}/{file_path(source)}"):
                if entry.path.endswith(".json") and entry.path not in needed:
                    yield entry

    def sources(self) -> list[str]:
        """Sources with any decision."""
        return sorted({unquote(e.path.split("/")[1]) for e in self.store.list("decisions")})

    def gather(self) -> None:
        """Keep what was read or written one by one where the next run reads it at once."""
        for index in self._indexes.values():
            index.gather()

    def seal(self, source: str, at: str) -> None:
        """Chain what was written, so that later changes are found out."""
        written = self._written[source]
        try:
            count = sum(self._count(kind, source) for kind in _SEALED) + len(written)
            self.chain(source).seal(written, self._documents[source], count, at)
            del self._written[source], self._documents[source]
        except StoreError as error:
            log.warning("%s: records are not sealed, the next run does it: %s", source, error)

    def _count(self, kind: str, source: str) -> int:
        """Records before this run's own."""
        index = self._index(kind, source)
        return index.total or sum(e.path not in self._written[source] for e in self.store.list(index.folder))

    def chain(self, source: str) -> Chain:
        """What tells whether a record was changed."""
        folders = tuple(f"{kind}/{file_path(source)}" for kind in _SEALED)
        return Chain(self.store, f"audit/{file_path(source)}", folders, self._beside)

    def _beside(self, path: str) -> str | None:
        return _document(self._load(path)) if path.startswith("decisions/") else None

    def _put(self, source: str, path: str, content: bytes) -> bool:
        if put := self.store.put_if_absent(path, content):
            self._written[source][path] = digest_of(content)
        return put

    def _records(self, kind: str, source: str) -> Iterator[tuple[str, Any]]:
        return self._index(kind, source).records()

    def _index(self, kind: str, source: str) -> Index:
        folder = f"{kind}/{file_path(source)}"
        return self._indexes.setdefault(folder, Index(self.store, folder))

    def _load(self, path: str) -> Any:
        return load(self.store, path)


def _dump(record: Any) -> bytes:
    return json.dumps(encode(record), separators=(",", ":"), ensure_ascii=False).encode()


def _document(decision: Decision, kind: str = "documents") -> str:
    """Named after the run too: a decision that lost the race keeps its document beside the winner's."""
    name = f"{decision.digest}-{decision.n}-{decision.run_id}.json"
    return f"{kind}/{_folder(decision.source, decision.partition)}/{name}"


def _folder(source: str, partition: str) -> str:
    """Where records of a partition lie."""
    return f"{file_path(source)}/{file_path(partition)}"
