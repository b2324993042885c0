"""Writes a graph to disk whole or not at all, and reads it again only where every byte is as it was written."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from samekind.types import Floats, Metric
from samekind_server.index.base import Rows, Shape, Step
from samekind_server.index.graph import FORMAT, READ, Graph, capacity, vectors
from samekind_server.index.table import Table
from samekind_server.index.twins import Twins

VERSION = 1  # Of the files here; another one is made anew.
MANIFEST = "manifest.json"
PARTS = (".graph", ".rows", ".manifest")


class Unusable(Exception):
    """Why a snapshot cannot be used."""


@dataclass(frozen=True)
class About:
    """Whose snapshot it is, the change it is up to, and the row up to which every live row is in its graph (-1: there is no graph)."""

    identity: str
    change: int
    shape: Shape
    mark: int


def write(folder: Path, about: About, graph: Graph | None, rows: Rows, step: Step) -> None:
    """Puts a graph and its live rows in place of what the folder has. Raises OSError, and leaves the folder as it was."""
    token = secrets.token_hex(6)
    parts = {"graph": folder / f"{token}.graph", "rows": folder / f"{token}.rows"}
    try:
        step("clear")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sweep(folder)
        step("graph")
        parts["graph"].touch() if graph is None else graph.save(parts["graph"])
        step("rows")
        _write_rows(parts["rows"], graph, rows)
        step("sync")
        manifest = _manifest(about, {name: _synced(file) for name, file in parts.items()})
        step("manifest")
        written = folder / f"{token}.manifest"
        written.write_bytes(manifest)
        _synced(written)
        step("rename")
        written.replace(folder / MANIFEST)
        step("sync-folder")
        _sync(folder)
        step("sweep")
    finally:
        with suppress(OSError):
            _sweep(folder)


def read(folder: Path, identity: str, shape: Shape, newest: int) -> tuple[About, Table, Graph | None]:
    """What `write` wrote. Raises Unusable for whatever else lies there."""
    try:
        told = _told(folder)
        about = _about(told, identity, shape, newest)
        graph_file, rows_file = (_checked(folder, told["parts"][name]) for name in ("graph", "rows"))
        return (about, *_loaded(about, graph_file, rows_file))
    except FileNotFoundError as error:
        raise Unusable(f"{Path(error.filename).name} is not there") from error
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, MemoryError) as error:
        raise Unusable(f"it cannot be read: {error}") from error


def _manifest(about: About, parts: dict[str, dict[str, Any]]) -> bytes:
    shape = about.shape
    shaped = {"dimensions": shape.dimensions, "metric": shape.metric.value, "m": shape.m, "ef_construction": shape.ef_construction}
    told = {"version": VERSION, "made_by": FORMAT, "identity": about.identity, "change": about.change, "shape": shaped, "mark": about.mark}
    body = json.dumps(told | {"parts": parts}, sort_keys=True)
    return f"{body}\n{hashlib.sha256(body.encode()).hexdigest()}\n".encode()


def _told(folder: Path) -> dict[str, Any]:
    body, _, digest = (folder / MANIFEST).read_bytes().strip().partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise Unusable(f"{MANIFEST} is damaged")
    told: dict[str, Any] = json.loads(body)
    return told


def _about(told: dict[str, Any], identity: str, shape: Shape, newest: int) -> About:
    """What the manifest says it is. Raises Unusable where that is not what is asked for."""
    if (told["version"], told["made_by"]) != (VERSION, FORMAT):
        raise Unusable(f"it is of format {told['version']} by {told['made_by']}, not {VERSION} by {FORMAT}")
    if told["identity"] != identity:
        raise Unusable(f"it is of {told['identity']}, not of {identity}")
    of = told["shape"]
    about = About(identity, told["change"], Shape(of["dimensions"], Metric(of["metric"]), of["m"], of["ef_construction"]), told["mark"])
    if about.shape != shape:
        raise Unusable(f"it is of {about.shape}, not of {shape}")
    if about.change > newest:
        raise Unusable(f"it is up to change {about.change}, but the store is at {newest}: it is of another life of the store")
    return about


def _checked(folder: Path, part: dict[str, Any]) -> Path:
    """The file, every byte of which is as it was written. Raises Unusable, OSError."""
    file = folder / Path(part["file"]).name
    with file.open("rb") as opened:
        size, digest = os.fstat(opened.fileno()).st_size, hashlib.file_digest(opened, "sha256").hexdigest()
    if (size, digest) != (part["size"], part["sha256"]):
        raise Unusable(f"{file.name} is damaged: {size:,} bytes of {part['size']:,}, or others than were written")
    return file


def _write_rows(file: Path, graph: Graph | None, rows: Rows) -> None:
    """The live rows, and those of them that are set aside with their vectors, each vector once."""
    none = np.empty(0, np.int64)
    aside, kinds, vectors = (none, none, none) if graph is None else graph.twins.saved(rows)
    with file.open("wb") as opened:
        np.savez(opened, rows=rows, aside=aside, kinds=kinds, vectors=vectors)


def _loaded(about: About, file: Path, rows_file: Path) -> tuple[Table, Graph | None]:
    table = Table(about.shape.dimensions)
    if about.mark < 0:
        return table, None
    with np.load(rows_file) as told:
        rows, aside, kinds, copies = (told[name] for name in ("rows", "aside", "kinds", "vectors"))
    twins = Twins(about.shape.dimensions, len(rows))
    others = table.fill(rows, chain(_counted(twins, file, about.shape), _copies(aside, kinds, copies)))
    graph = Graph(about.shape, capacity(len(rows) + len(others)), file)
    graph.remove(others)
    graph.mark, graph.removed, graph.twins = about.mark, len(others), twins
    twins.load(aside, kinds, copies)
    return table, graph


def _counted(twins: Twins, file: Path, shape: Shape) -> Iterator[tuple[Rows, Floats]]:
    for rows, some in vectors(file, shape):
        twins.few(some)
        yield rows, some


def _copies(aside: Rows, kinds: Rows, copies: Floats) -> Iterator[tuple[Rows, Floats]]:
    for start in range(0, len(aside), READ):
        yield aside[start : start + READ], copies[kinds[start : start + READ]]


def _synced(file: Path) -> dict[str, Any]:
    """Its name, size and digest, once it is on disk."""
    _sync(file)
    with file.open("rb") as opened:
        return {"file": file.name, "size": os.fstat(opened.fileno()).st_size, "sha256": hashlib.file_digest(opened, "sha256").hexdigest()}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Removes the parts that the manifest does not name."""
    named = set[str]()
    with suppress(Unusable, OSError, ValueError, KeyError, TypeError):
        named = {part["file"] for part in _told(folder)["parts"].values()}
    for file in folder.iterdir():
        if file.suffix in PARTS and file.name not in named and not file.is_dir():
            file.unlink()
    with suppress(OSError):
        (folder / MANIFEST).rmdir()
