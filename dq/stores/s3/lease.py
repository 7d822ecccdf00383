"""A lock that is an object: whoever creates it holds it, and must write it anew now and then, or another takes it over.
For efficiency only. Its age is told by the clock of S3, never by ours."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
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
        self._owner, self._n = uuid4().hex, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="dq-lease", daemon=True)

    def take(self) -> None:
        """Waits for whoever holds it."""
        for n in range(1_000_000):
            if self._store.put_if_absent(self._path, self._content()):
                break
            found = self._store.aged(self._path)
            if found is not None and found[1] > SECONDS and self._swapped(found[0]):
                break
            if n == len(_PAUSES):
                log.info("%s: waiting for another gate", self._path)
            time.sleep(_PAUSES[min(n, len(_PAUSES) - 1)])
        self._thread.start()

    def give_back(self) -> None:
        self._over.set()
        self._thread.join()
        with suppress(StoreError):  # it runs out
            if self._store.read(self._path) == self._content():
                self._store.remove(self._path)

    def _content(self) -> bytes:
        return f"{self._owner} {self._n}".encode()

    def _swapped(self, seen: bytes) -> bool:
        before, self._n = self._n, self._n + 1
        if self._store.swap(self._path, self._content(), seen):
            return True
        self._n = before
        return False

    def _renew(self) -> None:
        while not self._over.wait(RENEW_SECONDS):
            with suppress(StoreError):
                if not self._swapped(self._content()):
                    return  # taken over
