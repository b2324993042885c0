"""The way to a server: address, TLS, key, retries, and what a broken call means."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TypedDict, cast

import grpc
from grpc_status import rpc_status

from samekind import errors, keys, wire
from samekind.errors import SamekindError

PORT = 50051
SERVICES = (
    "samekind.v1.CatalogService",
    "samekind.v1.ClassificationService",
    "samekind.v1.EmbeddingService",
    "samekind.v1.LabelSetService",
    "samekind.v1.RecommendationService",
    "samekind.v1.SearchService",
)
STREAMS = (
    ("samekind.v1.CatalogService", "IngestItems"),
    ("samekind.v1.ClassificationService", "ClassifyStream"),
    ("samekind.v1.EmbeddingService", "EmbedStream"),
    ("samekind.v1.RecommendationService", "IngestEvents"),
)
# Every method reads, or bears a request_id by which the server does a write once; so asking again is safe.
# A server with too much work says when, by grpc-retry-pushback-ms. gRPC ends as CANCELLED what comes to a server that stops or is overrun.
# Of streams of requests that gRPC itself asks again one in two hundred lacks a message: they have no policy here, and `streams` goes on with them.
RETRIES = {
    "methodConfig": [
        {"name": [{"service": service, "method": method} for service, method in STREAMS]},
        {
            "name": [{"service": service} for service in SERVICES],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "5s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "CANCELLED"],
            },
        },
    ]
}
OPTIONS: tuple[tuple[str, str | int], ...] = (
    ("grpc.service_config", json.dumps(RETRIES)),
    # A request larger than this is not sent again; gRPC's own 256 KiB would leave out most images.
    ("grpc.per_rpc_retry_buffer_size", 8 << 20),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5000),
)


class Beside(TypedDict):
    """The keywords every call is made with."""

    timeout: float | None
    metadata: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Connection:
    """How to reach one server; no socket is open yet."""

    target: str
    timeout: float | None
    credentials: grpc.ChannelCredentials | None = None
    key: str | None = field(default=None, repr=False)

    def channel(self) -> grpc.Channel:
        """A channel for blocking calls."""
        if self.credentials:
            return grpc.secure_channel(self.target, self.credentials, self._options())
        return grpc.insecure_channel(self.target, self._options())

    def aio_channel(self) -> grpc.aio.Channel:
        """A channel for the running event loop."""
        if self.credentials:
            return grpc.aio.secure_channel(self.target, self.credentials, self._options())
        return grpc.aio.insecure_channel(self.target, self._options())

    def beside(self, request_id: str) -> Beside:
        """What goes beside a request: its time, its id and the key."""
        sent = (("x-request-id", request_id),)
        return {"timeout": self.timeout, "metadata": (*sent, ("authorization", f"Bearer {self.key}")) if self.key else sent}

    def error(self, broken: grpc.RpcError, request_id: str) -> SamekindError:
        """What a call that broke says, by the server's own words where it gave any."""
        call = cast("grpc.Call", broken)
        error = _told(call) or _guessed(call, self)
        error.metadata.setdefault("request_id", request_id)
        return error

    def _options(self) -> tuple[tuple[str, str | int], ...]:
        # A proxy named by the environment is no way to this machine, and would see a key sent without TLS.
        return (*OPTIONS, ("grpc.enable_http_proxy", 0)) if _is_local(self.target) else OPTIONS


def connection(
    target: str,
    *,
    key: str | None = None,
    tls: bool | str | Path | None = None,
    certificate: tuple[str | Path, str | Path] | None = None,
    timeout: float | None = None,
) -> Connection:
    """A way to `target`. Raises ValueError where it is no address or the key would travel readable, OSError for a file that cannot be read."""
    where = address(target)
    secure = certificate is not None if tls is None else tls is not False
    if key and not secure and not _is_local(where):
        raise ValueError(f"a key to {target} would travel readable for everyone on the way; use TLS (tls=..., or --tls and --ca)")
    if key:
        keys.check(key)
    return Connection(where, timeout, _credentials(tls, certificate) if secure else None, key)


def _credentials(tls: bool | str | Path | None, certificate: tuple[str | Path, str | Path] | None) -> grpc.ChannelCredentials:
    roots = Path(tls).read_bytes() if isinstance(tls, str | Path) else None
    chain, key = (Path(file).read_bytes() for file in certificate) if certificate else (None, None)
    return grpc.ssl_channel_credentials(roots, key, chain)


def address(target: str) -> str:
    """The target with its port. Raises ValueError where it is no address."""
    if re.match(r"(https?|grpcs?|tcp)://", target) or not target.strip():
        raise ValueError(f"a server's address is host:port, e.g. localhost:{PORT}, not {target!r}")
    return f"{target}:{PORT}" if re.fullmatch(r"[\w.-]+|\[[0-9a-fA-F:]+\]", target) else target


def _is_local(address: str) -> bool:
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    host = re.sub(r"^(dns:(///)?|ipv4:|ipv6:)|:\d+$", "", address).strip("[]")
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _told(call: grpc.Call) -> SamekindError | None:
    try:
        status = rpc_status.from_call(call)
    except ValueError:
        return None
    return wire.read_status(status) if status else None


def _guessed(call: grpc.Call, connection: Connection) -> SamekindError:
    """The error of a call that gRPC itself ended, or something between client and server."""
    code, target = call.code(), connection.target
    details = (call.details() or "").rpartition("last error: ")[2]
    match code:
        case grpc.StatusCode.UNAVAILABLE if re.search("handshake|SSL|TLS", details):
            return errors.Unavailable(f"no TLS connection to {target}: it does not speak TLS, or its certificate is not trusted ({details})")
        case grpc.StatusCode.UNAVAILABLE if re.search("closed|reset|GOAWAY", details):
            return errors.Unavailable(f"the connection to {target} broke; ask again, with TLS where the server speaks it ({details})")
        case grpc.StatusCode.UNAVAILABLE:
            server = "server that speaks TLS" if connection.credentials else "server"
            return errors.Unavailable(f"no {server} answers at {target}; start one with `samekind serve` ({details})")
        case grpc.StatusCode.CANCELLED if details == code.name:  # What is cancelled on this side has other words.
            return errors.Unavailable(f"the server at {target} ended this call before it began it: it stops, or has too much to do; ask again")
        case grpc.StatusCode.DEADLINE_EXCEEDED if connection.timeout is not None:
            return errors.DeadlineExceeded(f"no answer from {target} within {connection.timeout:g} s; give a longer timeout or less at once")
        case grpc.StatusCode.UNIMPLEMENTED:
            return errors.Unimplemented(f"the server at {target} does not know this call; is it samekind, and as new as this client? ({details})")
        case grpc.StatusCode.RESOURCE_EXHAUSTED if "larger than max" in details:
            return errors.RequestTooLarge(f"a request is larger than {target} takes; make the content smaller ({details})")
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return errors.Overloaded(f"{target} has too much work; ask again later ({details})")
    return errors.of(code.name, "")(details or f"{target} answered {code.name} without a word")
