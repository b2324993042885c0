"""Keys in a file: who may call, for which tenant, with what role; a key's secret is never kept."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from samekind import keys as written
from samekind.errors import SettingError
from samekind_server.edge.callers import Role

FILE = "keys.json"


@dataclass(frozen=True)
class Key:
    """One key. `expires` is "" where it never does; a quota of 0 is none; `sha256` is of the secret."""

    id: str
    name: str
    tenant: str
    role: Role
    created: str
    sha256: str
    expires: str = ""
    requests_per_second: float = 0.0
    bytes_per_second: float = 0.0

    def expired(self, now: datetime) -> bool:
        """Whether it is past its time."""
        return bool(self.expires) and datetime.fromisoformat(self.expires) <= now


def digest(secret: str) -> str:
    """What is kept of a secret. It has 256 random bits, so no guessing helps and a slow, salted hash would only cost each call time."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new(
    name: str,
    *,
    tenant: str = "",
    role: Role = Role.READ,
    expires: datetime | None = None,
    requests_per_second: float = 0.0,
    bytes_per_second: float = 0.0,
) -> tuple[Key, str]:
    """A key and, this once, how its holder writes it."""
    id, secret = ("".join(secrets.choice(written.ALPHABET) for _ in range(length)) for length in (written.ID, written.SECRET))
    created, until = _told(datetime.now(UTC)), _told(expires) if expires else ""
    key = Key(id, name, tenant, role, created, digest(secret), until, requests_per_second, bytes_per_second)
    return key, written.write(id, secret)


def load(path: Path) -> tuple[Key, ...]:
    """The keys of a file. Raises SettingError for one that is damaged or cannot be read."""
    try:
        keys = tuple(_key(row) for row in json.loads(path.read_text())["keys"])
    except OSError as error:
        raise SettingError(f"cannot read the keys {path}: {error.strerror}; `samekind keys add NAME` makes the file") from None
    except (KeyError, TypeError, ValueError) as error:
        raise SettingError(f"the keys {path} are damaged ({error!r}); put a good copy there, or remove it and add keys anew") from None
    if len({key.id for key in keys}) < len(keys) or len({key.name for key in keys}) < len(keys):
        raise SettingError(f"the keys {path} are damaged: two have one name or id; put a good copy there")
    return keys


def add(path: Path, key: Key) -> None:
    """Adds a key to the file, made if absent. Raises SettingError."""
    with _changing(path) as keys:
        if any(other.name == key.name for other in keys):
            raise SettingError(f"there is a key named {key.name!r} already; choose another name, or `samekind keys remove {key.name}` first")
        keys.append(key)


def remove(path: Path, name: str) -> Key:
    """Takes the key of that name or id out of the file. Raises SettingError where there is none."""
    with _changing(path) as keys:
        found = next((key for key in keys if name in (key.name, key.id)), None)
        if not found:
            raise SettingError(f"no key {name!r} in {path}; there are {', '.join(key.name for key in keys) or 'none'}")
        keys.remove(found)
    return found


@contextmanager
def _changing(path: Path) -> Iterator[list[Key]]:
    """The file's keys, to be changed by one process at a time; a reader sees the old file or the new one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise SettingError(f"cannot write the keys {path}: {error.strerror}; name another file with --keys") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        keys = list(load(path)) if path.exists() else []
        yield keys
        _write(path, keys)
        os.fsync(folder)
    except OSError as error:
        raise SettingError(f"cannot write the keys {path}: {error.strerror}; name another file with --keys") from None
    finally:
        os.close(folder)


def _write(path: Path, keys: Sequence[Key]) -> None:
    rows = {"keys": [asdict(key) | {"role": key.role.name.lower()} for key in keys]}
    handle, made = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(rows, file, indent=1)
            file.flush()
            if os.geteuid() == 0:  # The server that reads it need not be root.
                owner = path.parent.stat()
                os.fchown(handle, owner.st_uid, owner.st_gid)
            os.fsync(handle)
        os.replace(made, path)
    except BaseException:
        os.unlink(made)
        raise


def _key(row: dict[str, Any]) -> Key:
    """A row of the file. Raises TypeError or ValueError."""
    key = Key(**row | {"role": Role[row["role"].upper()]})
    texts = (key.id, key.name, key.tenant, key.created, key.sha256, key.expires)
    quotas = (key.requests_per_second, key.bytes_per_second)
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(quota, int | float) and 0 <= quota < float("inf") for quota in quotas):
        raise ValueError(f"key {key.name!r}")
    if len(bytes.fromhex(key.sha256)) != 32 or datetime.fromisoformat(key.expires or key.created).tzinfo is None:
        raise ValueError(f"key {key.name!r}")
    return key


def _told(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")
