"""A checksum for each row, so that what the disk changed is told from what was written."""

from __future__ import annotations

import zlib

from samekind_server.store.base import Cell

HEADS = {kind: kind.__name__.encode() + b"%d" for kind in (type(None), bool, int, float, str, bytes)}


def checksum(*cells: Cell) -> int:
    """Each cell counts with its kind and length, so that none passes for its neighbour's part."""
    parts = list[bytes]()
    for cell in cells:
        data = cell if isinstance(cell, bytes) else str(cell).encode(errors="surrogatepass")
        parts += (HEADS[type(cell)] % len(data), data)
    return zlib.crc32(b"".join(parts))
