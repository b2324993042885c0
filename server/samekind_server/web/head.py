"""What a request says before its body."""

from __future__ import annotations

import asyncio
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from samekind.errors import BadRequest, Violation
from samekind_server.edge.handlers import REQUEST_ID
from samekind_server.web.context import Metadata

TIMEOUT = "x-server-timeout"


@dataclass(frozen=True)
class Head:
    """One request's verb, path, query and headers."""

    scope: Mapping[str, Any]

    @cached_property
    def headers(self) -> dict[str, str]:
        """By their names in small letters; of several of one name the last."""
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self.scope["headers"]}

    @cached_property
    def request_id(self) -> str:
        """The caller's own, else a new one."""
        return self.headers.get(REQUEST_ID, "")[:64] or uuid.uuid4().hex

    @property
    def metadata(self) -> Metadata:
        """As gRPC's layers read it."""
        return tuple((self.headers | {REQUEST_ID: self.request_id}).items())

    @property
    def verb(self) -> str:
        """As in `GET`."""
        return str(self.scope["method"])

    @property
    def path(self) -> str:
        """Without the query."""
        return str(self.scope["path"])

    @property
    def query(self) -> list[tuple[str, str]]:
        """What stands after the `?`, in its order. Raises BadRequest."""
        try:
            return parse_qsl(self.scope["query_string"].decode("latin-1"), keep_blank_values=True, errors="strict")
        except ValueError:
            raise BadRequest("what stands after the ? is not UTF-8") from None

    @property
    def kind(self) -> str:
        """The body's media type."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def host(self) -> str:
        """Whom the caller takes this server for, without a port."""
        given = self.headers.get("host", "")
        return given[1:].partition("]")[0] if given.startswith("[") else given.partition(":")[0]

    @property
    def peer(self) -> str:
        """Where it comes from, as gRPC names it."""
        host, port = self.scope.get("client") or ("", 0)
        return f"ipv6:%5B{host}%5D:{port}" if ":" in host else f"ipv4:{host}:{port}"

    @cached_property
    def until(self) -> float | None:
        """When the caller waits no more, on the event loop's clock; None where it says nothing. Raises BadRequest."""
        told = self.headers.get(TIMEOUT)
        if told is None:
            return None
        try:
            seconds = float(told)
        except ValueError:
            seconds = math.nan
        if not 0 < seconds < math.inf:
            message = f"{TIMEOUT} is {told[:20]!r}, and is a number of seconds, as in 2.5"
            raise BadRequest(message, violations=(Violation(TIMEOUT, message),))
        return asyncio.get_running_loop().time() + seconds
