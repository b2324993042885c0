"""Where the server listens: this machine alone, or any address once calls are encrypted and held to keys."""

from __future__ import annotations

import ipaddress
import socket

import grpc

from samekind.errors import SettingError


def check(host: str, *, keys: bool, tls: bool, insecure: bool) -> None:
    """Raises SettingError for an address open to other machines without keys and TLS, where nobody said that this is meant."""
    if is_loopback(host) or insecure or (keys and tls):
        return
    lacking = " nor ".join(([] if tls else ["encrypted"]) + ([] if keys else ["held to keys"]))
    ways = ([] if keys else ["make a key with `samekind keys add NAME`"]) + ([] if tls else ["give --tls-cert FILE and --tls-key FILE"])
    neither = "not" if keys or tls else "neither"
    raise SettingError(f"{host} is open to other machines, and calls would be {neither} {lacking}: {' and '.join(ways)}; or say --insecure")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bind(server: grpc.aio.Server, host: str, port: int, credentials: grpc.ServerCredentials | None) -> int:
    """The port taken. Raises SettingError."""
    where = address(host, port)
    try:
        return int(server.add_secure_port(where, credentials) if credentials else server.add_insecure_port(where))
    except RuntimeError:
        raise SettingError(f"cannot listen on {where}: {_refusal(host, port)}; choose another with --port, 0 for a free one") from None


def address(host: str, port: int) -> str:
    """As a client is told."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split(flag: str, where: str) -> tuple[str, int]:
    """Host and port of a setting that is PORT, of this machine alone, or HOST:PORT. Raises SettingError."""
    host, _, port = where.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise SettingError(f"{flag} {where!r} is not PORT or HOST:PORT, as in 127.0.0.1:9464")
    return host.strip("[]") or "127.0.0.1", int(port)


def _refusal(host: str, port: int) -> str:
    """Why the address cannot be had, which gRPC does not tell."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(where)
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return "it was taken a moment ago"
