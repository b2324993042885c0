"""How a key is written: `sk_ID_SECRET` with a checksum, so that a mistyped one is told before it is sent."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID, SECRET, CHECKSUM = 8, 43, 6
FORM = re.compile(rf"sk_([0-9A-Za-z]{{{ID}}})_([0-9A-Za-z]{{{SECRET}}})([0-9A-Za-z]{{{CHECKSUM}}})")


@dataclass(frozen=True)
class Written:
    """A key's two parts: the id may be shown, the secret never."""

    id: str
    secret: str


def write(id: str, secret: str) -> str:
    """The key as its holder keeps it."""
    return f"sk_{id}_{secret}{_checksum(id, secret)}"


def read(key: str) -> Written | None:
    """The parts of a key; None for what is no whole key of samekind's."""
    found = FORM.fullmatch(key)
    if not found or _checksum(found[1], found[2]) != found[3]:
        return None
    return Written(found[1], found[2])


def check(key: str) -> None:
    """Raises ValueError for what cannot be a key, without telling it; one of another form (a proxy's) passes."""
    if not (key.isascii() and key.isprintable()):
        raise ValueError("a key is of printable ASCII characters, without a line's end")
    if key.startswith("sk_") and not read(key):
        raise ValueError(f"the key has a mistake in its {len(key)} characters, or is cut: its checksum does not fit; copy it again")


def _checksum(id: str, secret: str) -> str:
    left, digits = zlib.crc32(f"{id}_{secret}".encode()), ""
    for _ in range(CHECKSUM):
        left, digit = divmod(left, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
