"""grpc.health.v1.Health: what is true of each service now, and each change of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping

from google.protobuf.message import Message
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1 import health_pb2_grpc as stubs

from samekind.errors import NotFound, Unavailable
from samekind_server.edge.handlers import Context

SERVICE = "grpc.health.v1.Health"
UNKNOWN, SERVING, NOT_SERVING = (
    pb.HealthCheckResponse.SERVICE_UNKNOWN,
    pb.HealthCheckResponse.SERVING,
    pb.HealthCheckResponse.NOT_SERVING,
)


class HealthServicer(stubs.HealthServicer):
    """Tells of the named services, none of which serves before it is said to. Its methods are for one event loop."""

    def __init__(self, services: Iterable[str]) -> None:
        self._states: dict[str, int] = dict.fromkeys(("", *services), NOT_SERVING)
        self._changed = asyncio.Event()
        self._ended = False

    @property
    def states(self) -> dict[str, bool]:
        """Whether each service, "" for all of the server, is said to serve."""
        return {service: state == SERVING for service, state in self._states.items()}

    def serving(self, service: str = "") -> bool:
        """Whether the service, "" for all of the server, is said to serve."""
        return self._states[service] == SERVING

    def say(self, states: Mapping[str, bool]) -> None:
        """Says of each service whether it serves; whoever watches is told of what is new. After `end` none does."""
        told = {service: SERVING if serves and not self._ended else NOT_SERVING for service, serves in states.items()}
        if any(self._states[service] != state for service, state in told.items()):
            self._states |= told
            self._tell()

    def end(self) -> None:
        """Says that no service serves, and ends every watch once it has told so: a watcher must not hold up the drain."""
        self._ended = True
        self._states = dict.fromkeys(self._states, NOT_SERVING)
        self._tell()

    async def Check(self, request: pb.HealthCheckRequest, context: Context) -> pb.HealthCheckResponse:
        """The service's state now. Raises NotFound."""
        if request.service not in self._states:
            raise NotFound(f"no service {request.service!r} here; there are {', '.join(filter(None, self._states))}")
        return pb.HealthCheckResponse(status=self._states[request.service])

    async def Watch(self, request: pb.HealthCheckRequest, context: Context) -> AsyncIterator[pb.HealthCheckResponse]:
        """The service's state now, and again when it changes."""
        last = None
        while last != (state := self._states.get(request.service, UNKNOWN)) or not self._ended:
            changed = self._changed
            if last != state:
                yield pb.HealthCheckResponse(status=state)
                last = state
            else:
                await changed.wait()
        raise Unavailable("the server is stopping; ask another")

    async def List(self, request: Message, context: Context) -> Message:
        """Every service's state now."""
        answers = {service: pb.HealthCheckResponse(status=state) for service, state in self._states.items()}
        listed: Message = pb.HealthListResponse(statuses=answers)  # type: ignore[attr-defined] # newer than its types
        return listed

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
