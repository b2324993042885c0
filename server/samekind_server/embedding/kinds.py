"""Tells what kind of file some bytes are by how they begin, images and what is mistaken for them."""

import codecs
import struct

# Where a kind of file bears its mark: (offset, bytes, kind).
_CERTAIN = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "a BigTIFF"),
    (0, b"MM\0+", "a BigTIFF"),
    (8, b"WEBP", "WebP"),
    (0, b"%PDF", "a PDF"),
    (4, b"ftypavi", "an AVIF image"),
    (4, b"ftyphe", "a HEIC image"),
    (4, b"ftypmif1", "a HEIC image"),
    (4, b"ftypmsf1", "a HEIC image"),
    (4, b"ftyp", "an MP4 or QuickTime video"),
    (4, b"JXL ", "a JPEG XL image"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (4, b"jP  ", "a JPEG 2000 image"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"\0\0\1\0", "a Windows icon"),
    (0, b"PK\3\4", "a zip archive or an office document"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (8, b"AVI ", "an AVI video"),
    (8, b"WAVE", "WAV audio"),
    (0, b"OggS", "an Ogg recording"),
    (0, b"fLaC", "FLAC audio"),
    (0, b"\x7fELF", "a program"),
)
# Marks that a text may begin with too.
_SHORT_MARKS = (
    (0, b"BM", "BMP"),
    (0, b"ID3", "MP3 audio"),
    (0, b"MZ", "a program"),
)
# How a text begins that was sent in an image's place.
_TEXTS = (
    ("<svg", "an SVG drawing"),
    ("<!doctype html", "an HTML page"),
    ("<html", "an HTML page"),
    ("data:image", "a data: URL, which is to be decoded first"),
    ("/9j/", "base64 text, which is to be decoded first"),
    ("ivborw0kgg", "base64 text, which is to be decoded first"),
)
_OFFSETS = {273, 279, 324, 325}  # a TIFF's tags for where its strips and tiles are, and how long


def kind_of(data: bytes) -> str:
    """`JPEG`, `PNG`, `WebP`, `GIF`, `BMP` or `TIFF`; of anything else what it looks like, in words for a message."""
    return _marked(data, _CERTAIN) or _text(data) or _marked(data, _SHORT_MARKS) or "nothing known"


def tiff_strips(data: bytes) -> int:
    """How many strips or tiles a TIFF declares, read from its first directory. Raises struct.error where that is cut off."""
    order = "<" if data.startswith(b"II") else ">"
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (length,) = struct.unpack_from(f"{order}H", data, start)
    entries = [struct.unpack_from(f"{order}HHI", data, start + 2 + 12 * place) for place in range(length)]
    return max((count for tag, _, count in entries if tag in _OFFSETS), default=0)


def _marked(data: bytes, marks: tuple[tuple[int, bytes, str], ...]) -> str | None:
    return next((kind for offset, mark, kind in marks if data.startswith(mark, offset)), None)


def _text(data: bytes) -> str | None:
    try:
        head = codecs.getincrementaldecoder("utf-8-sig")().decode(data[:400]).lower()
    except UnicodeDecodeError:
        return None
    if not all(letter.isprintable() or letter.isspace() for letter in head):
        return None
    return next((kind for beginning, kind in _TEXTS if head.lstrip().startswith(beginning)), "text")
