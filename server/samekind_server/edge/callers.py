"""Who is calling: what the key says, or where the call comes from while no keys are asked for."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """What a key allows; each includes those before it."""

    READ = 1
    WRITE = 2
    ADMIN = 3


@dataclass(frozen=True)
class Caller:
    """The tenant whose names are seen, "" where no keys are asked for; the key's name, or the host that calls; and what is allowed."""

    tenant: str = ""
    name: str = ""
    role: Role = Role.ADMIN


_current: ContextVar[Caller] = ContextVar("caller", default=Caller())  # noqa: B039 # frozen


def current() -> Caller:
    """The caller of the call under way."""
    return _current.get()


def become(caller: Caller) -> None:
    """Makes `caller` the current one for the rest of this call, which is a task of its own."""
    _current.set(caller)


def host(peer: str) -> str:
    """The host of a peer as gRPC names it: `ipv4:1.2.3.4:5`, `ipv6:%5B::1%5D:5`, `unix:path`."""
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return kind
    return rest.rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]")
