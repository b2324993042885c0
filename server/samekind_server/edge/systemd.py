"""Tells systemd, or what stands in for it, how far the server is."""

import contextlib
import socket


def tell(where: str, state: str) -> None:
    """Sends a state, as in `READY=1`, to the socket that NOTIFY_SOCKET names; nobody is told where it is empty."""
    if where:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(state.encode(), "\0" + where[1:] if where.startswith("@") else where)
