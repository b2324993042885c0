"""`Client` and `AsyncClient`: two short lists over the same builders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeAlias

import grpc
from google.protobuf.message import Message

from samekind import calls, catalog_calls, label_set_calls, streams
from samekind.batches import Asked, Call, Failing, Item, Later, Part, Response, Result, Streamed, serialized
from samekind.catalog_calls import Opening
from samekind.catalogs import AsyncCatalogHandle, CatalogHandle
from samekind.config import Way, connected
from samekind.connection import Connection
from samekind.label_set_calls import Kept
from samekind.label_sets import AsyncLabelSetHandle, LabelSetHandle
from samekind.methods import described

P = ParamSpec("P")
Ask: TypeAlias = "grpc.UnaryUnaryMultiCallable[Message, Response]"
AioAsk: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[Message, Response]"

TIMEOUT = 300.0


def connect(
    target: str | None = None,
    *,
    key: str | None = None,
    tls: bool | str | Path | None = None,
    certificate: tuple[str | Path, str | Path] | None = None,
    timeout: float | None = TIMEOUT,
) -> Client:
    """A client of the server at `target`, `host:port`; it connects when it is first asked.

    What is not given is taken from the environment (SAMEKIND_SERVER, _KEY, _TLS, _CA, _CERT and _CERT_KEY), or else from the user's
    file, ~/.config/samekind/config.toml, where that tells of this server; `key=""` and `tls=False` are given. The server is else localhost:50051.

    `tls` is True for the public roots, or a file with the CA's certificate; `certificate` is (certificate, key), two files,
    for a server that wants to know its clients. `timeout` is in seconds for each request; what is streamed has so long for each message of it.
    """
    return Client(connected(Way(target, key, tls, certificate), timeout=timeout))


def aconnect(
    target: str | None = None,
    *,
    key: str | None = None,
    tls: bool | str | Path | None = None,
    certificate: tuple[str | Path, str | Path] | None = None,
    timeout: float | None = TIMEOUT,
) -> AsyncClient:
    """The async twin of `connect`."""
    return AsyncClient(connected(Way(target, key, tls, certificate), timeout=timeout))


def _blocking(build: Callable[P, Asked[Result, Later]]) -> Callable[Concatenate[Client, P], Result]:
    """The builder as a method that waits for the answer, or gives answers as they come."""

    def ask(client: Client, /, *args: P.args, **kwargs: P.kwargs) -> Result:
        return build(*args, **kwargs).by(client)

    return described(ask, build)


def _awaited(build: Callable[P, Asked[Result, Later]]) -> Callable[Concatenate[AsyncClient, P], Later]:
    """The builder as a method to await, or to iterate over."""

    def ask(client: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> Later:
        return build(*args, **kwargs).awaited_by(client)

    return described(ask, build)


def _opened(build: Callable[P, Call[Response, Item, Kept]]) -> Callable[Concatenate[Client, P], LabelSetHandle]:
    """The builder as a method that answers a handle."""

    def ask(client: Client, /, *args: P.args, **kwargs: P.kwargs) -> LabelSetHandle:
        return LabelSetHandle(client, client._run(build(*args, **kwargs)))

    return described(ask, build)


def _async_opened(build: Callable[P, Call[Response, Item, Kept]]) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, AsyncLabelSetHandle]]:
    """The builder as a method to await that answers a handle."""

    async def ask(client: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncLabelSetHandle:
        return AsyncLabelSetHandle(client, await client._run(build(*args, **kwargs)))

    return described(ask, build)


def _catalog_opened(build: Callable[P, Opening]) -> Callable[Concatenate[Client, P], CatalogHandle]:
    """The builder as a method that answers a handle."""

    def ask(client: Client, /, *args: P.args, **kwargs: P.kwargs) -> CatalogHandle:
        return CatalogHandle(client, build(*args, **kwargs).by(client))

    return described(ask, build)


def _async_catalog_opened(build: Callable[P, Opening]) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, AsyncCatalogHandle]]:
    """The builder as a method to await that answers a handle."""

    async def ask(client: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncCatalogHandle:
        return AsyncCatalogHandle(client, await build(*args, **kwargs).awaited_by(client))

    return described(ask, build)


class Client:
    """Asks one server, from any number of threads; use it with `with`, or close it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._channel = connection.channel()

    classify = _blocking(calls.classify)
    embed = _blocking(calls.embed)
    models = _blocking(calls.list_models)
    model = _blocking(calls.get_model)
    label_set = _opened(label_set_calls.label_set)
    label_sets = _blocking(label_set_calls.label_sets)
    delete_label_set = _blocking(label_set_calls.delete_label_set)
    catalog = _catalog_opened(catalog_calls.catalog)
    catalogs = _blocking(catalog_calls.catalogs)
    update_catalog = _blocking(catalog_calls.update_catalog)
    delete_catalog = _blocking(catalog_calls.delete_catalog)

    def close(self) -> None:
        """Hangs up; what is under way is cancelled."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, call: Call[Response, Item, Result], /) -> Result:
        ask = self._channel.unary_unary(call.method.path, serialized, call.method.response)
        return call.finish(self._answer(ask, call.part()))

    def _stream(self, call: Streamed[Response, Failing], /) -> Iterator[Failing]:
        return streams.answers(self._channel, self._connection, call)

    def _answer(self, ask: Ask[Response], part: Part[Response, Item]) -> list[Item]:
        try:
            response = ask(part.request, **self._connection.beside(part.request_id)) if part.request else None
        except grpc.RpcError as broken:
            return part.refused(self._connection.error(broken, part.request_id))
        following = part.follow(response)
        return part.read(response) + (self._answer(ask, following) if following else [])


class AsyncClient:
    """Asks one server from one event loop; use it with `async with`, or close it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    classify = _awaited(calls.classify)
    embed = _awaited(calls.embed)
    models = _awaited(calls.list_models)
    model = _awaited(calls.get_model)
    label_set = _async_opened(label_set_calls.label_set)
    label_sets = _awaited(label_set_calls.label_sets)
    delete_label_set = _awaited(label_set_calls.delete_label_set)
    catalog = _async_catalog_opened(catalog_calls.catalog)
    catalogs = _awaited(catalog_calls.catalogs)
    update_catalog = _awaited(catalog_calls.update_catalog)
    delete_catalog = _awaited(catalog_calls.delete_catalog)

    async def close(self) -> None:
        """Hangs up; what is under way is cancelled."""
        await self._channel.close()
        if "_threads_channel" in vars(self):
            self._threads_channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @cached_property
    def _channel(self) -> grpc.aio.Channel:
        # Made when it is first used, as it belongs to the event loop then running.
        return self._connection.aio_channel()

    @cached_property
    def _threads_channel(self) -> grpc.Channel:
        return self._connection.channel()

    async def _run(self, call: Call[Response, Item, Result], /) -> Result:
        """Makes the request in a thread, so that reading a file does not hold the event loop."""
        ask = self._channel.unary_unary(call.method.path, serialized, call.method.response)
        return call.finish(await self._answer(ask, await asyncio.to_thread(call.part)))

    def _stream(self, call: Streamed[Response, Failing], /) -> AsyncIterator[Failing]:
        return streams.async_answers(self._threads_channel, self._connection, call)

    async def _answer(self, ask: AioAsk[Response], part: Part[Response, Item]) -> list[Item]:
        try:
            response = await ask(part.request, **self._connection.beside(part.request_id)) if part.request else None
        except grpc.RpcError as broken:
            return part.refused(self._connection.error(broken, part.request_id))
        following = part.follow(response)
        return part.read(response) + (await self._answer(ask, following) if following else [])
