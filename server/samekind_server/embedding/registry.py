"""Keeps the models that this server serves, each loaded once."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from samekind.errors import NotFound
from samekind.types import Model, Precision
from samekind_server.embedding.base import Encoder
from samekind_server.embedding.loading import load


class Registry:
    """The models of one server: the first name is the default. Its methods may be called from any thread."""

    def __init__(self, names: Sequence[str], *, offline: bool, precision: Precision | None, cache_dir: Path, threads: int = 0) -> None:
        self._names = tuple(dict.fromkeys(names))
        self._offline, self._precision, self._cache_dir, self._threads = offline, precision, cache_dir, threads
        self._encoders: dict[str, Encoder] = {}
        self._loading = threading.Lock()

    def get(self, name: str = "") -> Encoder:
        """The model of that name, "" for the default, loaded on first use. Raises NotFound, and what `load` raises."""
        name = name or self._names[0]
        if name not in self._names:
            raise NotFound(f"no model {name!r} here; this server serves {', '.join(self._names)}")
        if name not in self._encoders:
            with self._loading:
                if name not in self._encoders:
                    self._encoders[name] = self._load(name)
        return self._encoders[name]

    def models(self) -> list[Model]:
        """All that this server serves, the default first; loads those that were not used yet."""
        return [self.get(name).model for name in self._names]

    def _load(self, name: str) -> Encoder:
        encoder = load(name, offline=self._offline, precision=self._precision, cache_dir=self._cache_dir, threads=self._threads)
        return replace(encoder, model=replace(encoder.model, default=name == self._names[0]))
