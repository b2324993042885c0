"""Turns the core's errors into statuses with rich details, and gives every request an id."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
from grpc_status import rpc_status

from samekind import wire
from samekind.errors import Internal, RequestTooLarge, SamekindError

REQUEST_ID = "x-request-id"
PUSHBACK = "grpc-retry-pushback-ms"
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
log = logging.getLogger(__name__)


class Errors(grpc.aio.ServerInterceptor):
    """Answers a SamekindError as its status; any other exception is logged and answered as INTERNAL without its text."""

    async def intercept_service(self, continuation: Callable[..., Awaitable[Any]], details: Any) -> Any:
        """Wraps unary handlers; the streaming ones (health, reflection) pass as they are."""
        handler = await continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler
        return grpc.unary_unary_rpc_method_handler(_answering(handler.unary_unary), handler.request_deserializer, handler.response_serializer)


def _answering(behaviour: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def answer(request: Any, context: Context) -> Any:
        request_id = _request_id(context)
        try:
            response = await behaviour(request, context)
            # Not before: a call whose headers have come is never retried by gRPC.
            await context.send_initial_metadata(((REQUEST_ID, request_id),))
            return response
        except SamekindError as error:
            await _abort(context, error, request_id)
        except (grpc.aio.AbortError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("request %s failed", request_id)
            await _abort(context, Internal(f"a fault in the server; its log has it as request {request_id}"), request_id)

    return answer


def _request_id(context: Context) -> str:
    given = dict(context.invocation_metadata() or ()).get(REQUEST_ID, "")
    return str(given)[:64] or uuid.uuid4().hex


async def _abort(context: Context, error: SamekindError, request_id: str) -> None:
    status = rpc_status.to_status(wire.status(error, request_id=request_id))
    beside = ((REQUEST_ID, request_id), *_pushback(error))
    await context.abort(status.code, status.details, (*status.trailing_metadata, *beside))


def _pushback(error: SamekindError) -> tuple[tuple[str, str], ...]:
    """When gRPC's own retries may ask again: in so many milliseconds, never where it would be refused again, else as they see fit."""
    if isinstance(error, RequestTooLarge):
        return ((PUSHBACK, "-1"),)
    return ((PUSHBACK, str(max(1, round(1000 * error.retry_after)))),) if error.retry_after is not None else ()
