"""`samekind search`: what of a catalog is like a text, an image or an item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from samekind import search_calls, show_hits
from samekind.command import Asking, asking, condition, images, say, stop
from samekind.queries import Cutoff, Grouping
from samekind.types import ById, Image, Term, Text

AWAY = -0.5  # What --not weighs: enough to push away what is like it, and not so much that anything else is near.


@asking
def search(
    asks: Asking,
    catalog: Annotated[str, typer.Argument(help="The catalog's name.", show_default=False)],
    texts: Annotated[list[str] | None, typer.Argument(help="Texts that say what is looked for.", show_default=False)] = None,
    image: Annotated[list[Path] | None, typer.Option(help="An image that shows it; may be repeated.")] = None,
    item: Annotated[list[str] | None, typer.Option(help="An item of the catalog that is like it, by its id; may be repeated.")] = None,
    away: Annotated[list[str] | None, typer.Option("--not", help="A text that says what it is not; may be repeated.")] = None,
    weight: Annotated[
        list[float] | None, typer.Option(help="How much a text, image or item counts: the first weight is the first text's, and so on; else 1.")
    ] = None,
    where: Annotated[str, typer.Option(help="""A condition on attributes: 'price < 30 and brand in ("acme", "ajax")'.""")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="Most hits.")] = 10,
    words: Annotated[str, typer.Option(help="Words that items hold as they are: names, numbers, codes.")] = "",
    words_in: Annotated[list[str] | None, typer.Option(help="An attribute that is looked through for the words too; may be repeated.")] = None,
    facet: Annotated[list[str] | None, typer.Option(help="An attribute whose values are counted; may be repeated.")] = None,
    group_by: Annotated[str, typer.Option(help="NAME, or NAME=N: at most one hit, or N, of each value of this attribute.")] = "",
    diversity: Annotated[float, typer.Option(min=0, max=1, help="How much hits are to differ from each other.")] = 0.0,
    cutoff: Annotated[Cutoff, typer.Option(help="auto leaves out what is no nearer than others are by chance.")] = Cutoff.OFF,
    min_similarity: Annotated[float | None, typer.Option(help="Only hits whose score is at least this.", show_default=False)] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Compare every item that meets the condition.")] = False,
) -> None:
    """Find the items of a catalog that are like texts, images and other items."""
    met = condition(where)
    asked = [*_weighed(texts or [], image or [], item or [], weight or []), *(Term(Text(each), AWAY) for each in away or [])]
    if not asked and not words:
        stop("nothing to look for; give a text, --image, --item or --words", 2)
    call = search_calls.search(
        catalog,
        asked,
        where=met,
        limit=limit,
        words=words,
        word_attributes=words_in or (),
        min_similarity=min_similarity,
        cutoff=cutoff,
        group_by=_grouping(group_by),
        diversity=diversity,
        facets=facet or (),
        exact=exact,
    )
    with asks.client() as sk:
        found = call.by(sk)
    say(show_hits.hits_json(found) if asks.as_json else show_hits.hits(found))


def _weighed(texts: Sequence[str], paths: Sequence[Path], items: Sequence[str], weights: Sequence[float]) -> Iterator[Term]:
    given: list[Text | Image | ById] = [*map(Text, texts), *images(paths), *map(ById, items)]
    if len(weights) > len(given):
        stop(f"there are {len(weights)} weights for {len(given)} texts, images and items; --not weighs {AWAY}", 2)
    for place, content in enumerate(given):
        yield Term(content, weights[place] if place < len(weights) else 1.0)


def _grouping(given: str) -> Grouping | None:
    name, _, each = given.rpartition("=") if "=" in given else (given, "", "1")
    if not each.isdecimal():
        stop(f"--group-by is NAME or NAME=N, such as brand=2, not {given}", 2)
    return Grouping(name, int(each)) if name else None
