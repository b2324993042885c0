"""Fetches one file of the hub into its cache: what came is kept and gone on from, and what is not what the hub says it is never stays."""

import fcntl
import hashlib
import logging
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from samekind.errors import ModelUnavailable

Progress = Callable[[str, int, int], None]  # A file's name, bytes here, bytes in all.
LOG = logging.getLogger(__name__)
CHUNK = 1 << 20
PLAIN = re.compile(r"\w[\w-]*")
TRIES = 5  # that bring nothing, one after another


@dataclass(frozen=True)
class Remote:
    """A file of the hub; `etag` is the SHA-256 of a large one and git's own SHA-1 of a small one."""

    repository: str
    name: str
    commit: str
    etag: str
    size: int

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.repository}/{self.name}"


def remote(repository: str, name: str, commit: str | None) -> Remote:
    """What the hub says of a file, at its newest where no `commit` is named. Raises what the hub's client raises."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    told = get_hf_file_metadata(hf_hub_url(repository, name, revision=commit))
    commit, etag, size = told.commit_hash or "", told.etag or "", told.size
    if size is None or not (PLAIN.fullmatch(commit) and PLAIN.fullmatch(etag)) or ".." in Path(name).parts:
        raise ModelUnavailable(f"{repository}/{name} cannot be fetched: the hub does not say what it is")
    return Remote(repository, name, commit, etag, size)


def fetch(file: Remote, cache: Path, progress: Progress, *, verify: bool) -> Path:
    """The file in the cache, fetched as far as it is not there; with `verify` also where what is there is not what the hub says."""
    home = cache / f"models--{file.repository.replace('/', '--')}"
    blob, place = home / "blobs" / file.etag, home / "snapshots" / file.commit / file.name
    with _alone(cache / ".locks" / home.name / f"{file.etag}.lock"):
        if verify and blob.exists() and not is_what_it_says(file, blob):
            blob.unlink()
        if not blob.exists():
            _bring(file, blob, progress)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            place.unlink(missing_ok=True)
            place.symlink_to(Path(*[".."] * (len(Path(file.name).parts) + 1), "blobs", file.etag))
    return place


def is_what_it_says(file: Remote, path: Path) -> bool:
    """Whether the bytes at `path` are the file's."""
    size = path.stat().st_size
    if size != file.size:
        return False
    git = re.fullmatch(r"[0-9a-f]{40}", file.etag)
    if not git and not re.fullmatch(r"[0-9a-f]{64}", file.etag):
        return True  # A mirror's own way of naming versions says nothing of the bytes.
    digest = hashlib.sha1(b"blob %d\0" % size) if git else hashlib.sha256()
    with path.open("rb") as opened:
        for chunk in iter(partial(opened.read, CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest() == file.etag


def _bring(file: Remote, blob: Path, progress: Progress) -> None:
    blob.parent.mkdir(parents=True, exist_ok=True)
    part = blob.with_name(f"{file.etag}.partial")
    _check_space(file, part)
    progress(file.label, _size(part), file.size)
    _stream_on(file, part, progress)
    if not is_what_it_says(file, part):
        part.unlink()
        raise ModelUnavailable(f"{file.label} came damaged: it is not what the hub says it is, and nothing of it was kept; ask again")
    part.replace(blob)


def _stream_on(file: Remote, part: Path, progress: Progress) -> None:
    """Goes on from what is there, again as often as a broken connection brought something."""
    from huggingface_hub.errors import HfHubHTTPError

    broken: type[Exception] = HfHubHTTPError.__mro__[1]  # What the hub's client, whichever it is, raises where a connection fails it.
    idle = 0
    while (had := _size(part)) != file.size:
        try:
            _stream(file, part, had, progress)
        except HfHubHTTPError:
            raise
        except broken as error:
            LOG.info("%s broke off: %s", file.label, error)
        idle = 0 if _size(part) > had else idle + 1
        if idle == TRIES:
            raise ModelUnavailable(f"{file.label} broke off after {_size(part):,} of {file.size:,} bytes; ask again, and it goes on from there")


def _stream(file: Remote, part: Path, had: int, progress: Progress) -> None:
    from huggingface_hub import constants, get_session, hf_hub_url
    from huggingface_hub.utils._headers import build_hf_headers
    from huggingface_hub.utils._http import hf_raise_for_status

    headers = build_hf_headers() | {"Accept-Encoding": "identity"} | ({"Range": f"bytes={had}-"} if 0 < had < file.size else {})
    url, patience = hf_hub_url(file.repository, file.name, revision=file.commit), constants.HF_HUB_DOWNLOAD_TIMEOUT
    with get_session().stream("GET", url, headers=headers, timeout=patience, follow_redirects=True) as response:
        hf_raise_for_status(response)
        goes_on = response.headers.get("Content-Range", "").startswith(f"bytes {had}-")
        with part.open("ab" if goes_on else "wb", buffering=0) as out:
            for chunk in response.iter_bytes():  # As they come: gathered, they would be lost where it breaks off.
                out.write(chunk)
                progress(file.label, out.tell(), file.size)


def _check_space(file: Remote, part: Path) -> None:
    free, wanted = shutil.disk_usage(part.parent).free, file.size - _size(part)
    if wanted > free:
        raise ModelUnavailable(f"{file.label} needs {wanted:,} bytes more, and {part.parent} has {free:,} free")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Whoever else wants the same file waits, and then has it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
