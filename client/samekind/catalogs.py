"""Handles of catalogs that the server keeps: what is known of one, and what can be asked of its items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec

from samekind import catalog_calls, event_calls, item_calls, recommend_calls, search_calls
from samekind.batches import Asked, Asks, AsyncAsks, Later, Result
from samekind.methods import described
from samekind.types import Catalog

P = ParamSpec("P")


def _blocking(build: Callable[Concatenate[str, P], Asked[Result, Later]]) -> Callable[Concatenate[CatalogHandle, P], Result]:
    def ask(handle: CatalogHandle, /, *args: P.args, **kwargs: P.kwargs) -> Result:
        return build(handle.name, *args, **kwargs).by(handle._client)

    return described(ask, build, bound=1)


def _awaited(build: Callable[Concatenate[str, P], Asked[Result, Later]]) -> Callable[Concatenate[AsyncCatalogHandle, P], Later]:
    def ask(handle: AsyncCatalogHandle, /, *args: P.args, **kwargs: P.kwargs) -> Later:
        return build(handle.name, *args, **kwargs).awaited_by(handle._client)

    return described(ask, build, bound=1)


class _Known:
    """What a handle tells without asking: the catalog as it was when it was opened."""

    value: Catalog

    @property
    def name(self) -> str:
        """Its name."""
        return self.value.name

    @property
    def model(self) -> str:
        """The model that embeds its items; "" where it takes ready vectors alone."""
        return self.value.model

    @property
    def space(self) -> str:
        """The space of its vectors."""
        return self.value.space

    def __repr__(self) -> str:
        return f"<catalog {self.name!r}, {self.value.dimensions} dimensions of {self.model or 'ready vectors'}>"


class CatalogHandle(_Known):
    """A catalog that the server keeps; from `Client.catalog`."""

    def __init__(self, client: Asks, value: Catalog) -> None:
        self._client, self.value = client, value

    upsert = _blocking(item_calls.upsert)
    get = _blocking(item_calls.get)
    list = _blocking(item_calls.list_items)
    update = _blocking(item_calls.update)
    delete = _blocking(item_calls.delete)
    search = _blocking(search_calls.search)
    search_many = _blocking(search_calls.search_many)
    recommend = _blocking(recommend_calls.recommend)
    record = _blocking(event_calls.record)
    events = _blocking(event_calls.events)
    forget = _blocking(event_calls.forget)
    recommendation_model = _blocking(event_calls.recommendation_model)
    stats = _blocking(catalog_calls.stats)


class AsyncCatalogHandle(_Known):
    """A catalog that the server keeps; from `AsyncClient.catalog`."""

    def __init__(self, client: AsyncAsks, value: Catalog) -> None:
        self._client, self.value = client, value

    upsert = _awaited(item_calls.upsert)
    get = _awaited(item_calls.get)
    list = _awaited(item_calls.list_items)
    update = _awaited(item_calls.update)
    delete = _awaited(item_calls.delete)
    search = _awaited(search_calls.search)
    search_many = _awaited(search_calls.search_many)
    recommend = _awaited(recommend_calls.recommend)
    record = _awaited(event_calls.record)
    events = _awaited(event_calls.events)
    forget = _awaited(event_calls.forget)
    recommendation_model = _awaited(event_calls.recommendation_model)
    stats = _awaited(catalog_calls.stats)
