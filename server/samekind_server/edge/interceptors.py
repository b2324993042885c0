"""Turns the core's errors into statuses with rich details, for unary calls and in mid-stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

import grpc
from grpc_status import rpc_status

from samekind import wire
from samekind.errors import Internal, RequestTooLarge, SamekindError
from samekind_server.edge.handlers import REQUEST_ID, Call

JOURNEY = 0.1  # Seconds by which a caller, whose time began before ours did, may give up earlier.
PUSHBACK = "grpc-retry-pushback-ms"
PATIENCE = 10.0  # Seconds; who has to wait for longer is told so, and not kept waiting unawares.
log = logging.getLogger(__name__)


@asynccontextmanager
async def errors(call: Call) -> AsyncIterator[None]:
    """Answers a SamekindError as its status; any other exception is logged and answered as INTERNAL without its text."""
    try:
        yield
    except SamekindError as error:
        await abort(call, error)
    except asyncio.CancelledError:
        left = call.context.time_remaining()
        call.code = "CANCELLED" if left is None or left > JOURNEY else "DEADLINE_EXCEEDED"
        raise
    except grpc.aio.BaseError as broken:
        # A handler aborted by itself, or the caller was gone before its answer could be sent.
        call.code = _code(call) if isinstance(broken, grpc.aio.AbortError) else "CANCELLED"
        raise
    except Exception:
        log.exception("request %s failed", call.request_id)
        await abort(call, Internal(f"a fault in the server; its log has it as request {call.request_id}"))


def _code(call: Call) -> str:
    """The code a handler aborted with by itself."""
    code = call.context.code()
    return code.name if isinstance(code, grpc.StatusCode) else grpc.StatusCode.UNKNOWN.name


async def abort(call: Call, error: SamekindError) -> NoReturn:
    """Ends a call with an error: its status, its id, and when gRPC's own retries may ask again."""
    call.code, call.reason = error.code, error.reason
    code, told, beside = ending(error, request_id=call.request_id)
    await call.context.abort(code, told, (*beside, (REQUEST_ID, call.request_id)))


def ending(error: SamekindError, *, request_id: str = "") -> tuple[grpc.StatusCode, str, tuple[tuple[str, str | bytes], ...]]:
    """How a call ends with an error: code, message, and beside them all details and when gRPC's own retries may ask again."""
    status = rpc_status.to_status(wire.status(error, request_id=request_id))
    return status.code, status.details, (*status.trailing_metadata, *_pushback(error))


def _pushback(error: SamekindError) -> tuple[tuple[str, str], ...]:
    """When gRPC's own retries may ask again: in so many milliseconds, never where that is in vain or takes long, else as they see fit."""
    if isinstance(error, RequestTooLarge) or (error.retry_after or 0.0) > PATIENCE:
        return ((PUSHBACK, "-1"),)
    return ((PUSHBACK, str(max(1, round(1000 * error.retry_after)))),) if error.retry_after is not None else ()
