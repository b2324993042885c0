"""The demo's shoppers: a simulated crowd that buys together what does not look alike, and three who are recommended things, before and after."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from samekind import reasons
from samekind.catalogs import CatalogHandle
from samekind.recommendations import Event, Recommendation, RecommendationModel, Recommended
from samekind.shop import Product

# Who buys one of these buys the others, which no picture says.
TOGETHER = (
    ("tent", "guitar", "bottle", "hat", "bag", "sock"),
    ("teapot", "book", "cushion", "lamp", "clock", "sofa"),
    ("bicycle", "umbrella", "shoe", "kite", "trousers", "shirt"),
)
CROWD, THINGS, EACH = 120, 4, 2  # Each buys two of four things: all fits in one request.
SOLD = 3  # Products of each thing that the crowd chooses among.
SHOWN = 4
PATIENCE = 30.0  # Seconds until the demo goes on without what is learned, which others on the machine may hold up.
KINDS = ("view", "like", "cart", "purchase", "like")


@dataclass(frozen=True)
class Shopper:
    """Who did something with so many of a thing, and then five things with another."""

    name: str
    thing: str
    count: int
    then: str


SHOPPERS = (Shopper("a camper", "tent", 2, "bicycle"), Shopper("a tea drinker", "teapot", 2, "guitar"), Shopper("a newcomer", "", 0, "vase"))


def crowd(console: Console, catalog: CatalogHandle, drawn: Sequence[Product]) -> None:
    """Records what the crowd bought; the server learns from it while the demo goes on."""
    started = time.perf_counter()
    recorded = catalog.record(list(_bought(drawn)))
    ms = 1000 * (time.perf_counter() - started)
    console.print(
        f"{CROWD} simulated shoppers bought {recorded.count} of them: recorded in {ms:.0f} ms, and learned from.\n", style="dim", soft_wrap=True
    )


def show(console: Console, catalog: CatalogHandle, drawn: Sequence[Product]) -> None:
    """What is recommended to three shoppers and why, before and after five new events of each."""
    titles = {product.id: product.title for product in drawn}
    table = Table("may like", "because it is", title="What may they like?", title_justify="left", title_style="bold")
    with console.status("Learning what is bought together …"):
        model = _learned(catalog)
    for shopper in SHOPPERS:
        catalog.record([Event(shopper.name, id, "purchase") for id in _ids(drawn, shopper.thing)[: shopper.count]])
        did = f"who bought {shopper.count} {shopper.thing}s" if shopper.count else "of whom nothing is known"
        _add(table, f"{shopper.name}, {did}", _recommended(catalog, shopper), titles)
        catalog.record([Event(shopper.name, id, kind) for id, kind in zip(_ids(drawn, shopper.then), KINDS, strict=False)])
        _add(table, f"and then saw, liked, bought 5 {shopper.then}s", _recommended(catalog, shopper), titles)
    console.print(table)
    console.print(_told(model), style="dim", soft_wrap=True)
    console.print()


def _bought(drawn: Sequence[Product]) -> Iterator[Event]:
    chance = np.random.default_rng(3)
    for number in range(CROWD):
        for thing in chance.permutation(TOGETHER[number % len(TOGETHER)])[:THINGS]:
            for id in chance.choice(_ids(drawn, thing)[:SOLD], EACH, replace=False):
                yield Event(f"shopper-{number}", str(id), "purchase")


def _recommended(catalog: CatalogHandle, shopper: Shopper) -> Recommended:
    return catalog.recommend(user=shopper.name, limit=SHOWN)


def _ids(drawn: Sequence[Product], thing: str) -> list[str]:
    return [product.id for product in drawn if product.thing == thing]


def _add(table: Table, who: str, found: Recommended, titles: dict[str, str]) -> None:
    table.add_row(f"[bold]{who}[/bold]")
    for hit in found:
        table.add_row(titles[hit.item.id], _why(hit, titles))
    table.add_section()


def _why(hit: Recommendation, titles: dict[str, str]) -> str:
    """The strongest reason that names an item, or else the strongest."""
    named = sorted(hit.reasons, key=lambda reason: not reason.item)
    return reasons.said(named[0], titles) if named else ""


def _learned(catalog: CatalogHandle) -> RecommendationModel:
    """What was learned, or after some seconds that nothing was."""
    patience = time.monotonic() + PATIENCE
    while not (model := catalog.recommendation_model()).method and time.monotonic() < patience:
        time.sleep(0.05)
    return model


def _told(model: RecommendationModel) -> str:
    if not model.method:
        return "Nothing was learned of the crowd in time: this is by content, and by what is popular."
    groups = "; ".join(", ".join(things) for things in TOGETHER)
    learned = f"Learned in {model.learn_seconds:.1f} s from {model.events} events what is bought together: {groups}."
    return f"{learned} The new events count at once, and nothing is learned anew for them."
