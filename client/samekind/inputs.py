"""What a caller may give, made into contents and labels; files are read and pictures encoded here."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from samekind.errors import BadImage, BadRequest, Violation
from samekind.types import ById, Content, Image, Label, Labels, Term, Text, Vector

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Given: TypeAlias = "str | Path | bytes | Text | Image | Vector | Picture | NDArray[Any]"
GivenLabels: TypeAlias = Labels | Mapping[str, str | Sequence[str]] | Iterable[str | Label]

# What PNG holds as it is. On a photo level 1 takes two thirds of the default level's time for a twentieth more bytes.
PNG_MODES = ("1", "L", "LA", "I;16", "P", "RGB", "RGBA")
PNG_LEVEL = 1


def is_one(given: object) -> TypeGuard[Given]:
    """Whether this is one content rather than several."""
    single = (str, os.PathLike, bytes, bytearray, memoryview, Text, Image, Vector, np.ndarray)
    return isinstance(given, single) or _is_picture(given)


def content(given: Given) -> Content:
    """The content given, a file read and a picture encoded without loss. Raises BadImage where a file cannot be read.

    A `str` is always text. A PIL image is its pixels as they are: no EXIF orientation is applied to it.
    """
    match given:
        case str():
            return Text(given)
        case Text() | Vector():
            return given
        case Image(source):
            return Image(_file(source))
    return Image(_file(given))


def term(given: Term) -> Term:
    """The term with its file read or its picture encoded."""
    return given if isinstance(given.content, ById) else replace(given, content=content(given.content))


def names(given: Sequence[str]) -> tuple[str, ...]:
    """One name, or several."""
    return (given,) if isinstance(given, str) else tuple(given)


def labels(given: GivenLabels, templates: str | Sequence[str] = "photo") -> Labels:
    """Labels of names, of names with descriptions, or ready ones; `templates` is a set's name, one's own sentence with a `{}`, or several."""
    if isinstance(given, Labels):
        return given
    if isinstance(given, str):
        raise TypeError(f"labels are a list of names, e.g. {given.split(',')}, not one str")
    pairs = given.items() if isinstance(given, Mapping) else ((each, ()) for each in given)
    made = tuple(_label(name, descriptions) for name, descriptions in pairs)
    if isinstance(templates, str) and "{" not in templates:
        return Labels(made, templates)
    return Labels(made, templates=(templates,) if isinstance(templates, str) else tuple(templates))


def count(name: str, given: int, *, least: int = 0) -> int:
    """The number itself. Raises BadRequest where it is less than it may be."""
    if given < least:
        raise BadRequest(f"{name} is {least} or more, not {given}", violations=(Violation(name, f"is {least} or more"),))
    return given


def _label(name: object, descriptions: str | Iterable[str]) -> Label:
    if isinstance(name, Label):
        return name
    texts = (descriptions,) if isinstance(descriptions, str) else tuple(descriptions)
    for text in (name, *texts):
        if not isinstance(text, str):
            raise TypeError(f"a label's name and descriptions are str, not {text!r:.100}")
    return Label(str(name), texts)


def _file(source: object) -> bytes:
    match source:
        case bytes():
            return source
        case bytearray() | memoryview():
            return bytes(source)
        case str() | os.PathLike():
            return _read(Path(source))
        case np.ndarray():
            return _png(_picture(source))
    if _is_picture(source):
        return _png(source)
    raise TypeError(
        f"a content is a str (text), Path, bytes, Text, Image, Vector, PIL image or uint8 array, not {type(source).__name__}: {source!r:.100}"
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        way_out = "; give the files in it one by one" if path.is_dir() else ""
        raise BadImage(f"cannot read {path}: {error.strerror}{way_out}", metadata={"path": str(path)}) from error


def _is_picture(given: object) -> TypeGuard[Picture]:
    # A PIL image exists only where PIL is imported already; importing it here would slow everyone else's start.
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(given, pillow.Image)


def _picture(array: NDArray[Any]) -> Picture:
    if array.ndim == 1 and array.dtype.kind == "f":
        raise TypeError("an array of numbers bears no space; give Vector(values, space)")
    pixels = array.dtype == np.uint8 and array.size and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4)))
    if not pixels:
        raise TypeError(f"an image array is uint8 of (h, w), (h, w, 3) or (h, w, 4), not {array.dtype} of {array.shape}")
    from PIL.Image import fromarray

    return fromarray(np.ascontiguousarray(array))


def _png(picture: Picture) -> bytes:
    file = io.BytesIO()
    try:
        whole = picture if picture.mode in PNG_MODES else picture.convert("RGB")
        whole.save(file, "PNG", compress_level=PNG_LEVEL)
    except (OSError, ValueError, SyntaxError) as error:
        raise BadImage(f"cannot encode a PIL image of mode {picture.mode} and size {picture.size}: {error}") from error
    return file.getvalue()
