"""Tells the engine who asks, and refuses calls while it has more to do than it takes."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from samekind.errors import Overloaded
from samekind_server.edge import callers
from samekind_server.edge.handlers import Context, Handler, refusing
from samekind_server.embedding.admission import Admission
from samekind_server.embedding.askers import Asker, Lane

LANE = "samekind-lane"
CHEAP = ("Get", "List")  # What only tells of what is there is answered at any time.


def asker(context: Context) -> Asker:
    """Whose call it is, a tenant's or else a host's, until when it is waited for, and the lane it asks for."""
    caller, left = callers.current(), context.time_remaining()
    wants_bulk = (LANE, "bulk") in {(name, value) for name, value in context.invocation_metadata() or ()}
    deadline = math.inf if left is None else time.monotonic() + left
    return Asker(caller.tenant or caller.name, Lane.BULK if wants_bulk else Lane.INTERACTIVE, deadline, caller.tenant)


class Shedding(grpc.aio.ServerInterceptor):
    """Refuses calls, nothing of which is read, while not even the least of work would be let in for their caller."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Handler | None]], details: Any) -> Handler | None:
        """The method's handler, or one that raises Overloaded; none where there is no such method."""
        handler = await continuation(details)
        service, _, method = details.method.removeprefix("/").rpartition("/")
        if handler and service.startswith("samekind.") and not method.startswith(CHEAP):
            try:
                self._admission.check(Asker(callers.current().tenant))
            except Overloaded as error:
                return refusing(error)
        return handler
