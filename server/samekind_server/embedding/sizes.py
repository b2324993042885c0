"""Reads how many pixels an image file declares from its first bytes, without decoding it."""

import struct
from collections.abc import Callable

from samekind_server.embedding.kinds import kind_of

SEGMENTS = 256  # Of a JPEG, before its size is given up on; a photograph has about ten.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_WIDTH, _HEIGHT, _SHORT = 256, 257, 3  # In a TIFF.
Size = tuple[int, int]


def declared_pixels(data: bytes) -> int:
    """Width × height as the file's header has it; 0 where it has none. It is a claim: what is decoded is checked by `images`."""
    reader = _READERS.get(kind_of(data))
    try:
        width, height = reader(data) if reader else (0, 0)
    except (struct.error, IndexError):
        return 0
    return abs(width * height)


def _jpeg(data: bytes) -> Size:
    at = 2
    for _ in range(SEGMENTS):
        marker, length = struct.unpack_from(">xBH", data, at)
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + length
    return 0, 0


def _png(data: bytes) -> Size:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> Size:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _bmp(data: bytes) -> Size:
    (header,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if header == 12 else "<ii", data, 18)
    return width, height


def _webp(data: bytes) -> Size:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    return width, height


def _tiff(data: bytes) -> Size:
    order = "<" if data.startswith(b"II") else ">"
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (length,) = struct.unpack_from(f"{order}H", data, start)
    sides = {}
    for place in range(min(length, SEGMENTS)):
        tag, kind = struct.unpack_from(f"{order}HH", data, start + 2 + 12 * place)
        (sides[tag],) = struct.unpack_from(f"{order}{'H' if kind == _SHORT else 'I'}", data, start + 10 + 12 * place)
    return sides.get(_WIDTH, 0), sides.get(_HEIGHT, 0)


_READERS: dict[str, Callable[[bytes], Size]] = {"JPEG": _jpeg, "PNG": _png, "GIF": _gif, "BMP": _bmp, "WebP": _webp, "TIFF": _tiff}
