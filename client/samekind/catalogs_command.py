"""`samekind catalogs`: which there are, how large they are, and how to be rid of one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from samekind import catalog_calls, show
from samekind.command import Asking, asking, say
from samekind.types import Catalog, CatalogStats

app = typer.Typer(no_args_is_help=True, help="Catalogs that the server keeps.")


@app.command("list")
@asking
def list_all(asks: Asking) -> None:
    """List the catalogs, with what they hold and take."""
    with asks.client() as sk:
        found = [(each, catalog_calls.stats(each.name).by(sk)) for each in sk.catalogs()]
    if asks.as_json:
        say(show.told_json({"catalogs": [_told(*each) for each in found]}))
    else:
        columns = ("catalog", "items", "model", "dimensions", "on disk", "in memory")
        say(show.rows(columns, [_row(*each) for each in found], "no catalog yet; `samekind add NAME FOLDER` makes one"))


@app.command("delete")
@asking
def delete(
    asks: Asking,
    names: Annotated[list[str], typer.Argument(help="The catalogs' names.", show_default=False)],
    missing_ok: Annotated[bool, typer.Option("--missing-ok", help="It is well where there is no such catalog.")] = False,
) -> None:
    """Delete catalogs with all that is in them: items, events, and what was learned."""
    with asks.client() as sk:
        for name in names:
            sk.delete_catalog(name, missing_ok=missing_ok)
            say("" if asks.as_json else f"deleted {name}\n")
    say(show.told_json({"deleted": names}) if asks.as_json else "")


def _row(catalog: Catalog, stats: CatalogStats) -> tuple[str, ...]:
    sizes = (show.size(stats.store_bytes), show.size(stats.memory_bytes))
    return catalog.name, f"{stats.items:,}", catalog.model or "ready vectors", str(catalog.dimensions), *sizes


def _told(catalog: Catalog, stats: CatalogStats) -> dict[str, Any]:
    counts = {"items": stats.items, "store_bytes": stats.store_bytes, "memory_bytes": stats.memory_bytes}
    return {"name": catalog.name, "model": catalog.model, "space": catalog.space, "dimensions": catalog.dimensions, "etag": catalog.etag} | counts
