"""A lock that is an object: whoever creates it holds it, and must write it anew now and then, or another takes it over.
For efficiency only. Its age is told by the clock of S3, never by ours."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING
from uuid import uuid4

from dq.errors import StoreError

if TYPE_CHECKING:
    from dq.stores.s3 import S3Store

SECONDS = 30.0  # without a word, and it is over
RENEW_SECONDS = 8.0
_PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
log = logging.getLogger("dq")


class Lease:
    def __init__(self, store: S3Store, path: str) -> None:
        self._store, self._path = store, path
        self._owner, self._words = uuid4().hex, count()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="dq-lease", daemon=True)

    def take(self) -> None:
        """Waits for whoever holds it."""
        for n in count():
            if self._store.put_if_absent(self._path, self._word()):
                break
            found = self._store.aged(self._path)
            if found is not None and found[1] > SECONDS and self._store.swap(self._path, self._word(), found[0]):
                break
            if n == len(_PAUSES):
                log.info("%s: waiting for another gate", self._store.location(self._path))
            time.sleep(_PAUSES[min(n, len(_PAUSES) - 1)])
        self._thread.start()

    def give_back(self) -> None:
        self._over.set()
        self._thread.join()
        with suppress(StoreError):  # it runs out
            if self._is_mine(self._store.read(self._path)):
                self._store.remove(self._path)

    def _word(self) -> bytes:
        """No two are alike: nobody takes a lease for what it was."""
        return f"{self._owner} {next(self._words)}".encode()

    def _is_mine(self, content: bytes | None) -> bool:
        return content is not None and content.startswith(self._owner.encode())

    def _renew(self) -> None:
        """Until it is over, or somebody else's."""
        while not self._over.wait(RENEW_SECONDS):
            with suppress(StoreError):
                seen = self._store.read(self._path)
                if seen is None or not self._is_mine(seen):
                    return
                self._store.swap(self._path, self._word(), seen)
