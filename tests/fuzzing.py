"""Makes requests that no client would send, and asks them of a server, over the wire or of its parts in this process."""

import asyncio
import io
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import grpc
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from PIL import Image as Pillow

from samekind_server.composing import SERVICES, Parts, composed
from samekind_server.data_dir import DataDir
from samekind_server.edge.drain import Drain
from samekind_server.edge.guard import Guard
from samekind_server.edge.handlers import Handler
from samekind_server.settings import Settings
from samekind_server.store.sqlite import SqliteStore
from samekind_server.web.context import Context
from samekind_server.web.methods import Methods, behaviour

METHODS = [method for name in SERVICES for method in Default().FindServiceByName(name).methods]
KINDS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WebP")
STATUS = "google.rpc.Status"
AT_ONCE = 64
DEEPEST = 6
KEPT = 64
MIB = 1 << 20
Send: TypeAlias = Callable[[MethodDescriptor, bytes], Awaitable[list[bytes]]]
Meant = Mapping[str, tuple[Any, ...]]
# What a client could mean, by the field's name, so that some requests get past the rules and leave something behind.
MEANT: Meant = {
    "catalog": ("pets", "mini", "cat"),
    "etag": ("", "", "x"),
    "id": ("a", "b", "a red cat"),
    "item": ("a", "b", "a red cat"),
    "label_set": ("pets", "mini@1"),
    "min_probability": (0.0, 0.5),
    "model": ("", "mini"),
    "name": ("pets", "mini", "cat"),
    "names": ("pets", "mini"),
    "page_size": (0, 1),
    "page_token": ("",),
    "parent": ("", "cat"),
    "paths": ("labels", "model", "templates", "*"),
    "request_id": ("", "a", "b"),
    "template_set": ("", "plain"),
    "templates": ("a {}",),
}


@dataclass
class Found:
    """The codes that calls ended with, and those that contents failed with in answers."""

    calls: Counter[str] = field(default_factory=Counter)
    contents: Counter[int] = field(default_factory=Counter)
    first: dict[str, tuple[str, str]] = field(default_factory=dict)  # The method and request, in hex, that first ended with each code.

    def with_(self, more: "Found") -> "Found":
        """Both."""
        return Found(self.calls + more.calls, self.contents + more.contents, more.first | self.first)


async def fuzz(address: str, calls: int, seed: int) -> Found:
    """Sends a server so many calls."""
    options = [("grpc.enable_retries", 0), ("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        return await asked(partial(_sent, channel), calls, seed)


async def asked(send: Send, calls: int, seed: int) -> Found:
    """What came of so many calls, each method in turn; the same ones for the same seed."""
    found, numbers = Found(), iter(range(seed, seed + calls))

    async def caller() -> None:
        for number in numbers:
            method = METHODS[number % len(METHODS)]
            code = await _call(send, method, data := request(method, Random(number)), found)
            found.first.setdefault(code, (method.name, data.hex()))
            found.calls[code] += 1

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return found


def main() -> None:
    """With FOLDER and CALLS as arguments: asks the parts of a server there, and tells what came of it."""
    print(json.dumps(asyncio.run(_inside(Path(sys.argv[1]), int(sys.argv[2])))))


def request(method: MethodDescriptor, chance: Random) -> bytes:
    """A message of the method's form, whole, with its bytes damaged, or any bytes at all."""
    how = chance.random()
    if how < 0.1:
        return chance.randbytes(chance.randrange(200))
    return _whole(method, chance) if how < 0.5 else damaged(_kept(method, chance.randrange(KEPT)), chance)


@cache
def _kept(method: MethodDescriptor, number: int) -> bytes:
    """One of a few whole messages: damaging is cheap, and each is damaged in many ways."""
    return _whole(method, Random(number))


def _whole(method: MethodDescriptor, chance: Random) -> bytes:
    return filled(method.input_type, chance, meant=MEANT if chance.random() < 0.5 else {}).SerializeToString()


def filled(descriptor: Descriptor, chance: Random, depth: int = 0, *, meant: Meant) -> Message:
    """A message whose fields hold anything that its types let them, right or wrong."""
    message = GetMessageClass(descriptor)()
    for each in descriptor.fields:
        if chance.random() < 0.3 or (each.message_type and depth > DEEPEST):
            continue
        for _ in range(chance.choice((0, 1, 1, 2, 5)) if each.is_repeated else 1):
            _fill(message, each, chance, depth, meant)
    return message


def damaged(data: bytes, chance: Random) -> bytes:
    """The same bytes with some of them flipped, left out, repeated, or cut off."""
    some = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        at, length = chance.randrange(len(some) + 1), chance.randrange(9)
        match chance.randrange(4):
            case 0:
                some[at : at + length] = chance.randbytes(length)
            case 1:
                del some[at : at + length]
            case 2:
                some[at:at] = some[at : at + 8 * length]
            case 3:
                del some[at + len(some) // 2 :]
    return bytes(some)


def _fill(message: Any, each: FieldDescriptor, chance: Random, depth: int, meant: Meant) -> None:
    if each.message_type:
        value = filled(each.message_type, chance, depth + 1, meant=meant).SerializeToString()
        message.MergeFromString(_varint(each.number << 3 | 2) + _varint(len(value)) + value)
    elif each.is_repeated:
        getattr(message, each.name).append(_value(each, chance, meant))
    else:
        setattr(message, each.name, _value(each, chance, meant))


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _value(each: FieldDescriptor, chance: Random, meant: Meant) -> Any:
    if each.name in meant:
        return chance.choice(meant[each.name])
    match each.type:
        case FieldDescriptor.TYPE_BYTES:
            return damaged(chance.choice(_pictures()), chance) if chance.random() < 0.7 else chance.randbytes(chance.choice((0, 1, 512, 1024)))
        case FieldDescriptor.TYPE_STRING:
            return chance.choice(("", "mini", "a red cat", "photo", "{}", "\0", "\ud7ff🐈" * chance.randrange(40), "x" * chance.randrange(5000)))
        case FieldDescriptor.TYPE_BOOL:
            return chance.random() < 0.5
        case FieldDescriptor.TYPE_ENUM:
            return chance.choice((0, 1, 2, 99))
        case FieldDescriptor.TYPE_FLOAT | FieldDescriptor.TYPE_DOUBLE:
            return chance.choice((0.0, 0.5, -1.0, 1e300, float("nan"), float("inf")))
        case _:
            return chance.choice((0, 1, 2, 64, 256, 2**31 - 1))


@cache
def _pictures() -> list[bytes]:
    made = []
    for kind in KINDS:
        Pillow.radial_gradient("L").resize((24, 40)).convert("RGB").save(file := io.BytesIO(), kind)
        made.append(file.getvalue())
    return made


class Inside(Methods):
    """The methods of a server behind its interceptors, asked for in the wire's form and with no wire between."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.interceptors)
        for add in parts.servicers:
            add(self)

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """Called by the generated code."""
        self._handlers |= {f"{service}/{name}": handler for name, handler in handlers.items()}

    async def send(self, method: MethodDescriptor, data: bytes) -> list[bytes]:
        """The answers. Raises AbortError."""
        answers: list[bytes] = []

        async def write(answer: bytes) -> None:
            answers.append(answer)

        handler = await self.handler(f"{method.containing_service.full_name}/{method.name}", ())
        context = Context((), "ipv4:127.0.0.1:1", None, write)
        try:
            answer = await behaviour(handler)(_one(data) if handler.request_streaming else data, context)
        except grpc.aio.AbortError as error:
            raise Refused(context.code().name) from error
        return answers if answer is None else [answer]


class Refused(Exception):
    """The code that a call ended with."""


async def _one(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _inside(folder: Path, calls: int) -> Mapping[str, Any]:
    settings = Settings(data=str(folder), offline=True, text_cache_bytes=MIB, label_cache_bytes=MIB)
    with DataDir(folder) as data, closing(SqliteStore(folder)) as store, Guard(folder) as guard:
        parts = await composed(settings, data, store, guard, [], drain := Drain())
        send = Inside(parts).send
        first = await asked(send, calls // 4, 0)
        before = resident(os.getpid())
        then = await asked(send, calls - calls // 4, calls // 4)
        grown = resident(os.getpid()) - before
        await parts.end(drain, 0)
    return vars(first.with_(then)) | {"grown": grown}


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def _sent(channel: grpc.aio.Channel, method: MethodDescriptor, data: bytes) -> list[bytes]:
    path = f"/{method.containing_service.full_name}/{method.name}"
    try:
        if method.client_streaming or method.server_streaming:
            return [answer async for answer in channel.stream_stream(path)(iter([data]), timeout=60)]
        return [await channel.unary_unary(path)(data, timeout=60)]
    except grpc.aio.AioRpcError as error:
        raise Refused(error.code().name) from error


async def _call(send: Send, method: MethodDescriptor, data: bytes, found: Found) -> str:
    try:
        answers = await send(method, data)
    except Refused as refused:
        return str(refused)
    read = GetMessageClass(method.output_type).FromString
    found.contents.update(status.code for answer in answers for status in _statuses(read(answer)))
    return "OK"


def _statuses(message: Any) -> Iterator[Any]:
    """Every google.rpc.Status in a message, however deep."""
    for each, value in message.ListFields():
        if not each.message_type or each.message_type.GetOptions().map_entry:  # No map holds a status.
            continue
        for inner in value if each.is_repeated else [value]:
            yield from [inner] if inner.DESCRIPTOR.full_name == STATUS else _statuses(inner)
