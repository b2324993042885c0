"""Answers no call but health's without a key, and none that the key does not allow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import Any

import grpc

from samekind.errors import PermissionDenied, SamekindError
from samekind_server.edge import callers
from samekind_server.edge.callers import Caller, Role
from samekind_server.edge.handlers import Call, Handler, refusing
from samekind_server.edge.keyring import Keyring
from samekind_server.edge.keys import Key
from samekind_server.edge.quotas import Quotas
from samekind_server.edge.roles import OPEN, ROLES, needed

_key: ContextVar[Key | None] = ContextVar("key", default=None)


class Auth(grpc.aio.ServerInterceptor):
    """Stands behind `Layers`, so that they see what it refuses. It decides before a byte of the request is taken, by the metadata alone."""

    def __init__(self, keyring: Keyring, quotas: Quotas, *, roles: Mapping[str, Role] = ROLES) -> None:
        self._keyring, self._quotas, self._roles = keyring, quotas, roles

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Handler | None]], details: Any) -> Handler | None:
        """The method's handler, or one that refuses; none where there is no such method."""
        handler = await continuation(details)
        method = details.method.removeprefix("/")
        if handler and method not in OPEN and self._keyring.asks():
            try:
                self._admit(method, dict(details.invocation_metadata or ()))
            except SamekindError as error:
                return refusing(error)
        return handler

    @asynccontextmanager
    async def layer(self, call: Call) -> AsyncIterator[None]:
        """Says who calls where no key does, and holds the bytes that arrive to the key's quota."""
        if key := _key.get():
            call.pay = partial(self._pay, key)
        else:
            callers.become(replace(callers.current(), name=callers.host(call.context.peer())))
        yield

    def _pay(self, key: Key, size: int) -> None:
        """Each message pays for itself, as a stream may outlive the key that it began with."""
        self._keyring.check(key)
        self._quotas.arrived(key, size)

    def _admit(self, method: str, metadata: Mapping[str, str | bytes]) -> None:
        scheme, _, given = str(metadata.get("authorization", "")).partition(" ")
        key = self._keyring.find(given.strip() if scheme.lower() == "bearer" else "")
        _key.set(key)
        callers.become(Caller(key.tenant, key.name, key.role))
        if key.role < (role := needed(method, self._roles)):
            allowed, asked = key.role.name.lower(), role.name.lower()
            raise PermissionDenied(f"the key {key.name!r} has the role {allowed}, and {method} needs {asked}; ask with a key of that role")
        self._quotas.request(key)
