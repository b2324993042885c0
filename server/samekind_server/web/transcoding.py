"""Turns what came over HTTP into a method's request, and messages into JSON."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from samekind.errors import BadRequest, Violation
from samekind_server.web.routes import WHOLE, Route

DEEPEST = 64  # Messages within messages.
MOST = 1_000_000  # Objects and lists in one body: 64 MiB of `{},` would take gigabytes.
LARGE = 1 << 14  # Bytes from which on a thread does it, so that other calls do not wait.
OBJECT = re.compile(rb"\s*\{")
WITHIN = re.compile(r"Failed to (?:parse (\w+) field|load JSON|parse JSON): ")
FIELDS = re.compile(r"\n Available Fields\(except extensions\): \"\[(.*)\]\"")
PLACE = re.compile(r' at "?\w+?((?:\.[\w\[\].-]+)?)"?\.*(?=\n|$)')
TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True)
class Asked:
    """What a request says beside its body."""

    variables: Mapping[str, str]
    query: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Given:
    """A request that was read, or what is wrong with it: told when it is its turn, so that every layer sees the call and how it ended."""

    size: int
    read: Message | BadRequest

    def __len__(self) -> int:
        return self.size

    def message(self) -> Message:
        """The request. Raises BadRequest."""
        if isinstance(self.read, BadRequest):
            raise self.read
        return self.read


class Transcoder:
    """Has two threads for what is large: few of them are in memory in all their forms at once, and none waits for one that is huge."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, "json")

    def close(self) -> None:
        """Takes nothing more."""
        self._threads.shutdown(wait=False)

    async def given(self, route: Route, asked: Asked, body: bytes) -> Given:
        """The request of `route`."""
        if len(body) < LARGE:
            return _given(route, asked, body)
        return await asyncio.get_running_loop().run_in_executor(self._threads, _given, route, asked, body)

    async def told(self, descriptor: Descriptor, raw: bytes) -> bytes:
        """A message in its wire form, as JSON on one line."""
        if len(raw) < LARGE:
            return _told(descriptor, raw)
        return await asyncio.get_running_loop().run_in_executor(self._threads, _told, descriptor, raw)


def to_json(message: Message) -> bytes:
    """One line, with every field that has no presence, so that an answer always has the same fields."""
    return json_format.MessageToJson(message, always_print_fields_with_no_presence=True, indent=None, ensure_ascii=False).encode()


def _given(route: Route, asked: Asked, body: bytes) -> Given:
    message = message_factory.GetMessageClass(route.method.input_type)()
    try:
        _read_body(message, route.body, body)
        if route.body != WHOLE:
            _read(message, asked.query)
        _read(message, list(asked.variables.items()))
    except BadRequest as error:
        return Given(len(body), error)
    return Given(len(body), message)


def _told(descriptor: Descriptor, raw: bytes) -> bytes:
    return to_json(message_factory.GetMessageClass(descriptor).FromString(raw))


def _read_body(message: Message, field: str, body: bytes) -> None:
    if not field:
        if body.strip():
            raise _bad("body", "this route takes no body; say it in the path and after the ?")
        return
    if body.count(b"{") + body.count(b"[") > MOST:
        raise _bad("body", f"the body holds more than {MOST:,} objects and lists; ask for less at once")
    if body and not OBJECT.match(body):
        raise _bad("body", 'the body is not a JSON object, as in {"model": "mini"}')
    inner = message if field == WHOLE else getattr(message, field)
    inner.SetInParent()
    try:
        json_format.Parse(body or b"{}", inner, max_recursion_depth=DEEPEST)
    except json_format.ParseError as error:
        raise _misread(error) from None
    except UnicodeDecodeError as error:
        raise _bad("body", f"the body is not UTF-8 at byte {error.start}") from None


def _read(message: Message, pairs: Sequence[tuple[str, str]]) -> None:
    """Sets fields named by their paths, as in `label_set.name`, from text."""
    given: dict[str, Any] = {}
    for path, text in pairs:
        _set(given, message.DESCRIPTOR, path, text)
    try:
        json_format.ParseDict(given, message, max_recursion_depth=DEEPEST)
    except json_format.ParseError as error:
        raise _misread(error) from None


def _set(given: dict[str, Any], descriptor: Any, path: str, text: str) -> None:
    *outer, last = path.split(".")
    for name in outer:
        field = _field(descriptor, name, path)
        if field.message_type is None or field.is_repeated:
            raise _bad(path, f"there is no {path}: {name} holds no fields")
        descriptor, given = field.message_type, given.setdefault(field.name, {})
    field = _field(descriptor, last, path)
    value = _value(field, text)
    if field.is_repeated:
        given.setdefault(field.name, []).append(value)
    elif field.name in given:
        raise _bad(path, f"{path} is given twice")
    else:
        given[field.name] = value


def _value(field: FieldDescriptor, text: str) -> str | bool:
    """As proto3's JSON has it; a mask's names may be as in the proto too."""
    if field.message_type and field.message_type.full_name == "google.protobuf.FieldMask":
        return re.sub("_([a-z])", lambda found: found[1].upper(), text)
    return TRUTHS.get(text, text) if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL else text


def _field(descriptor: Descriptor, name: str, path: str) -> FieldDescriptor:
    """By its name in the proto or in JSON. Raises BadRequest."""
    found = descriptor.fields_by_name.get(name) or descriptor.fields_by_camelcase_name.get(name)
    if not found:
        raise _bad(path, f"there is no {path}; there are {', '.join(sorted(descriptor.fields_by_camelcase_name))}")
    return found


def _misread(error: json_format.ParseError) -> BadRequest:
    """What json_format says, and of which field."""
    told, place = str(error), PLACE.search(str(error))
    within = ".".join(name for name in WITHIN.findall(told) if name)
    field = (place[1].strip(".") if place else "") or within or "body"
    words = FIELDS.sub(lambda found: "; there are " + found[1].replace("'", ""), PLACE.sub("", WITHIN.sub("", told)))
    return _bad(field, words.replace('Message type "samekind.v1.', '"').rstrip("."))


def _bad(field: str, told: str) -> BadRequest:
    return BadRequest(f"{field}: {told}", violations=(Violation(field, told),))
