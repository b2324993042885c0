"""Which server to ask, and how, where a call does not say it: the environment says it, or else the user's file."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from samekind.connection import PORT, Connection, address, connection

ADDRESS = f"localhost:{PORT}"
TLS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
NAMES = ("server", "key", "tls", "ca", "cert", "cert_key")


@dataclass(frozen=True)
class Way:
    """What is said of the way to a server; None where nothing is."""

    server: str | None = None
    key: str | None = field(default=None, repr=False)
    tls: bool | str | Path | None = None
    certificate: tuple[str | Path, str | Path] | None = None

    def over(self, other: Way) -> Way:
        """This where it says something, else the other."""
        return replace(self, **{each.name: getattr(other, each.name) for each in fields(self) if getattr(self, each.name) is None})


def way(given: Way, environment: Mapping[str, str]) -> Way:
    """What is given stands above the environment, and that above the file, which tells of the one server it names.

    Raises ValueError for a file or variable that is wrong, and warns of a file with a key that others can read.
    """
    said = given.over(_from_environment(environment))
    file = _from_file(path(environment))
    if address(said.server or file.server or ADDRESS) == address(file.server or ADDRESS):
        said = said.over(file)
    return replace(said, server=said.server or ADDRESS)


def connected(given: Way, *, timeout: float | None) -> Connection:
    """The way to the server. Raises ValueError or OSError, as `connection` does."""
    found = way(given, os.environ)
    return connection(found.server or ADDRESS, key=found.key, tls=found.tls, certificate=found.certificate, timeout=timeout)


def path(environment: Mapping[str, str]) -> Path:
    """Where the user's file is, if there is one."""
    return Path(environment.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")) / "samekind" / "config.toml"


def _from_environment(environment: Mapping[str, str]) -> Way:
    given: dict[str, Any] = {name: value for name in NAMES if (value := environment.get(f"SAMEKIND_{name.upper()}"))}
    if "tls" in given and given["tls"].lower() not in TLS:
        raise ValueError(f"SAMEKIND_TLS is {given['tls']!r}, and may be one of {', '.join(TLS)}")
    return _way("the environment", given | ({"tls": TLS[given["tls"].lower()]} if "tls" in given else {}), Path())


def _from_file(file: Path) -> Way:
    if not file.is_file():
        return Way()
    import tomllib  # Only here, as few have the file.

    try:
        given = tomllib.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read {file}: {error}") from None
    for name, value in given.items():
        if name not in NAMES or not isinstance(value, bool if name == "tls" else str):
            raise ValueError(f"{name} = {value!r} in {file} is nothing known; there may be {', '.join(NAMES)}")
    if "key" in given and file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        warnings.warn(f"{file} holds a key that others on this machine can read; chmod 600 {file}", stacklevel=5)
    return _way(str(file), given, file.parent)


def _way(where: str, given: Mapping[str, Any], folder: Path) -> Way:
    """Files are named from the folder on."""
    files = {name: folder / Path(given[name]).expanduser() for name in ("ca", "cert", "cert_key") if name in given}
    if ("cert" in files) != ("cert_key" in files):
        raise ValueError(f"{where} names cert or cert_key alone; a client's certificate goes with its key")
    certificate = (files["cert"], files["cert_key"]) if "cert" in files else None
    return Way(given.get("server"), given.get("key"), files.get("ca", given.get("tls")), certificate)
