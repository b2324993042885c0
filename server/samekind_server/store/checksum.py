"""A checksum for each row, so that what the disk changed is told from what was written."""

from __future__ import annotations

import zlib

from samekind_server.store.base import Cell


def checksum(*cells: Cell) -> int:
    """Each cell counts with its kind and length, so that none passes for its neighbour's part."""
    total = 0
    for cell in cells:
        data = cell if isinstance(cell, bytes) else str(cell).encode(errors="surrogatepass")
        total = zlib.crc32(data, zlib.crc32(f"{type(cell).__name__}{len(data)}".encode(), total))
    return total
