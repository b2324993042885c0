"""The server's own folder: made, proved writable, and held by one server at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from samekind.errors import SettingError
from samekind_server.durable import sync


class DataDir:
    """Holds the folder while it is open; the lock goes with the process, however that ends. Raises SettingError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            missing = [folder for folder in (path, *path.parents) if not folder.exists()]
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in missing:
                sync(folder.parent)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._hold()
        except OSError as error:
            way_out = "make room, mend it, or name another with --data DIR"
            raise SettingError(f"cannot write in the data folder {path}: {error.strerror}; {way_out}") from None

    def _hold(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 32, 0).decode(errors="replace").strip()
            os.close(self._lock)
            used = f"the data folder {self.path} is in use by another samekind (process {holder})"
            raise SettingError(f"{used}; stop it, or name another with --data DIR") from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def prove(self) -> None:
        """Writes in the folder and reads it again. Raises SettingError where that fails, as it does on a full disk."""
        file, written = self.path / "proof", os.urandom(4096)
        try:
            with file.open("wb") as opened:
                opened.write(written)
                opened.flush()
                os.fsync(opened.fileno())
            read = file.read_bytes()
        except OSError as error:
            raise SettingError(f"cannot write in the data folder {self.path}: {error.strerror}; make room or mend it") from None
        if read != written:
            raise SettingError(f"the data folder {self.path} gives back other bytes than were written; its disk may be failing")

    def __enter__(self) -> "DataDir":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._lock)


@contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Whether nobody else uses the folder, which then nobody can until the end. Raises SettingError where there is none."""
    if not folder.is_dir():
        raise SettingError(f"there is no folder {folder}; name another with --data DIR")
    try:
        alone = DataDir(folder)
    except SettingError:
        yield False
        return
    with alone:
        yield True
