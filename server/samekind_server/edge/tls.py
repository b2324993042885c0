"""TLS from files, which may be renewed while the server runs: each new connection gets what the files hold then."""

from __future__ import annotations

import logging
import ssl
import stat
from collections.abc import Callable
from pathlib import Path
from typing import cast

import grpc

from samekind.errors import SettingError

log = logging.getLogger(__name__)
Seen = tuple[tuple[int, int, int], ...]


class Certificates:
    """A server's certificate chain and key and, where clients have to show a certificate, the authority they are held to.

    Raises SettingError where a file cannot be read, or certificate and key do not belong together.
    """

    def __init__(self, chain: Path, key: Path, client_authority: Path | None = None) -> None:
        self._chain, self._key, self._authority = chain, key, client_authority
        self._seen: Seen = ()
        self._first = self._load()
        if key.stat().st_mode & (stat.S_IRWXO | stat.S_IWGRP):
            log.warning("others than its owner may use the key %s; set its mode to 0600", key)

    @property
    def told(self) -> str:
        """What the server says of it at its start."""
        return f"{self._chain}" + (f"; clients show a certificate of {self._authority}" if self._authority else "")

    def credentials(self) -> grpc.ServerCredentials:
        """What a port is opened with; asks for client certificates where there is an authority for them."""
        renewed = cast("Callable[[], grpc.ServerCertificateConfiguration]", self._renewed)  # Its types know no None.
        return grpc.dynamic_ssl_server_credentials(self._first, renewed, require_client_authentication=self._authority is not None)

    def context(self) -> ssl.SSLContext:
        """What a port of asyncio's is opened with; asks for client certificates as `credentials` does."""
        seen, now = self._look(), self._prove()

        def renew(connection: ssl.SSLObject, name: str | None, first: ssl.SSLContext) -> None:
            nonlocal seen, now
            if seen != (look := self._look()):
                seen = look
                try:
                    now = self._prove()
                except (OSError, ssl.SSLError) as error:
                    log.error("the certificate read before holds: %s", error)
            connection.context = now

        context = self._prove()
        context.sni_callback = renew
        return context

    def _renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """What new connections get from now on; None, as before. Called by gRPC's own threads before each handshake."""
        if self._look() == self._seen:
            return None
        try:
            renewed = self._load()
        except SettingError as error:
            log.error("the certificate read before holds: %s", error)
            return None
        log.info("the certificate is read anew from %s", self._chain)
        return renewed

    def _look(self) -> Seen:
        return tuple(_seen(file) for file in (self._chain, self._key, self._authority) if file)

    def _load(self) -> grpc.ServerCertificateConfiguration:
        """The files as they are, once they are proved to fit: gRPC itself would take a damaged one and fail every handshake."""
        try:
            self._seen = seen = self._look()
            chain, key = self._chain.read_bytes(), self._key.read_bytes()
            authority = self._authority.read_bytes() if self._authority else None
            self._prove()
            if seen != self._look():
                raise SettingError(f"the certificate {self._chain} changes while it is read")
        except ssl.SSLError as error:
            told = error.reason or str(error)
            raise SettingError(f"the certificate {self._chain} and the key {self._key} do not serve: {told}; give PEM files that fit") from None
        except OSError as error:
            raise SettingError(
                f"cannot read {error.filename}: {error.strerror}; name another with --tls-cert, --tls-key or --tls-client-ca"
            ) from None
        return grpc.ssl_server_certificate_configuration([(key, chain)], authority)

    def _prove(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._chain, self._key, password=lambda: "")  # Else a locked key would ask the terminal.
        if self._authority:
            context.load_verify_locations(self._authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def _seen(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size
