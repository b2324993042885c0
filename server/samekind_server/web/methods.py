"""The handlers that serve gRPC, made to take what came over HTTP, behind the same interceptors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import grpc

from samekind_server.edge.handlers import Handler
from samekind_server.web.context import Metadata
from samekind_server.web.transcoding import Given

Find: TypeAlias = "Callable[[Any], Awaitable[Handler | None]]"


@dataclass(frozen=True)
class Details:
    """What interceptors decide by, before anything of a request is read."""

    method: str
    invocation_metadata: Metadata


class Methods:
    """Stands in for a server where the generated code adds its servicers, and runs their methods."""

    def __init__(self, interceptors: Sequence[grpc.aio.ServerInterceptor]) -> None:
        self._interceptors = interceptors
        self._handlers: dict[str, Handler] = {}

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """What `add_registered_method_handlers` adds too."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """Called by the generated code."""
        self._handlers |= {f"{service}/{name}": _taking_json(handler) for name, handler in handlers.items()}

    async def handler(self, name: str, metadata: Metadata) -> Handler:
        """The method with every layer about it, or, where an interceptor refuses the call, one that raises."""
        find: Find = self._found
        for interceptor in reversed(self._interceptors):
            find = partial(interceptor.intercept_service, find)
        handler = await find(Details(f"/{name}", metadata))
        assert handler, name
        return handler

    async def _found(self, details: Details) -> Handler | None:
        return self._handlers.get(details.method.removeprefix("/"))


def behaviour(handler: Handler) -> Callable[[Any, Any], Awaitable[bytes | None]]:
    """The handler's only function."""
    found: Callable[[Any, Any], Awaitable[bytes | None]] = getattr(handler, _kind(handler))
    return found


def _taking_json(handler: Handler) -> Handler:
    make = getattr(grpc, f"{_kind(handler)}_rpc_method_handler")
    made: Handler = make(behaviour(handler), request_deserializer=Given.message, response_serializer=handler.response_serializer)
    return made


def _kind(handler: Handler) -> str:
    return "_".join("stream" if streaming else "unary" for streaming in (handler.request_streaming, handler.response_streaming))
