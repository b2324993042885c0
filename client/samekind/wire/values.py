"""Attributes' values: None, bool, int, float, str, datetime and lists of these (Value in content.proto)."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp

from samekind.errors import BadRequest
from samekind.types import Scalar, Value
from samekind.v1 import content_pb2 as words
from samekind.wire.contents import utf8

EPOCH, SECOND, DAY = datetime(1970, 1, 1, tzinfo=UTC), 10**9, 86_400


def value(given: Value) -> words.Value:
    """The message of an attribute's value. Raises BadRequest for what it cannot hold."""
    plain = given.item() if isinstance(given, np.generic) else given
    match plain:
        case None:
            return words.Value(null_value=words.NULL_VALUE_UNSPECIFIED)
        case bool():
            return words.Value(bool_value=plain)
        case int() if -(2**63) <= plain < 2**63:
            return words.Value(int_value=plain)
        case float() if math.isfinite(plain):
            return words.Value(double_value=plain)
        case str():
            return words.Value(string_value=utf8(plain))
        case datetime() if plain.tzinfo is not None:
            return _moment(plain)
        case list():
            return words.Value(list_value=words.ListValue(values=map(value, plain)))
    raise BadRequest(f"{_misfit(plain)}: {plain!r:.100}")


def read_value(message: words.Value) -> Value:
    """The value of a message; a moment is a datetime in UTC. Raises BadRequest where it is empty, not finite, or no moment of the years 1 to 9999."""
    match message.WhichOneof("kind"):
        case None:
            raise BadRequest("a value is empty; give it one of its kinds, null_value for none")
        case "null_value":
            return None
        case "timestamp_value":
            return read_moment(message.timestamp_value)
        case "list_value":
            return [read_value(each) for each in message.list_value.values]
        case "double_value" if not math.isfinite(message.double_value):
            raise BadRequest(f"{_misfit(message.double_value)}: {message.double_value}")
        case kind:
            scalar: Scalar = getattr(message, kind)
            return scalar


def moment(given: datetime) -> Timestamp:
    """The message of a moment; it has a time zone, and is one of the years 1 to 9999 in UTC. protobuf's own way takes ten times as long."""
    message = Timestamp()
    put_moment(message, given)
    return message


def put_moment(message: Timestamp, given: datetime) -> None:
    """Writes it into an empty message that is in its place already."""
    since = given - EPOCH
    message.seconds, message.nanos = DAY * since.days + since.seconds, 1000 * since.microseconds


def read_moment(message: Timestamp) -> datetime:
    """The moment of a message, in UTC. Raises BadRequest where it is none of the years 1 to 9999."""
    seconds, nanos = message.seconds, message.nanos
    try:
        if 0 <= nanos < SECOND:
            return EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    except OverflowError:
        pass
    raise BadRequest(f"a moment is outside the years 1 to 9999: {seconds} s since 1970")


def _misfit(given: object) -> str:
    match given:
        case int():
            return "a whole number is past 64 bits; use a float or a str"
        case float():
            return "a number is not finite; use None for a missing one"
        case datetime():
            return "a moment has no time zone; use datetime(..., tzinfo=UTC)"
    return f"an attribute cannot hold {type(given).__name__}; use None, bool, int, float, str, datetime or a list of these"


def _moment(given: datetime) -> words.Value:
    message = words.Value()
    try:
        message.timestamp_value.FromDatetime(given.astimezone(UTC))
    except (OverflowError, ValueError):
        raise BadRequest(f"a moment is outside the years 1 to 9999 in UTC: {given}") from None
    return message
