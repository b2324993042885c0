"""`samekind add`: items from folders and files into a catalog."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from samekind import item_calls, item_files, show
from samekind.command import Asking, asking, check_images, check_there, kept, say, stop, tell_failures, why
from samekind.types import Item, LongText, Rotation, Upserted, WriteMode


class Counted(Iterator[Item]):
    """Items, and how many there are, 0 where nobody knows."""

    def __init__(self, items: Iterator[Item], count: int) -> None:
        self._items, self._count = items, count

    def __next__(self) -> Item:
        return next(self._items)

    def __length_hint__(self) -> int:
        return self._count


@asking
def add(
    asks: Asking,
    catalog: Annotated[str, typer.Argument(help="The catalog's name; it is made where there is none.", show_default=False)],
    paths: Annotated[list[Path] | None, typer.Argument(help="Images, and folders of images.", show_default=False)] = None,
    tables: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            help="Table of items, .csv, .jsonl or .parquet, with columns id, text, image and attributes; - is JSON lines.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="Model of a new catalog; the server's first by default.")] = "",
    thumbnail_size: Annotated[int, typer.Option(help="Pixels of the small pictures a new catalog keeps; 0: none.")] = 0,
    search_dimensions: Annotated[int, typer.Option(help="Numbers of each vector that a new catalog's graph goes by; 0: all.")] = 0,
    rotation: Annotated[Rotation, typer.Option(help="Which numbers these are: the first ones, or those after a PCA.")] = Rotation.PREFIX,
    long_text: Annotated[
        LongText | None,
        typer.Option(
            help="Of texts longer than the model reads, in a new catalog: truncate, reject, or windows to find each passage.", show_default=False
        ),
    ] = None,
    mode: Annotated[WriteMode, typer.Option(help="upsert, insert (leave what is there) or update (leave what is not there).")] = WriteMode.UPSERT,
) -> None:
    """Write items into a catalog: images, and rows of tables. Begun again after a break, it embeds nothing twice."""
    if not (paths or tables):
        stop("nothing to add; give images, folders, or a table with --from", 2)
    check_there([*(paths or []), *(tables or [])])
    if told := [path for path in paths or () if path.suffix.lower() in item_files.TABLES]:
        stop(f"{told[0]} is a table, not an image; give it as --from {told[0]}", 2)
    check_images(() if tables else paths or ())
    seen = sys.stderr.isatty() and not asks.as_json
    try:
        total = sum(1 for _ in _items(paths or [], tables or [])) if seen and Path("-") not in (tables or []) else 0
        with asks.client() as sk:
            sk.catalog(catalog, model=model, thumbnail_size=thumbnail_size, long_text=long_text, **_searched(search_dimensions, rotation))
            call = item_calls.upsert(catalog, Counted(_items(paths or [], tables or []), total), mode=mode, progress=seen)
            tally = item_calls.Tally()
            with kept(lambda: _so_far(catalog, tally.total)):
                for written in call.asked.by(sk):
                    tally.add(written)
            _tell(catalog, tally.total, tables or [], asks.as_json)
    except (OSError, ValueError) as error:
        stop(why(error), 2)


def _searched(dimensions: int, rotation: Rotation) -> dict[str, Any]:
    """What a catalog that is there has to agree with is what was given alone."""
    return {"search_dimensions": dimensions, "rotation": rotation} if dimensions else {}


def _items(paths: list[Path], tables: list[Path]) -> Iterator[Item]:
    """Of tables their rows; the images that paths name are items of their own only where there is no table."""
    folder = next((path for path in paths if path.is_dir()), None)
    for table in tables:
        yield from item_files.read(table, folder)
    for path in () if tables else paths:
        yield from item_files.images(path)


def _so_far(catalog: str, done: Upserted) -> str:
    return f"{catalog}: {done.count:,} stored so far; the same command goes on from there" if done.count else ""


def _tell(catalog: str, done: Upserted, tables: Sequence[Path], as_json: bool) -> None:
    failed = [(each.id, each.error) for each in done.failures if each.error]
    if as_json:
        counts = {"written": done.count, "created": done.created, "changed": done.changed, "failed": len(failed)}
        failures = [{"id": id, **show.error_json(error)} for id, error in failed]
        say(show.told_json({"catalog": catalog, **counts, "failures": failures}))
    elif not (done.count or failed):
        say(f"{catalog}: nothing to add; there are no rows in {', '.join(map(str, tables))}\n")
    else:
        same = done.count - done.changed
        say(f"{catalog}: {done.count:,} items written, {done.created:,} of them new and {same:,} as they were; {len(failed):,} failed\n")
    tell_failures(failed, as_json=as_json)
