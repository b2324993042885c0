"""Keeps the models that this server serves: each loaded once, and the least recently used unloaded where memory is bounded."""

import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from samekind.errors import BadModel, ModelUnavailable, NotFound, Overloaded
from samekind.types import Model, Precision
from samekind_server.embedding.base import Encoder
from samekind_server.embedding.hub import Hub
from samekind_server.embedding.loading import ready
from samekind_server.embedding.resident import give_back
from samekind_server.embedding.sources import find

LOG = logging.getLogger(__name__)
MIB = 1 << 20
SOON = 1.0  # seconds; about as long as models in use stay in use


@dataclass
class _Place:
    """One name: its model while loaded, what it said of itself when it last was, and who uses it."""

    name: str
    encoder: Encoder | None = None
    loading: Future[Encoder] | None = None
    model: Model | None = None
    memory: int = 0
    users: int = 0
    used: int = 0


class Registry:
    """The models of one server: the first name is the default. Its methods may be called from any thread.

    With `memory` (bytes, 0 is no bound) a model that would take more, beside those loaded, has those unloaded that were used
    longest ago and are not in use; the default stays. `watchers` are told each encoder that was unloaded, to let go of it.
    """

    def __init__(
        self, names: Sequence[str], *, offline: bool, precision: Precision | None, cache_dir: Path, threads: int = 0, memory: int = 0
    ) -> None:
        self._places = {name: _Place(name) for name in names}
        self._default = names[0]
        self._offline, self._precision, self._cache_dir, self._threads = offline, precision, cache_dir, threads
        self._bound = memory
        self._lock = threading.Lock()
        self._clock = itertools.count(1)
        self.watchers: list[Callable[[Encoder], None]] = []

    def get(self, name: str = "") -> Encoder:
        """The model of that name, "" for the default, loaded on first use. Raises NotFound, Overloaded, and what `load` raises.

        It may be unloaded at any time after; hold a `lease`, or be `using` it, while it works.
        """
        with self.lease(name) as encoder:
            return encoder

    @contextmanager
    def lease(self, name: str = "") -> Iterator[Encoder]:
        """The same, not unloaded meanwhile."""
        place = self._place(name)
        with self._in_use(place):
            yield self._encoder(place)

    @contextmanager
    def using(self, encoder: Encoder) -> Iterator[None]:
        """Keeps a model that was got before from being unloaded meanwhile."""
        with self._in_use(self._place(encoder.model.name)):
            yield

    def renew(self, name: str = "") -> None:
        """Lets go of the model, so that the next asker loads it afresh; who uses it now ends with the old one."""
        place = self._place(name)
        with self._lock:
            gone = self._unload([place])
        self._tell(gone)

    def models(self) -> list[Model]:
        """All that this server serves, the default first, but for those that cannot be loaded; loads those that never were."""
        return [model for place in self._places.values() if (model := self._told(place))]

    def memory(self) -> dict[str, int]:
        """Bytes that each loaded model takes, by name."""
        with self._lock:
            return {place.name: place.memory for place in self._places.values() if place.encoder}

    def rest(self) -> None:
        """Gives back memory that loaded models, and the allocator, keep for speed alone."""
        with self._lock:
            loaded = [place.encoder for place in self._places.values() if place.encoder]
        for encoder in loaded:
            encoder.runtime.rest()
        give_back()

    def _place(self, name: str) -> _Place:
        try:
            return self._places[name or self._default]
        except KeyError:
            raise NotFound(f"no model {name!r} here; this server serves {', '.join(self._places)}") from None

    @contextmanager
    def _in_use(self, place: _Place) -> Iterator[None]:
        with self._lock:
            place.users += 1
        try:
            yield
        finally:
            with self._lock:
                place.users -= 1
                place.used = next(self._clock)

    def _encoder(self, place: _Place) -> Encoder:
        """One asker loads, the others wait for it and share what comes of it; after a failure the next asker tries again."""
        with self._lock:
            if place.encoder:
                return place.encoder
            attempt, mine = place.loading or Future(), place.loading is None
            place.loading = attempt
        if mine:
            self._attempt(place, attempt)
        return attempt.result()

    def _attempt(self, place: _Place, attempt: Future[Encoder]) -> None:
        try:
            encoder = self._load(place)
        except BaseException as error:
            with self._lock:
                place.loading = None
            attempt.set_exception(error)
        else:
            with self._lock:
                place.encoder, place.model, place.loading = encoder, encoder.model, None
            attempt.set_result(encoder)

    def _load(self, place: _Place) -> Encoder:
        source = find(place.name, Hub(self._cache_dir, self._offline))
        self._make_room(place, place.memory or source.weights.stat().st_size)
        encoder = ready(source, precision=self._precision, cache_dir=self._cache_dir, threads=self._threads)
        self._make_room(place, encoder.memory)
        return replace(encoder, model=replace(encoder.model, default=place.name == self._default))

    def _make_room(self, place: _Place, needed: int) -> None:
        """Counts so many bytes for a model that is being loaded, and unloads others for it. Raises Overloaded or ModelUnavailable."""
        with self._lock:
            place.memory = needed
            gone = self._unload(self._leaving(place)) if self._bound else []
        self._tell(gone)

    def _leaving(self, place: _Place) -> list[_Place]:
        if place.memory > self._bound:
            raise ModelUnavailable(f"{place.name} takes {_mib(place.memory)}, more than the {_mib(self._bound)} of --model-memory; raise it")
        others = [other for other in self._places.values() if other is not place and (other.encoder or other.loading)]
        over = place.memory + sum(other.memory for other in others) - self._bound
        leaving: list[_Place] = []
        idle = [other for other in others if other.encoder and not other.users and other.name != self._default]
        for other in sorted(idle, key=lambda other: other.used):
            if over > 0:
                leaving.append(other)
                over -= other.memory
        if over > 0:
            raise self._full(place, [other.name for other in others if other not in leaving])
        return leaving

    def _full(self, place: _Place, busy: list[str]) -> Overloaded:
        message = f"{place.name} takes {_mib(place.memory)} and has no room within the {_mib(self._bound)} of --model-memory beside {', '.join(busy)}"
        return Overloaded(f"{message}; ask again, or raise --model-memory", retry_after=SOON)

    def _unload(self, places: list[_Place]) -> list[Encoder]:
        gone = [place.encoder for place in places if place.encoder]
        for place in places:
            place.encoder = None
        return gone

    def _tell(self, gone: list[Encoder]) -> None:
        """Has all others let go of what was unloaded, and gives its memory back."""
        some = bool(gone)
        while gone:
            self._left(gone.pop())
        if some:
            give_back()

    def _left(self, encoder: Encoder) -> None:
        for watcher in self.watchers:
            watcher(encoder)

    def _told(self, place: _Place) -> Model | None:
        if place.model:
            return place.model
        try:
            return self.get(place.name).model
        except (BadModel, ModelUnavailable, NotFound) as error:
            LOG.warning("%s is left out of the models: %s", place.name, error)
            return None


def _mib(count: int) -> str:
    return f"{-(-count // MIB):,} MiB"
