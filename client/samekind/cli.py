"""The command line: `samekind` and its commands; those about catalogs, events and label sets are modules of their own."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypedDict

import numpy as np

import samekind
from samekind.errors import SamekindError
from samekind.inputs import Given
from samekind.types import Embedding, Floats

try:
    import typer

    from samekind import (
        bulk,
        bulk_command,
        catalog_command,
        catalogs_command,
        event_command,
        folders,
        labels_command,
        on_disk,
        recommend_command,
        search_command,
        show,
    )
    from samekind.command import Asking, Json, asking, check_images, check_there, say, stop, told
except ModuleNotFoundError as missing:
    print(f'samekind: {missing.name} is missing; install the command line with pip install "samekind[cli]"', file=sys.stderr)
    raise SystemExit(2) from None

ASK, HERE = "Ask a server", "A server on this machine"
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="What kind is it, and what else is the same kind? Exit codes: 0 done, 1 the server refused, 2 wrong usage.",
)
models = typer.Typer(no_args_is_help=True, help="The models on this machine, and those a server serves.")
app.add_typer(models, name="models", rich_help_panel=HERE)
app.add_typer(labels_command.app, name="labels", rich_help_panel=ASK)
app.add_typer(catalogs_command.app, name="catalogs", rich_help_panel=ASK)

MANY = 1000  # Labels that take seconds to read.

# The server's package reads the options of these, and prints their help.
_as_they_are = {"allow_extra_args": True, "ignore_unknown_options": True}
_handed_on = partial(app.command, rich_help_panel=HERE, add_help_option=False, context_settings=_as_they_are)

ServerIfAny = Annotated[str | None, typer.Option(envvar="SAMEKIND_SERVER", help="Ask this server, host:port, not this machine.")]
Data = Annotated[Path | None, typer.Option(envvar="SAMEKIND_DATA", help="The server's data folder, as `serve --data` has it.")]
Name = Annotated[str, typer.Argument(help="An open_clip NAME/TAG, hf-hub:ORG/NAME or local-dir:PATH.", show_default=False)]
Offline = Annotated[bool, typer.Option("--offline", help="Never touch a network: make ready what was fetched before.")]
Paths = Annotated[list[Path] | None, typer.Argument(help="Image files, and folders to look for images in.", show_default=False)]
Texts = Annotated[list[str] | None, typer.Option("--text", help="A text to look at; may be repeated.")]
ModelName = Annotated[str, typer.Option("--model", help="A model the server serves; its first where none is named.")]


def main() -> None:
    """The command `samekind`."""
    warnings.showwarning = lambda message, *_: print(f"samekind: {message}", file=sys.stderr)
    try:
        app()
    except KeyboardInterrupt:  # Before a command has begun.
        raise SystemExit(130) from None


@app.callback()
def common(
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=lambda asked: _version(asked), help="Print the version.")] = False,
) -> None:
    """Options of samekind itself."""


@app.command(rich_help_panel=ASK)
@asking
def classify(
    asks: Asking,
    paths: Paths = None,
    text: Texts = None,
    labels: Annotated[str, typer.Option(help="Labels, with commas between them: cat,dog,car.")] = "",
    label: Annotated[list[str] | None, typer.Option(help='A label with a description, "ripe=a yellow banana"; may be repeated.')] = None,
    label_set: Annotated[str, typer.Option(help="Label sets the server keeps, NAME or NAME@VERSION, with commas between them.")] = "",
    multi: Annotated[bool, typer.Option("--multi", help="Any number of labels may hold, not exactly one.")] = False,
    top_k: Annotated[int, typer.Option(min=0, help="Most labels to answer; 0 is all.")] = 0,
    min_probability: Annotated[float, typer.Option(min=0, max=1, help="Leave out less probable labels.")] = 0.0,
    templates: Annotated[list[str] | None, typer.Option(help="plain, photo or imagenet; or a sentence with one {}, may be repeated.")] = None,
    model: ModelName = "",
    output: Annotated[Path | None, typer.Option(help="Write a row for each input to this file: .jsonl, .csv or .parquet.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an output that was begun before.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where any input failed.")] = False,
) -> None:
    """Say what kind images and texts are, among labels."""
    with asks.client() as sk:
        asked: dict[str, Any] = {"multi": multi, "top_k": top_k, "min_probability": min_probability, "model": model}
        asked |= _asked(labels, label, templates, label_set)
        _tell_of_many(asked.get("labels", ()))
        if output:
            _check(paths, text)
            sets = asked.get("label_sets", ())
            bulk_command.run(sk, output, lambda: _each(paths, text), sets=sets, resume=resume, strict=strict, as_json=asks.as_json, asked=asked)
            return
        if resume:
            stop("--resume goes on with a file; name it with --output", 2)
        inputs, started = _inputs(paths, text), time.perf_counter()
        names = [name for name, _ in inputs]
        answers = sk.classify([content for _, content in inputs], progress=sys.stderr.isatty(), **asked)
        _warn_of_cuts(names, [answer.truncated for answer in answers], bulk.cut_labels(answers[0]))
        say(show.answers_json(names, answers) if asks.as_json else show.answers(names, answers, time.perf_counter() - started))
        failed = [(name, answer.error) for name, answer in zip(names, answers, strict=True) if answer.error]
        if asks.as_json or not sys.stdout.isatty():  # Else they are seen in their rows.
            bulk_command.failures(failed[: bulk.NAMED], len(failed))
        if failed and (strict or len(failed) == len(answers)):
            raise typer.Exit(1)


@app.command(rich_help_panel=ASK)
@asking
def embed(
    asks: Asking,
    paths: Paths = None,
    text: Texts = None,
    dimensions: Annotated[int, typer.Option(min=0, help="Keep the first so many numbers and normalise again; 0 is all.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write the vectors to this .npy file, a row for each input; NaN where it failed.")] = None,
    model: ModelName = "",
) -> None:
    """Turn images and texts into unit vectors."""
    inputs, started = _inputs(paths, text), time.perf_counter()
    names = [name for name, _ in inputs]
    with asks.client() as sk:
        made = sk.embed([content for _, content in inputs], dimensions=dimensions, model=model, progress=sys.stderr.isatty())
    _warn_of_cuts(names, [each.truncated for each in made], ())
    if out:
        _save(out, made)
    say(show.embeddings_json(names, made) if asks.as_json else show.embeddings(names, made, time.perf_counter() - started))
    _end(each.error for each in made)


app.command("add", rich_help_panel=ASK)(catalog_command.add)
app.command("search", rich_help_panel=ASK)(search_command.search)
app.command("record", rich_help_panel=ASK)(event_command.record)
app.command("recommend", rich_help_panel=ASK)(recommend_command.recommend)
app.command("forget", rich_help_panel=ASK)(event_command.forget)


@models.command("list")
@asking
def list_models(asks: Asking, data: Data = None, server: ServerIfAny = None) -> None:
    """List the models on this machine or, with --server, those it serves."""
    if server is None:
        here = next(on_disk.ask("list", data=data))["models"]
        say(show.told_json({"models": here}) if asks.as_json else show.models_here(here))
        return
    with asks.client() as sk:
        served = sk.models()
    say(show.models_json(served) if asks.as_json else show.models(served))


@models.command("show")
@asking
def show_model(
    asks: Asking,
    name: Annotated[str, typer.Argument(help="The model's name; where none is named mini, or the server's first.", show_default=False)] = "",
    data: Data = None,
    server: ServerIfAny = None,
) -> None:
    """Show one model on this machine or, with --server, one it serves."""
    if server is None:
        here = next(on_disk.ask("show", name or "mini", data=data))["model"]
        say(show.told_json(here) if asks.as_json else show.model_here(here))
        return
    with asks.client() as sk:
        served = sk.model(name)
    say(show.model_json(served) if asks.as_json else show.model(served))


@models.command("pull")
def pull_model(name: Name, data: Data = None, offline: Offline = False, as_json: Json = False) -> None:
    """Fetch a model and make it ready, so that a server can serve it without a network."""
    with told(as_json):
        try:
            pulled = show.followed_pull(on_disk.ask("pull", name, data=data, offline=offline))
        except KeyboardInterrupt:
            print("samekind: what was fetched so far is kept; the same command goes on from there", file=sys.stderr)
            raise
        say(show.told_json(pulled) if as_json else show.model_here(pulled))


@models.command("remove")
def remove_model(name: Name, data: Data = None, as_json: Json = False) -> None:
    """Remove a model from this machine."""
    with told(as_json):
        freed = next(on_disk.ask("remove", name, data=data))
        say(show.told_json(freed) if as_json else f"removed {name}: {show.size(freed['freed'])} freed\n")


@_handed_on()
def serve(context: typer.Context) -> None:
    """Serve; `samekind serve --help` lists the settings."""
    _become("samekind_server", context.args)


@_handed_on()
def keys(context: typer.Context) -> None:
    """Add, list and remove its keys."""
    _become("samekind_server.keys_command", context.args)


@_handed_on()
def backup(context: typer.Context) -> None:
    """Copy its store to a file, while it runs."""
    _become("samekind_server.copies_command", ["backup", *context.args])


@_handed_on()
def restore(context: typer.Context) -> None:
    """Make a copy the store of a folder that has none."""
    _become("samekind_server.copies_command", ["restore", *context.args])


@_handed_on()
def verify(context: typer.Context) -> None:
    """Prove that every row of its store is what was written."""
    _become("samekind_server.copies_command", ["verify", *context.args])


@_handed_on()
def tune(context: typer.Context) -> None:
    """Measure this machine for it, or what a catalog would do with fewer numbers."""
    _become("samekind_server.tune_command", context.args)


@app.command(rich_help_panel=HERE)
def demo(server: Annotated[str | None, typer.Option(help="Ask this server instead of one started for the demo.")] = None) -> None:
    """Show the main job on real photographs and drawn pictures."""
    with told(as_json=False):
        from samekind import demo

        raise typer.Exit(demo.run(server=server))


def _become(module: str, arguments: Sequence[str]) -> NoReturn:
    """The process becomes the server's, so that signals reach it; -P keeps files of the working directory out of its imports."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *arguments])


def _version(asked: bool) -> None:
    if asked:
        say(f"samekind {samekind.__version__}\n")
        raise typer.Exit


def _end(errors: Iterable[SamekindError | None]) -> None:
    if any(errors):
        raise typer.Exit(1)


def _inputs(paths: Sequence[Path] | None, texts: Sequence[str] | None) -> list[tuple[str, Given]]:
    _check(paths, texts)
    return list(_each(paths, texts))


def _check(paths: Sequence[Path] | None, texts: Sequence[str] | None) -> None:
    """Ends the command where there is nothing to look at."""
    if not (paths or texts):
        stop("nothing to look at; give image files, folders or --text", 2)
    check_there(paths or ())
    check_images(paths or ())


def _each(paths: Sequence[Path] | None, texts: Sequence[str] | None) -> Iterator[tuple[str, Given]]:
    for path in paths or ():
        yield from ((str(file), file) for file in (folders.images(path) if path.is_dir() else [path]))
    yield from ((text, text) for text in texts or ())


class Asked(TypedDict, total=False):
    """What the contents may be."""

    labels: dict[str, list[str]]
    templates: str | Sequence[str]
    label_set: str
    label_sets: list[str]


def _asked(labels: str, described: Sequence[str] | None, templates: Sequence[str] | None, label_sets: str) -> Asked:
    names = [name.strip() for name in label_sets.split(",") if name.strip()]
    if not names:
        return {"labels": _labels(labels, described), "templates": _templates(templates)}
    if labels or described or templates:
        stop("a label set has labels and templates of its own; give --label-set, or else --labels, --label and --templates", 2)
    return {"label_set": names[0]} if len(names) == 1 else {"label_sets": names}


def _tell_of_many(labels: Collection[str]) -> None:
    """Tells who waits at a terminal what for."""
    if len(labels) >= MANY and sys.stderr.isatty():
        print(f"samekind: the server reads all {len(labels):,} labels before its first answer, and keeps them for the next", file=sys.stderr)


def _labels(names: str, described: Sequence[str] | None) -> dict[str, list[str]]:
    labels: dict[str, list[str]] = {name.strip(): [] for name in names.split(",") if name.strip()}
    for each in described or ():
        name, _, description = (part.strip() for part in each.partition("="))
        labels.setdefault(name, []).extend([description] if description else [])
    return labels or stop('no labels; give --labels cat,dog, --label "ripe=a yellow banana" or --label-set pets', 2)


def _templates(given: Sequence[str] | None) -> str | Sequence[str]:
    if not given:
        return "photo"
    return given[0] if len(given) == 1 and "{}" not in given[0] else given


def _warn_of_cuts(names: Sequence[str], cut: Sequence[bool], labels: Sequence[str]) -> None:
    for name in (*(f"label {label}" for label in labels), *(name for name, was in zip(names, cut, strict=True) if was)):
        print(f"samekind: longer than the model reads, so its end was cut: {name:.60}", file=sys.stderr)


def _save(file: Path, made: Sequence[Embedding]) -> None:
    size = max(each.vector.size for each in made)
    rows: Floats = np.stack([np.full(size, np.nan, np.float32) if each.error else each.vector for each in made])
    try:
        np.save(file, rows)
    except OSError as error:
        stop(f"cannot write {file}: {error.strerror}", 2)
