"""One thread that tends every index: it puts waiting rows in their graphs, step by step, each index in its turn."""

from __future__ import annotations

import logging
import threading

from samekind_server.index.base import Index
from samekind_server.threads import give_way

AGAIN = 5.0  # Seconds until an index that failed is tended again.
LOG = logging.getLogger(__name__)


class Tender:
    """Its `wake` is what an index calls when there is something to do."""

    def __init__(self) -> None:
        self._indexes: dict[int, Index] = {}
        self._awake, self._ending = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="index-tender", daemon=True)
        self._thread.start()

    def add(self, index: Index) -> None:
        """Tends it from now on."""
        self._indexes = {**self._indexes, id(index): index}
        self.wake()

    def discard(self, index: Index) -> None:
        """Tends it no more; a step under way may still end."""
        self._indexes = {key: one for key, one in self._indexes.items() if one is not index}

    def wake(self) -> None:
        """Looks at every index again."""
        self._awake.set()

    def close(self) -> None:
        """Ends the step under way, then itself."""
        self._ending = True
        self._awake.set()
        self._thread.join()

    def _run(self) -> None:
        give_way()
        failed = False
        while not self._ending:
            self._awake.wait(AGAIN if failed else None)
            self._awake.clear()
            failed, busy = False, True
            while busy and not self._ending:
                done = [self._tended(index) for index in self._indexes.values()]
                busy, failed = True in done, failed or None in done

    def _tended(self, index: Index) -> bool | None:
        """Whether it had something to do; None where it failed."""
        try:
            return index.tend()
        except Exception:
            LOG.exception("an index could not be tended; it answers exactly, and is tended again in %g s", AGAIN)
            return None
