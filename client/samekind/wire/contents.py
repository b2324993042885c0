"""The words every service shares: contents, vectors, what happens to long texts, the report (content.proto)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from samekind.errors import BadRequest, BadVector, Unimplemented
from samekind.types import Content, Floats, Image, LongText, Precision, Report, Text, Vector
from samekind.v1 import content_pb2 as words

Number = TypeVar("Number", bound=int)
Named = TypeVar("Named")

DTYPES = {words.DTYPE_UNSPECIFIED: "<f4", words.DTYPE_FLOAT32: "<f4", words.DTYPE_FLOAT16: "<f2"}
LONG_TEXTS = {
    words.LONG_TEXT_UNSPECIFIED: LongText.TRUNCATE,
    words.LONG_TEXT_TRUNCATE: LongText.TRUNCATE,
    words.LONG_TEXT_REJECT: LongText.REJECT,
    words.LONG_TEXT_WINDOWS: LongText.WINDOWS,
}
PRECISIONS = {words.PRECISION_UNSPECIFIED: None, words.PRECISION_EXACT: Precision.EXACT, words.PRECISION_FAST: Precision.FAST}


def content(value: Content) -> words.Content:
    """The message of a content; an image's source has to be bytes already (see inputs)."""
    match value:
        case Text(text):
            return words.Content(text=utf8(text))
        case Image(bytes(data)):
            return words.Content(image=words.Image(data=data))
        case Vector(values, space):
            return words.Content(vector=vectors(_row(values), space))
    raise TypeError(f"a content is a Text, an Image of bytes or a Vector, not {value!r:.100}")


def read_content(message: words.Content) -> Content:
    """The content of a message; an image's source is bytes. Raises BadRequest where it is empty, BadVector where the vector is not one row."""
    match message.WhichOneof("content"):
        case "text":
            return Text(message.text)
        case "image":
            return Image(message.image.data)
        case "vector":
            return _read_vector(message.vector)
    raise BadRequest("a content is empty; give it a text, an image or a vector")


def vectors(rows: Floats, space: str, *, half: bool = False) -> words.Vectors:
    """The message of a (rows, dimensions) matrix, as float32 or, `half`, float16."""
    dtype = words.DTYPE_FLOAT16 if half else words.DTYPE_FLOAT32
    data = np.ascontiguousarray(rows, dtype=DTYPES[dtype]).tobytes()
    return words.Vectors(data=data, rows=rows.shape[0], dimensions=rows.shape[1], dtype=dtype, space=utf8(space))


def read_vectors(message: words.Vectors) -> Floats:
    """The (rows, dimensions) float32 matrix of a message. Raises BadVector where its bytes do not fill that shape."""
    if message.dtype not in DTYPES:
        raise BadVector(f"the vectors' dtype {message.dtype} is not known; send DTYPE_FLOAT32 or DTYPE_FLOAT16")
    kind = np.dtype(DTYPES[message.dtype])
    wanted = message.rows * message.dimensions * kind.itemsize
    if len(message.data) != wanted:
        shape = f"{message.rows} by {message.dimensions} numbers of {kind.itemsize} bytes"
        raise BadVector(f"the vectors' data has {len(message.data)} bytes where {shape} take {wanted}")
    return np.frombuffer(message.data, kind).reshape(message.rows, message.dimensions).astype(np.float32)


def long_text(value: LongText) -> words.LongText:
    """The enum of what happens to long texts."""
    return number(LONG_TEXTS, value)


def read_long_text(number: words.LongText) -> LongText:
    """What happens to long texts. Raises BadRequest for a number that is not one of the enum."""
    if number not in LONG_TEXTS:
        raise BadRequest(f"long_text {number} is not known; send LONG_TEXT_TRUNCATE, LONG_TEXT_REJECT or LONG_TEXT_WINDOWS")
    return LONG_TEXTS[number]


def read_wanted_long_text(number: words.LongText) -> LongText | None:
    """What is to happen to long texts, None where nothing is said. Raises BadRequest for a number that is not one of the enum."""
    return read_long_text(number) if number else None


def report(value: Report) -> words.Report:
    """The message of a report."""
    return words.Report(
        model=value.model,
        space=value.space,
        precision=number(PRECISIONS, value.precision),
        wait_ms=value.wait_ms,
        decode_ms=value.decode_ms,
        compute_ms=value.compute_ms,
    )


def read_report(message: words.Report) -> Report:
    """The report of a message."""
    precision = known(PRECISIONS, message.precision, "precision")
    return Report(message.model, message.space, precision, message.wait_ms, message.decode_ms, message.compute_ms)


def number(table: dict[Number, Named], value: Named) -> Number:
    """The enum's number of a value; of several, the last: an UNSPECIFIED stands before the one it means."""
    return next(each for each in reversed(table) if table[each] == value)


def known(table: Mapping[Number, Named], given: Number, what: str) -> Named:
    """The value of an enum's number in an answer. Raises Unimplemented where the server is newer than this client."""
    if given not in table:
        raise Unimplemented(f"the server speaks of a {what} {given} that this client does not know; upgrade samekind")
    return table[given]


def utf8(text: str) -> str:
    """The text itself. Raises BadRequest where it cannot be written as UTF-8, TypeError for what is no text."""
    if not isinstance(text, str):
        raise TypeError(f"ids and texts are str, not {type(text).__name__}: {text!r:.60}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(f"the text {text!r:.60} holds half a character at {error.start} and is not Unicode; repair or remove it") from None
    return text


def _row(values: Floats) -> Floats:
    row = np.asarray(values, dtype=np.float32)
    if row.ndim != 1:
        raise BadVector(f"a content's vector has shape (dimensions,), not {row.shape}; give each row as a Vector of its own")
    return row[None]


def _read_vector(message: words.Vectors) -> Vector:
    if message.rows != 1:
        raise BadVector(f"a content's vector has exactly one row, not {message.rows}")
    return Vector(read_vectors(message)[0], message.space)
