"""`samekind labels`: label sets from files to the server and back."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

import samekind
from samekind import label_files, show
from samekind.command import Asking, asking, say, stop
from samekind.errors import NotFound, SamekindError
from samekind.label_changes import Changes, changes, lines
from samekind.label_files import LabelFile
from samekind.label_schema import SCHEMA
from samekind.types import LabelSet

app = typer.Typer(no_args_is_help=True, help="Label sets that the server keeps: labels under a name, with versions.")

Name = Annotated[str, typer.Argument(help="The set's name, or NAME@VERSION for one of its last 10 versions.", show_default=False)]
Etag = Annotated[str, typer.Option(help="Only where the set is still this one, as `show --json` told; else exit 1.")]


@app.command("put")
@asking
def put(
    asks: Asking,
    files: Annotated[list[Path], typer.Argument(help="YAML or JSON files, a set in each; - is standard input.", show_default=False)],
    name: Annotated[str, typer.Option(help="The set's name, whatever its file says.")] = "",
    etag: Etag = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would change, and change nothing.")] = False,
) -> None:
    """Make each file's label set, or make the one that is there what its file says."""
    if (name or etag) and len(files) > 1:
        stop("--name and --etag are for one file", 2)
    given = [_read(file, name) for file in files]
    with asks.client() as sk:
        done = [_put(sk, file, etag, dry_run, asks.as_json) for file in given]
        say(show.told_json({"label_sets": [_head(now) | {"changes": _counts(found)} for now, found in done]}) if asks.as_json else "")


@app.command("show")
@asking
def show_one(asks: Asking, name: Name) -> None:
    """Print a label set as a file that `put` takes."""
    with asks.client() as sk:
        now = sk.label_set(name).value
        say(
            show.told_json(label_files.plain(now) | _head(now))
            if asks.as_json
            else f"# version {now.version}, {_moment(now)}\n{label_files.dump(now)}"
        )


@app.command("list")
@asking
def list_all(asks: Asking) -> None:
    """List the label sets."""
    with asks.client() as sk:
        sets = sk.label_sets()
        say(show.told_json({"label_sets": [_head(each) for each in sets]}) if asks.as_json else _table(sets))


@app.command("delete")
@asking
def delete(
    asks: Asking,
    names: Annotated[list[str], typer.Argument(help="The sets' names.", show_default=False)],
    etag: Etag = "",
    missing_ok: Annotated[bool, typer.Option("--missing-ok", help="It is well where there is no such set.")] = False,
) -> None:
    """Delete label sets, with all their versions."""
    if etag and len(names) > 1:
        stop("--etag is for one set", 2)
    with asks.client() as sk:
        for name in names:
            sk.delete_label_set(name, etag=etag, missing_ok=missing_ok)
            say("" if asks.as_json else f"deleted {name}\n")
        say(show.told_json({"deleted": names}) if asks.as_json else "")


@app.command("diff")
@asking
def diff(
    asks: Asking,
    before: Annotated[str, typer.Argument(help="A file, or NAME or NAME@VERSION; alone it is a file, compared to its set.", show_default=False)],
    after: Annotated[str, typer.Argument(help="A file, or NAME or NAME@VERSION.", show_default=False)] = "",
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 1 where something differs.")] = False,
) -> None:
    """Tell what differs between a file and the server's set, or between any two."""
    if not after and not _is_file(before):
        stop(f"no such file: {before}; to compare what the server keeps give two, e.g. {before}@1 {before}", 2)
    with asks.client() as sk:
        new = _either(sk, after or before)
        old = _either(sk, before if after else new.name)
        found = changes(old, new)
        say(show.told_json(_all(found)) if asks.as_json else show.changed([*lines(found), found.counts]))
    if found and exit_code:
        raise typer.Exit(1)


@app.command("schema")
def schema() -> None:
    """Print the JSON schema of a label set's file."""
    say(show.indented_json(SCHEMA))


def _put(sk: samekind.Client, file: LabelFile, etag: str, dry_run: bool, as_json: bool) -> tuple[LabelSet, Changes]:
    given = file.value
    try:
        now = sk.label_set(given.name).value
    except NotFound:
        now = LabelSet(given.name, replace(given.labels, labels=()), given.model)
    found = changes(now, given)
    if not dry_run:
        with _placed(file):
            now = sk.label_set(given.name, given.labels, model=given.model, etag=etag).value
    if not as_json:
        say(f"{now.name}: {_state(now, given, dry_run)} labels ({found.counts})\n")
    return now, found


def _state(now: LabelSet, given: LabelSet, dry_run: bool) -> str:
    if not now.version:
        return f"would be made, {len(given.labels.labels):,}"
    return f"version {now.version}{' would change' if dry_run else ''}, {now.label_count:,}"


@contextmanager
def _placed(file: LabelFile) -> Iterator[None]:
    """What the server refuses is told with its place in the file."""
    try:
        yield
    except SamekindError as error:
        place = file.placed(error.violations[0].field) if error.violations else file.where
        error.message = f"{place}: {error.message}"
        raise


def _read(file: Path, name: str) -> LabelFile:
    try:
        if str(file) == "-":
            return label_files.parse(sys.stdin.buffer.read(), "standard input", name=name)
        return label_files.read(file, name=name)
    except OSError as error:
        stop(f"cannot read {file}: {error.strerror}", 2)
    except ValueError as error:
        stop(str(error), 2)


def _is_file(given: str) -> bool:
    return given == "-" or "/" in given or Path(given).suffix in {".yaml", ".yml", ".json"} or Path(given).is_file()


def _either(sk: samekind.Client, given: str) -> LabelSet:
    return _read(Path(given), "").value if _is_file(given) else sk.label_set(given).value


def _head(now: LabelSet) -> dict[str, Any]:
    times = {key: value.isoformat() for key, value in (("create_time", now.create_time), ("update_time", now.update_time)) if value}
    return {"name": now.name, "version": now.version, "etag": now.etag, "label_count": now.label_count, "model": now.model} | times


def _counts(found: Changes) -> dict[str, Any]:
    labels = {"added": len(found.added), "removed": len(found.removed), "changed": len(found.changed)}
    return labels | {"order": found.moved, "templates": bool(found.templates), "model": bool(found.model)}


def _all(found: Changes) -> dict[str, Any]:
    labels = {"added": found.added, "removed": found.removed}
    told: dict[str, Any] = {how: {label.name: label_files.said(label) for label in each} for how, each in labels.items()}
    told["changed"] = {new.name: {"before": label_files.said(old), "after": label_files.said(new)} for old, new in found.changed}
    pairs = {"templates": found.templates, "model": found.model}
    return told | {"order": found.moved} | {what: dict(zip(("before", "after"), pair, strict=True)) if pair else None for what, pair in pairs.items()}


def _moment(now: LabelSet) -> str:
    return f"{now.update_time:%Y-%m-%d %H:%M} UTC" if now.update_time else ""


def _table(sets: Sequence[LabelSet]) -> str:
    rows: list[tuple[str, ...]] = [
        (each.name, f"{each.label_count:,}", str(each.version), each.model or "the server's first", _moment(each)) for each in sets
    ]
    return show.rows(("label set", "labels", "version", "model", "changed"), rows, "no label set yet; `samekind labels put FILE` makes one")
