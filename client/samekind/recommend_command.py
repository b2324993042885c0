"""`samekind recommend`: what of a catalog somebody may like, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

import samekind
from samekind import item_calls, reasons, recommend_calls, show_recommended
from samekind.command import Asking, asking, condition, images, say
from samekind.recommend_calls import Example
from samekind.recommendations import EventKind, ExampleStrategy, Recommended
from samekind.types import ById, Text


@asking
def recommend(
    asks: Asking,
    catalog: Annotated[str, typer.Argument(help="The catalog's name.", show_default=False)],
    user: Annotated[str, typer.Option(help="The user it is for, by the user's events.")] = "",
    like: Annotated[list[str] | None, typer.Option(help="An item that is liked, by its id; may be repeated.")] = None,
    dislike: Annotated[list[str] | None, typer.Option(help="An item that is not liked, by its id; may be repeated.")] = None,
    text: Annotated[list[str] | None, typer.Option(help="A text that says what is liked; may be repeated.")] = None,
    image: Annotated[list[Path] | None, typer.Option(help="An image that shows what is liked; may be repeated.")] = None,
    away: Annotated[list[str] | None, typer.Option("--not", help="A text that says what is not liked; may be repeated.")] = None,
    strategy: Annotated[ExampleStrategy, typer.Option(help="How what is liked and not liked makes a score.")] = ExampleStrategy.MEAN,
    recent: Annotated[list[str] | None, typer.Option(help="An item that was looked at lately, by its id, the latest last; may be repeated.")] = None,
    item: Annotated[str, typer.Option(help="The item, by its id, beside which the answer is shown: what others chose with it.")] = "",
    where: Annotated[str, typer.Option(help="""A condition on attributes: 'price < 30 and brand in ("acme", "ajax")'.""")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Most hits.")] = 10,
    include_seen: Annotated[bool, typer.Option("--include-seen", help="What the user has seen may come again.")] = False,
    seen_kind: Annotated[list[EventKind] | None, typer.Option(help="A kind of event that counts as seeing, else all; may be repeated.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="An item that is left out, by its id; may be repeated.")] = None,
    behaviour: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="How much behaviour counts beside content; as was learned where it is not given.", show_default=False),
    ] = None,
    diversity: Annotated[float, typer.Option(min=0, max=1, help="How much hits are to differ from each other.")] = 0.0,
    new_boost: Annotated[float, typer.Option(min=0, max=1, help="How much items rise that were written lately.")] = 0.0,
) -> None:
    """Recommend items for a user, by what is liked, by what was looked at lately, or beside an item; else what many like."""
    liked: list[Example] = [*map(ById, like or []), *map(Text, text or []), *images(image or [])]
    call = recommend_calls.recommend(
        catalog,
        user=user,
        like=liked,
        dislike=[*map(ById, dislike or []), *map(Text, away or [])],
        strategy=strategy,
        recent=recent or (),
        item=item,
        where=condition(where),
        limit=limit,
        include_seen=include_seen,
        seen_kinds=seen_kind or (),
        exclude=exclude or (),
        behaviour=behaviour,
        diversity=diversity,
        new_boost=new_boost,
    )
    with asks.client() as sk:
        found = call.by(sk)
        names = {} if asks.as_json else _names(sk, catalog, found)
    say(show_recommended.recommended_json(found) if asks.as_json else show_recommended.recommended(found, names, _examples(text, image, like)))


def _names(sk: samekind.Client, catalog: str, found: Recommended) -> Mapping[str, str]:
    """What the items are called that led to others."""
    ids = sorted({reason.item for hit in found for reason in hit.reasons if reason.item})
    return {each.id: reasons.name(each) for each in item_calls.get(catalog, ids).by(sk) if each}


def _examples(texts: Sequence[str] | None, paths: Sequence[Path] | None, ids: Sequence[str] | None) -> list[str]:
    """How the examples are called, in the order they are sent."""
    return [*(ids or []), *(f'"{each}"' for each in texts or []), *(each.name for each in paths or [])]
