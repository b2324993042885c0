"""Answers the web port: every route by the method behind it, the description of them all, and health."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import grpc

from samekind import v1, wire
from samekind.errors import BadRequest, DeadlineExceeded, Internal, NotFound, PermissionDenied, SamekindError, Unimplemented
from samekind_server.edge.listening import is_loopback
from samekind_server.web import answers
from samekind_server.web.answers import JSON, LINES, Answer, Refused, Send
from samekind_server.web.context import Context
from samekind_server.web.head import Head
from samekind_server.web.incoming import Bodies, Incoming, Receive
from samekind_server.web.methods import Methods, behaviour
from samekind_server.web.routes import Route
from samekind_server.web.transcoding import Asked, Given, Transcoder

PLAIN = "text/plain; charset=utf-8"
DESCRIPTION = Path(v1.__path__[0]) / "openapi.json"
log = logging.getLogger(__name__)


class Site:
    """An ASGI application. A request has `most` bytes of JSON, all together `at_once`; while `guarded` only who calls this machine by a local
    name is answered."""

    def __init__(
        self,
        routes: Iterable[Route],
        methods: Methods,
        transcoder: Transcoder,
        *,
        most: int,
        at_once: int,
        ready: Callable[[], bool],
        guarded: Callable[[], bool],
    ) -> None:
        self._bodies = Bodies(at_once)
        self._routes = [(route.pattern, route) for route in routes]
        self._methods, self._transcoder, self._most = methods, transcoder, most
        self._ready, self._guarded = ready, guarded

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """One request."""
        head, answer = Head(scope), Answer(send)
        beside = answers.told_id(head.request_id)
        try:
            self._let_in(head)
            if not await self._page(head, answer):
                await self._call(*self._routed(head), head, receive, answer)
        except Refused as refused:
            await answer.failed(wire.status(refused.error, request_id=head.request_id), (*beside, *refused.headers), code=refused.code)
        except SamekindError as error:
            await answer.failed(wire.status(error, request_id=head.request_id), beside)
        except Exception:
            log.exception("request %s failed", head.request_id)
            fault = Internal(f"a fault in the server; its log has it as request {head.request_id}")
            await answer.failed(wire.status(fault, request_id=head.request_id), beside)

    def _let_in(self, head: Head) -> None:
        """Raises PermissionDenied for a page of another site whose name was pointed at this machine."""
        if head.host and self._guarded() and not is_loopback(head.host):
            raise PermissionDenied(f"without keys this server goes by this machine's own names, not {head.host[:100]!r}; ask localhost, or make keys")

    async def _page(self, head: Head, answer: Answer) -> bool:
        """Whether it was one of the pages that are no calls."""
        if head.verb not in ("GET", "HEAD"):
            return False
        match head.path:
            case "/healthz":
                await answer.whole(200, b"alive\n", (), PLAIN)
            case "/readyz":
                ready = self._ready()
                await answer.whole(200 if ready else 503, b"serving\n" if ready else b"not serving\n", (), PLAIN)
            case "/openapi.json":
                await answer.whole(200, DESCRIPTION.read_bytes(), ())
            case _:
                return False
        return True

    def _routed(self, head: Head) -> tuple[Route, Asked]:
        """The route, and the request's fields that path and query hold. Raises Refused."""
        found = [(route, match.groups()) for pattern, route in self._routes if (match := pattern.fullmatch(head.path))]
        for route, values in found:
            if route.verb == head.verb:
                if route.verb not in ("GET", "DELETE"):
                    _check(head)
                return route, Asked(dict(zip(route.variables, values, strict=True)), tuple(head.query))
        if not found:
            raise NotFound(f"there is no {head.path[:100]} here; /openapi.json tells what there is")
        allowed = ", ".join(sorted({route.verb for route, _ in found}))
        raise Refused(405, Unimplemented(f"{head.path[:100]} is not asked with {head.verb} but with {allowed}"), (("allow", allowed),))

    async def _call(self, route: Route, asked: Asked, head: Head, receive: Receive, answer: Answer) -> None:
        async def line(raw: bytes) -> None:
            told = await self._transcoder.told(route.method.output_type, raw)
            await answer.line(b'{"result": ' + told + b"}\n", context.initial)

        context = Context(head.metadata, head.peer, head.until, line)
        incoming = Incoming(receive, self._bodies, most=self._most, size=int(head.headers.get("content-length", 0)))
        try:
            async with incoming, asyncio.timeout_at(head.until):
                raw = await self._answered(route, asked, context, incoming)
                told = b"" if raw is None else await self._transcoder.told(route.method.output_type, raw)
        except grpc.aio.AbortError:
            await answer.failed(answers.ended(context), answers.told_id(head.request_id))
        except TimeoutError:
            raise DeadlineExceeded("no answer within the time the caller gave; give more, or ask for less at once") from None
        except asyncio.CancelledError:
            if not incoming.left:
                raise
        else:
            await (answer.end(context.initial) if raw is None else answer.whole(200, told + b"\n", context.initial))

    async def _answered(self, route: Route, asked: Asked, context: Context, incoming: Incoming) -> bytes | None:
        """The answer's bytes; None where they were lines. A call that is refused takes nothing of the body."""
        handler = await self._methods.handler(route.name, context.invocation_metadata())
        if handler.request_streaming:
            return await behaviour(handler)(self._stream(route, asked, incoming), context)
        return await behaviour(handler)(await self._transcoder.given(route, asked, await incoming.body()), context)

    async def _stream(self, route: Route, asked: Asked, incoming: Incoming) -> AsyncIterator[Given]:
        async for line in incoming.lines():
            yield await self._transcoder.given(route, asked, line)


def _check(head: Head) -> None:
    """Raises Refused for a body that is not said to be JSON: a page of another site could send it without being let to."""
    if head.kind not in (JSON, LINES):
        raise Refused(415, BadRequest(f"the body is {head.kind[:50] or 'of no kind'}; send it with Content-Type: {JSON}"))
    if coding := head.headers.get("content-encoding"):
        raise Refused(415, BadRequest(f"the body is in {coding[:50]}; send it as it is"))
