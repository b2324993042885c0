"""Tells the engine who asks, and refuses calls while it has more to do than it takes."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from samekind_server.edge import callers
from samekind_server.edge.handlers import Call, Context, Layer
from samekind_server.embedding.admission import Admission
from samekind_server.embedding.askers import Asker, Lane

LANE = "samekind-lane"
CHEAP = ("Get", "List")  # What only tells of what is there is answered at any time.


def asker(context: Context) -> Asker:
    """Whose call it is, a tenant's or else a host's, until when it is waited for, and the lane it asks for."""
    caller, left = callers.current(), context.time_remaining()
    wants_bulk = (LANE, "bulk") in {(name, value) for name, value in context.invocation_metadata() or ()}
    deadline = math.inf if left is None else time.monotonic() + left
    return Asker(caller.tenant or caller.name, Lane.BULK if wants_bulk else Lane.INTERACTIVE, deadline)


def shedding(admission: Admission) -> Layer:
    """Raises Overloaded before a request is even parsed, where not the least of work would be let in for its caller."""

    @asynccontextmanager
    async def layer(call: Call) -> AsyncIterator[None]:
        method = call.method.rpartition("/")[2]
        if call.service.startswith("samekind.") and not method.startswith(CHEAP):
            admission.check(asker(call.context))
        yield

    return layer
