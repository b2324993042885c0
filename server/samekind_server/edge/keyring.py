"""The keys of a file as they stand now: looked at in each call, and the last good ones kept where a new file is damaged."""

from __future__ import annotations

import hmac
import logging
import os
import stat
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path

from samekind import keys as written
from samekind.errors import SettingError, Unauthenticated
from samekind_server.edge import keys
from samekind_server.edge.keys import Key

NOBODY = written.Written("", "")
NO_DIGEST = "0" * 64
ASK = (
    "this server asks for a key and was given none that it knows; send one (key=..., --key, SAMEKIND_KEY or authorization: Bearer KEY), "
    "`samekind keys add NAME` makes one"
)
log = logging.getLogger(__name__)


class Keyring:
    """Keys are asked for once the file is there, even without a key in it, and from then on until the process ends.

    Raises SettingError where the file is damaged at the start, or is not there and `wanted` says it has to be.
    """

    def __init__(self, path: Path, *, wanted: bool = False, changed: Callable[[Collection[Key]], None] | None = None) -> None:
        self.path = path
        self._changed = changed
        self._keys: dict[str, Key] | None = None
        self._seen = self._look()
        if self._seen or wanted:
            self._take(keys.load(path))

    def __len__(self) -> int:
        return len(self._keys or ())

    @property
    def on(self) -> bool:
        """Whether calls needed a key when the file was last looked at."""
        return self._keys is not None

    def asks(self) -> bool:
        """Whether a call needs a key, by the file as it is now; about two microseconds where it has not changed."""
        if (seen := self._look()) != self._seen:
            self._seen = seen
            self._read_again()
        return self.on

    def find(self, given: str) -> Key:
        """The key that `given` is. Raises Unauthenticated: a wrong key and none at all look alike and take the same work."""
        parts = written.read(given) or NOBODY
        key = (self._keys or {}).get(parts.id)
        same = hmac.compare_digest(keys.digest(parts.secret), key.sha256 if key else NO_DIGEST)
        if not key or not same:
            raise Unauthenticated(ASK)
        _check_date(key)
        return key

    def check(self, key: Key) -> None:
        """Raises Unauthenticated where a key that was found before is there no more, or has expired since."""
        self.asks()
        if (self._keys or {}).get(key.id) != key:
            raise Unauthenticated(f"the key {key.name!r} was taken away or changed since this call began; ask again, with a key that holds")
        _check_date(key)

    def _look(self) -> tuple[int, ...]:
        """What changes when the file does; () where it is not there."""
        try:
            found = os.stat(self.path)
        except OSError:
            return ()
        return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode

    def _read_again(self) -> None:
        try:
            self._take(keys.load(self.path))
            log.info("%d keys are read from %s", len(self), self.path)
        except SettingError as error:
            self._keys = self._keys or {}
            log.error("the %d keys read before hold: %s", len(self), error)

    def _take(self, read: Collection[Key]) -> None:
        self._keys = {key.id: key for key in read}
        if self._changed:
            self._changed(read)
        if self._seen and self._seen[3] & (stat.S_IWGRP | stat.S_IWOTH | stat.S_IROTH):
            log.warning("others than its owner may read or change the keys %s; set its mode to 0600", self.path)


def _check_date(key: Key) -> None:
    if key.expired(datetime.now(UTC)):
        raise Unauthenticated(f"the key {key.name!r} has expired ({key.expires}); ask for a new one")
