"""Conditions on attributes (filter.proto)."""

from __future__ import annotations

from samekind.errors import BadRequest
from samekind.filters import Compare, Every, Exists, Filter, Not, OneOf, Operator, Some, check
from samekind.v1 import filter_pb2 as pb
from samekind.wire.contents import number, utf8
from samekind.wire.values import read_value, value

OPERATORS = {
    pb.OPERATOR_EQUAL: Operator.EQUAL,
    pb.OPERATOR_NOT_EQUAL: Operator.NOT_EQUAL,
    pb.OPERATOR_LESS: Operator.LESS,
    pb.OPERATOR_LESS_OR_EQUAL: Operator.LESS_OR_EQUAL,
    pb.OPERATOR_GREATER: Operator.GREATER,
    pb.OPERATOR_GREATER_OR_EQUAL: Operator.GREATER_OR_EQUAL,
    pb.OPERATOR_CONTAINS: Operator.CONTAINS,
}


def filter_message(given: Filter) -> pb.Filter:
    """The message of a condition. Raises BadRequest for one too deep or too wide, or a value that no attribute can hold."""
    if not isinstance(given, Filter):
        raise TypeError(f"a condition is made with F, as in F.price < 20, not {given!r:.100}")
    check(given)
    return _message(given)


def read_filter(message: pb.Filter) -> Filter:
    """The condition of a message. Raises BadRequest where it is empty."""
    match message.WhichOneof("condition"):
        case "compare":
            compare = message.compare
            return Compare(compare.attribute, _operator(compare.operator), read_value(compare.value))
        case "one_of":
            return OneOf(message.one_of.attribute, tuple(map(read_value, message.one_of.values)))
        case "exists":
            return Exists(message.exists)
        case "every":
            return Every(tuple(map(read_filter, message.every.filters)))
        case "some":
            return Some(tuple(map(read_filter, message.some.filters)))
        case "negated":
            return Not(read_filter(message.negated))
    raise BadRequest("a condition is empty; give it one of its kinds, or leave the filter out")


def _message(given: Filter) -> pb.Filter:
    match given:
        case Compare(name, how, held):
            return pb.Filter(compare=pb.Comparison(attribute=utf8(name), operator=number(OPERATORS, how), value=value(held)))
        case OneOf(name, values):
            return pb.Filter(one_of=pb.OneOf(attribute=utf8(name), values=map(value, values)))
        case Exists(name):
            return pb.Filter(exists=utf8(name))
        case Every(filters):
            return pb.Filter(every=pb.Filters(filters=map(_message, filters)))
        case Some(filters):
            return pb.Filter(some=pb.Filters(filters=map(_message, filters)))
        case Not(inner):
            return pb.Filter(negated=_message(inner))
    raise TypeError(f"no condition: {given!r:.100}")


def _operator(number: pb.Operator) -> Operator:
    if number not in OPERATORS:
        raise BadRequest(f"operator {number} is not known; send OPERATOR_EQUAL or another of its kind")
    return OPERATORS[number]
