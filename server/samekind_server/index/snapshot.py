"""Writes a graph to disk whole or not at all, and reads it again only where every byte is as it was written."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from samekind.types import Floats, Metric, Rotation
from samekind_server.durable import sync
from samekind_server.index.base import Rows, Shape, Step
from samekind_server.index.graph import FORMAT, READ, Graph, capacity, vectors
from samekind_server.index.projection import Projection
from samekind_server.index.table import Places, Table, View
from samekind_server.index.twins import Twins

VERSION = 1  # Of the files here; another one is made anew.
MANIFEST = "manifest.json"
PARTS = (".graph", ".rows", ".vectors", ".manifest")


class Unusable(Exception):
    """Why a snapshot cannot be used."""


@dataclass(frozen=True)
class About:
    """Whose snapshot it is, the change it is up to, and the row up to which every live row is in its graph (-1: there is no graph)."""

    identity: str
    change: int
    shape: Shape
    mark: int


def write(folder: Path, about: About, graph: Graph | None, view: View, step: Step) -> None:
    """Puts a graph and its live rows in place of what the folder has. Raises OSError, and leaves the folder as it was."""
    token = secrets.token_hex(6)
    parts = {name: folder / f"{token}.{name}" for name in _parts(about.shape)}
    places = np.flatnonzero(view.live & (view.rows <= about.mark))
    try:
        step("clear")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sweep(folder)
        step("graph")
        parts["graph"].touch() if graph is None else graph.save(parts["graph"])
        step("rows")
        _write_rows(parts["rows"], graph, view.rows[places])
        if about.shape.reduced:
            _write_vectors(parts["vectors"], view, places)
        step("sync")
        manifest = _manifest(about, {name: _synced(file) for name, file in parts.items()})
        step("manifest")
        written = folder / f"{token}.manifest"
        written.write_bytes(manifest)
        _synced(written)
        step("rename")
        written.replace(folder / MANIFEST)
        step("sync-folder")
        sync(folder)
        step("sweep")
    finally:
        with suppress(OSError):
            _sweep(folder)


def read(folder: Path, identity: str, shape: Shape, newest: int) -> tuple[About, Table, Graph | None]:
    """What `write` wrote. Raises Unusable for whatever else lies there."""
    try:
        told = _told(folder)
        about = _about(told, identity, shape, newest)
        return (about, *_loaded(about, {name: _checked(folder, told["parts"][name]) for name in _parts(shape)}))
    except FileNotFoundError as error:
        raise Unusable(f"{Path(error.filename).name} is not there") from error
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, MemoryError) as error:
        raise Unusable(f"it cannot be read: {error}") from error


def _parts(shape: Shape) -> tuple[str, ...]:
    """Its files. A graph that goes by fewer numbers has not the whole vectors."""
    return ("graph", "rows", "vectors") if shape.reduced else ("graph", "rows")


def _manifest(about: About, parts: dict[str, dict[str, Any]]) -> bytes:
    shape = about.shape
    shaped = {"dimensions": shape.dimensions, "metric": shape.metric.value, "m": shape.m, "ef_construction": shape.ef_construction}
    shaped |= {"search_dimensions": shape.search_dimensions, "rotation": shape.rotation.value}
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
    of = told["shape"] | {"metric": Metric(told["shape"]["metric"]), "rotation": Rotation(told["shape"]["rotation"])}
    about = About(identity, told["change"], Shape(**of), told["mark"])
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
    """The live rows, those of them that are set aside with their vectors, each vector once, and the graph's axes and effort."""
    none = np.empty(0, np.int64)
    aside, kinds, vectors = (none, none, none) if graph is None else graph.twins.saved(rows)
    axes = none if graph is None or graph.projection.axes is None else graph.projection.axes
    effort = 0 if graph is None else graph.ef
    with file.open("wb") as opened:
        np.savez(opened, rows=rows, aside=aside, kinds=kinds, vectors=vectors, axes=axes, effort=effort)


def _write_vectors(file: Path, view: View, places: Places) -> None:
    with file.open("wb") as opened:
        for start in range(0, len(places), READ):
            view.vectors(places[start : start + READ]).tofile(opened)


def _loaded(about: About, files: dict[str, Path]) -> tuple[Table, Graph | None]:
    table, shape = Table(about.shape.dimensions), about.shape
    if about.mark < 0:
        return table, None
    with np.load(files["rows"]) as told:
        rows, aside, kinds, copies, axes, effort = (told[name] for name in ("rows", "aside", "kinds", "vectors", "axes", "effort"))
    twins, linked = Twins(shape.dimensions, len(rows)), vectors(files["graph"], shape)
    if shape.reduced:
        table.fill(rows, _counted(twins, _whole(files["vectors"], rows, shape)))
        others = np.setdiff1d(np.concatenate([aside[:0], *(some for some, _ in linked)]), rows)
    else:
        others = table.fill(rows, chain(_counted(twins, linked), _copies(aside, kinds, copies)))
    graph = Graph(shape, capacity(len(rows) + len(others)), Projection(shape.searched, axes if len(axes) else None), files["graph"])
    graph.tune(int(effort))
    graph.remove(others)
    graph.mark, graph.removed, graph.twins = about.mark, len(others), twins
    twins.load(aside, kinds, copies)
    return table, graph


def _whole(file: Path, rows: Rows, shape: Shape) -> Iterator[tuple[Rows, Floats]]:
    with file.open("rb") as opened:
        for start in range(0, len(rows), READ):
            some = rows[start : start + READ]
            yield some, np.fromfile(opened, "<f4", len(some) * shape.dimensions).reshape(len(some), shape.dimensions)


def _counted(twins: Twins, parts: Iterable[tuple[Rows, Floats]]) -> Iterator[tuple[Rows, Floats]]:
    for rows, some in parts:
        twins.few(some)
        yield rows, some


def _copies(aside: Rows, kinds: Rows, copies: Floats) -> Iterator[tuple[Rows, Floats]]:
    for start in range(0, len(aside), READ):
        yield aside[start : start + READ], copies[kinds[start : start + READ]]


def _synced(file: Path) -> dict[str, Any]:
    """Its name, size and digest, once it is on disk."""
    sync(file)
    with file.open("rb") as opened:
        return {"file": file.name, "size": os.fstat(opened.fileno()).st_size, "sha256": hashlib.file_digest(opened, "sha256").hexdigest()}


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
