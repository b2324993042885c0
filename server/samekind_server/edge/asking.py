"""Tells the engine who asks, and refuses calls while it has more to do than it takes."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import grpc

from samekind.errors import Overloaded, SamekindError
from samekind_server.edge import callers
from samekind_server.edge.handlers import REQUEST_ID, Context, Handler, named, refusing
from samekind_server.edge.interceptors import ending
from samekind_server.edge.pauses import Pauses
from samekind_server.edge.roles import ROLES
from samekind_server.embedding.admission import Admission
from samekind_server.embedding.askers import ANYONE, Asker, Lane

LANE = "samekind-lane"
ALIKE = 0.05  # Seconds in which calls that are refused are told the same.
CHEAP = ("Get", "List")  # What only tells of what is there is answered at any time.


def asker(context: Context) -> Asker:
    """Whose call it is, a tenant's or else a host's, until when it is waited for, and the lane it asks for."""
    caller, left = callers.current(), context.time_remaining()
    wants_bulk = (LANE, "bulk") in {(name, value) for name, value in context.invocation_metadata() or ()}
    deadline = math.inf if left is None else time.monotonic() + left
    return Asker(caller.tenant or caller.name, Lane.BULK if wants_bulk else Lane.INTERACTIVE, deadline, caller.tenant)


class Overload(grpc.aio.ServerInterceptor):
    """Refuses calls while work waits too long already, at the least cost: outside all layers, so that they are counted and not logged, and together.

    At ten times what a server can do, what is left of it for answers is what refusals leave.
    """

    def __init__(self, admission: Admission, counted: Callable[[str, str], None]) -> None:
        self._admission, self._counted = admission, counted
        self._pauses = Pauses()
        self._refusing: Handler | None = None
        self._until = -math.inf

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Handler | None]], details: Any) -> Handler | None:
        """The method's handler, or one that refuses without reading."""
        method = details.method.removeprefix("/")
        if _works(method):
            try:
                self._admission.check(ANYONE)
            except Overloaded as error:
                self._counted(method, error.code)
                return self._told(error)
        return await continuation(details)

    def _told(self, error: Overloaded) -> Handler:
        """Calls refused at almost the same time are told the same, since writing it takes longer than all else of a refusal."""
        now = time.monotonic()
        if not self._refusing or now >= self._until:
            self._refusing, self._until = told(error, self._pauses), now + ALIKE
        return self._refusing


class Shedding(grpc.aio.ServerInterceptor):
    """Refuses calls, nothing of which is read, while not even the least of work would be let in for this caller."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Handler | None]], details: Any) -> Handler | None:
        """The method's handler, or one that raises Overloaded; none where there is no such method."""
        handler = await continuation(details)
        if handler and _works(details.method.removeprefix("/")):
            try:
                self._admission.check(Asker(callers.current().tenant))
            except Overloaded as error:
                return refusing(error)
        return handler


def told(error: SamekindError, pauses: Pauses) -> Handler:
    """A handler that ends any call with an error by itself, after a pause, and takes nothing of the request."""
    code, message, beside = ending(error)

    async def refuse(requests: object, context: Context) -> NoReturn:
        await pauses.pause()
        await context.abort(code, message, (*beside, (REQUEST_ID, named(dict(context.invocation_metadata() or ())))))

    handler: Handler = grpc.stream_unary_rpc_method_handler(refuse)
    return handler


def _works(method: str) -> bool:
    """Whether a method may ask for work."""
    return method in ROLES and method.startswith("samekind.") and not method.rpartition("/")[2].startswith(CHEAP)
