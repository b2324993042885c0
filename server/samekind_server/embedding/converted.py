"""Keeps models as OpenVINO runs them on disk, by what they were made of; a damaged one is made again."""

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from samekind.errors import ModelUnavailable
from samekind_server.embedding import children
from samekind_server.embedding._openvino import openvino
from samekind_server.embedding.cutting import End
from samekind_server.embedding.openvino_runtime import fastest
from samekind_server.embedding.quickest import quickest
from samekind_server.embedding.sources import Source, to_plain
from samekind_server.embedding.tokenizing import files_digest
from samekind_server.embedding.weights import Learnt

LOG = logging.getLogger(__name__)
FORMAT = 1  # Of these folders; another number, and they are made afresh.
CARD = "converted.json"
MAKING = ".making-"
ABANDONED = 24 * 3600  # seconds after which a folder still being made is taken for one whose maker was killed


@dataclass(frozen=True)
class Converted:
    """A converted model: two graphs in `folder`, unless `refused` says why there are none, and what is known of it without its weights."""

    folder: Path
    learnt: Learnt
    end: End
    gaps: Mapping[str, float]
    refused: str
    words: Mapping[str, Any] | None


def of(source: Source, cache: Path, *, threads: int) -> Converted:
    """The source's model converted, from the cache or else made now. Raises BadModel and ModelUnavailable."""
    try:
        home = _home(cache)
        folder = home / key(source)
        return kept(folder) or _made(source, home, folder, threads)
    except OSError as error:
        raise ModelUnavailable(f"{source.name} was not made ready: {error}") from None


def kept(folder: Path) -> Converted | None:
    """What that folder holds, where it is whole to the last byte."""
    try:
        card = json.loads((folder / CARD).read_text())
        whole = all(digest(folder / file) == expected for file, expected in card["files"].items())
        return _read(folder, card["model"]) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def key(source: Source) -> str:
    """Names what the graphs are made of: the weights' file, how they are used, and what makes them."""
    words = files_digest(source.tokenizer) if source.tokenizer else ""
    made_of = [FORMAT, openvino.get_version(), fastest().value, quickest(), digest(source.weights), source.form, asdict(source.preprocess), words]
    return hashlib.sha256(json.dumps(made_of, sort_keys=True, default=list).encode()).hexdigest()[:32]


def digest(file: Path) -> str:
    """The SHA-256 of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _made(source: Source, home: Path, folder: Path, threads: int) -> Converted:
    LOG.info("%s is converted for OpenVINO, once", source.name)
    making = Path(mkdtemp(prefix=MAKING, dir=home))
    try:
        model = children.run("convert", source.name, {"name": source.name, "source": to_plain(source), "threads": threads}, making)
        files = {file.name: digest(file) for file in sorted(making.iterdir())}
        (making / CARD).write_text(json.dumps({"model": model, "files": files}))
        _put(making, folder)
        return _read(folder, model)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _put(making: Path, folder: Path) -> None:
    """In its place at once and whole; where another was quicker with the same, that stays."""
    if folder.exists() and not kept(folder):
        shutil.rmtree(folder)
    try:
        making.rename(folder)
    except OSError:
        if not folder.exists():
            raise


def _read(folder: Path, model: Mapping[str, Any]) -> Converted:
    return Converted(**{**model, "folder": folder, "learnt": Learnt(**model["learnt"])})


def _home(cache: Path) -> Path:
    home = cache / "converted"
    home.mkdir(parents=True, exist_ok=True)
    for left in home.glob(f"{MAKING}*"):
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > ABANDONED:
                shutil.rmtree(left, ignore_errors=True)
    return home
