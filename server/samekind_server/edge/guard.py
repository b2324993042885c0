"""What stands between a server and its callers, as its settings ask for it: keys, TLS, audit."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import grpc

from samekind.errors import SettingError
from samekind_server.edge import keys
from samekind_server.edge.audit import Audit
from samekind_server.edge.auth import Auth
from samekind_server.edge.handlers import Layer
from samekind_server.edge.keyring import Keyring
from samekind_server.edge.quotas import Quotas
from samekind_server.edge.tls import Certificates

AUTO = "auto"


class Guard:
    """Holds the audit log open. Empty settings mean: the keys in `folder` where there are any, no TLS. Raises SettingError."""

    def __init__(
        self, folder: Path, *, keys_file: str = "", tls_cert: str = "", tls_key: str = "", tls_client_ca: str = "", audit_log: str = AUTO
    ) -> None:
        quotas = Quotas()
        self.keyring = Keyring(Path(keys_file) if keys_file else folder / keys.FILE, wanted=bool(keys_file), changed=quotas.keep)
        self.auth = Auth(self.keyring, quotas)
        self.certificates = _certificates(tls_cert, tls_key, tls_client_ca)
        self._audit = _audit(audit_log, folder, self.keyring)
        self._open = ExitStack()

    @property
    def credentials(self) -> grpc.ServerCredentials | None:
        """What a port is opened with; None without TLS."""
        return self.certificates.credentials() if self.certificates else None

    @property
    def layers(self) -> tuple[Layer, ...]:
        """To stand outside `errors`."""
        return (self.auth.layer, self._audit.layer) if self._audit else (self.auth.layer,)

    @property
    def options(self) -> str:
        """What a client's command line adds to be let in, as the server says at its start."""
        return (" --tls" if self.certificates else "") + (" --key KEY" if self.keyring.on else "")

    def told(self, *, local: bool) -> list[str]:
        """Who may call and how, as the server says at its start."""
        reach = "only this machine can call" if local else "anyone who reaches this address may call"
        keys = f"{len(self.keyring)} in {self.keyring.path}" if self.keyring.on else f"none: {reach}"
        tls = [f"  tls      {self.certificates.told}"] if self.certificates else []
        return [f"  keys     {keys}", *tls]

    def __enter__(self) -> Guard:
        if self._audit:
            self._open.enter_context(self._audit)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()


def _certificates(chain: str, key: str, client_authority: str) -> Certificates | None:
    if bool(chain) != bool(key) or (client_authority and not chain):
        raise SettingError("TLS takes a certificate and its key: give both --tls-cert FILE and --tls-key FILE")
    return Certificates(Path(chain), Path(key), Path(client_authority) if client_authority else None) if chain else None


def _audit(where: str, folder: Path, keyring: Keyring) -> Audit | None:
    if where == AUTO:
        return Audit(folder / "audit.log", when=lambda: keyring.on)
    return Audit(Path(where)) if where else None
