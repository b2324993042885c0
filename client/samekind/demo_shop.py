"""The demo's shop: a catalog of drawn products, filled, searched and recommended from, and deleted at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from rich.console import Console
from rich.progress import track
from rich.table import Table

import samekind
from samekind import demo_shoppers, shop
from samekind.catalogs import CatalogHandle
from samekind.filters import F
from samekind.queries import Found
from samekind.shop import Product
from samekind.types import Image, Item, Text

PRODUCTS = 600
SHOWN = 4
CHEAP = 40
LIKED = "red flowered trousers"


def show(console: Console, sk: samekind.Client) -> None:
    """Fills a catalog, asks it three questions, recommends from it to three shoppers, and deletes it."""
    drawn = list(track(shop.draw(PRODUCTS, seed=11), f"Drawing {PRODUCTS} products", PRODUCTS, console=console, transient=True))
    catalog = sk.catalog(f"demo-{uuid4().hex}")
    try:
        _fill(console, catalog, drawn)
        demo_shoppers.crowd(console, catalog, drawn)
        _search(console, catalog, next(product for product in drawn if product.title == LIKED))
        demo_shoppers.show(console, catalog, drawn)
    finally:
        sk.delete_catalog(catalog.name)


def _fill(console: Console, catalog: CatalogHandle, drawn: Sequence[Product]) -> None:
    started = time.perf_counter()
    upserted = catalog.upsert(list(map(item, drawn)), progress=console.is_terminal)
    seconds = time.perf_counter() - started
    told = f"A catalog of {upserted.count} drawn products: their pictures embedded, indexed and stored in {seconds:.1f} s"
    console.print(f"{told}, {upserted.count / seconds:.0f} a second.\n", style="dim", soft_wrap=True)


def item(product: Product) -> Item:
    """A product by its picture alone; what it is stands in attributes, which no model sees."""
    return Item(product.id, [Image(product.image)], {"title": product.title, "price": product.price})


def _search(console: Console, catalog: CatalogHandle, liked: Product) -> None:
    table = Table("asked for", "found", "ms", title="What else is the same kind?", title_justify="left", title_style="bold")
    _ask(table, catalog, '"something to drink tea from"', "something to drink tea from")
    _ask(table, catalog, f'"something to sit on", price < {CHEAP}', "something to sit on", where=F.price < CHEAP)
    _ask(table, catalog, f'the picture of {LIKED}, but "blue", not "red"', [Image(liked.image), Text("blue"), -0.7 * Text("red")])
    console.print(table)
    console.print()


def _ask(table: Table, catalog: CatalogHandle, asked: str, what: Any, **how: Any) -> None:
    started = time.perf_counter()
    found = catalog.search(what, limit=SHOWN, **how)
    table.add_row(asked, _told(found), f"{1000 * (time.perf_counter() - started):.0f}", end_section=True)


def _told(found: Found) -> str:
    return "\n".join(f"{hit.score:.2f}  {hit.item.attributes['title']}, {hit.item.attributes['price']}" for hit in found.hits)
