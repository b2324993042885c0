"""Handles of label sets that the server keeps: what is known of one, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Concatenate, ParamSpec

from samekind import label_set_calls as calls
from samekind.batches import Asked, Asks, AsyncAsks, Call, Item, Later, Response, Result
from samekind.label_set_calls import Kept
from samekind.methods import described
from samekind.types import Label, LabelSet

P = ParamSpec("P")


def _blocking(build: Callable[Concatenate[Kept, P], Asked[Result, Later]]) -> Callable[Concatenate[LabelSetHandle, P], Result]:
    def ask(handle: LabelSetHandle, /, *args: P.args, **kwargs: P.kwargs) -> Result:
        return build(handle._kept, *args, **kwargs).by(handle._client)

    return described(ask, build, bound=1)


def _awaited(build: Callable[Concatenate[Kept, P], Asked[Result, Later]]) -> Callable[Concatenate[AsyncLabelSetHandle, P], Later]:
    def ask(handle: AsyncLabelSetHandle, /, *args: P.args, **kwargs: P.kwargs) -> Later:
        return build(handle._kept, *args, **kwargs).awaited_by(handle._client)

    return described(ask, build, bound=1)


def _keeping(build: Callable[Concatenate[Kept, P], Call[Response, Item, Kept]]) -> Callable[Concatenate[LabelSetHandle, P], None]:
    """What is answered is what the handle knows from then on."""

    def ask(handle: LabelSetHandle, /, *args: P.args, **kwargs: P.kwargs) -> None:
        handle._kept = handle._client._run(build(handle._kept, *args, **kwargs))

    return described(ask, build, bound=1)


def _async_keeping(
    build: Callable[Concatenate[Kept, P], Call[Response, Item, Kept]],
) -> Callable[Concatenate[AsyncLabelSetHandle, P], Coroutine[Any, Any, None]]:
    async def ask(handle: AsyncLabelSetHandle, /, *args: P.args, **kwargs: P.kwargs) -> None:
        handle._kept = await handle._client._run(build(handle._kept, *args, **kwargs))

    return described(ask, build, bound=1)


class _Known:
    """What a handle tells without asking: the set as it was last read or written here."""

    _kept: Kept

    @property
    def value(self) -> LabelSet:
        """All of it."""
        return self._kept.now

    @property
    def name(self) -> str:
        """Its name."""
        return self._kept.now.name

    @property
    def labels(self) -> tuple[Label, ...]:
        """Its labels in their order."""
        return self._kept.now.labels.labels

    @property
    def templates(self) -> str | Sequence[str]:
        """The name of its templates, or its own sentences."""
        return self._kept.now.labels.templates or self._kept.now.labels.template_set

    @property
    def model(self) -> str:
        """The model that answers where a call names none; "" is the server's first."""
        return self._kept.now.model

    @property
    def version(self) -> int:
        """1, then one more for each change."""
        return self._kept.now.version

    @property
    def etag(self) -> str:
        """Identity of this version."""
        return self._kept.now.etag

    def __repr__(self) -> str:
        return f"<label set {self.name!r}, version {self.version}, {len(self.labels)} labels>"


class LabelSetHandle(_Known):
    """A label set that the server keeps; from `Client.label_set`."""

    def __init__(self, client: Asks, kept: Kept) -> None:
        self._client, self._kept = client, kept

    classify = _blocking(calls.classify)
    update = _keeping(calls.update)
    refresh = _keeping(calls.refresh)
    delete = _blocking(calls.delete)


class AsyncLabelSetHandle(_Known):
    """A label set that the server keeps; from `AsyncClient.label_set`."""

    def __init__(self, client: AsyncAsks, kept: Kept) -> None:
        self._client, self._kept = client, kept

    classify = _awaited(calls.classify)
    update = _async_keeping(calls.update)
    refresh = _async_keeping(calls.refresh)
    delete = _awaited(calls.delete)
