"""Handles of catalogs that the server keeps: what is known of one, and what can be asked of its items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec

from samekind import catalog_calls as calls
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

    upsert = _blocking(calls.upsert)
    get = _blocking(calls.get)
    list = _blocking(calls.list_items)
    update = _blocking(calls.update)
    delete = _blocking(calls.delete)
    stats = _blocking(calls.stats)


class AsyncCatalogHandle(_Known):
    """A catalog that the server keeps; from `AsyncClient.catalog`."""

    def __init__(self, client: AsyncAsks, value: Catalog) -> None:
        self._client, self.value = client, value

    upsert = _awaited(calls.upsert)
    get = _awaited(calls.get)
    list = _awaited(calls.list_items)
    update = _awaited(calls.update)
    delete = _awaited(calls.delete)
    stats = _awaited(calls.stats)
