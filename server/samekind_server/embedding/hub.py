"""Fetches model files from the hub into a cache, and from the cache alone where no network may be used."""

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from samekind.errors import BadModel, ModelUnavailable, NotFound

PATIENCE = 5  # seconds for a first answer of the hub


@dataclass(frozen=True)
class Hub:
    """The hub and its cache on this machine; with `offline`, the cache alone. `model` is the name asked for, for messages."""

    cache: Path
    offline: bool

    def file(self, model: str, repository: str, files: Sequence[str]) -> Path:
        """The first of `files` that the repository has. Raises NotFound, BadModel or ModelUnavailable."""
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

        unreachable = False
        for file in files:
            try:
                return Path(self._ask(model, partial(hf_hub_download, repository, file, **self._options)))
            except LocalEntryNotFoundError:
                unreachable = True
            except EntryNotFoundError:
                continue
        if unreachable:
            raise self._unavailable(model)
        raise BadModel(f"{model} is no open_clip model: its repository {repository} has no {files[0]}")

    def folder(self, model: str, repository: str, patterns: Sequence[str]) -> Path:
        """A folder with those of the repository's files that match `patterns`. Raises NotFound or ModelUnavailable."""
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError

        wanted = list(patterns)
        fetch = partial(snapshot_download, repository, allow_patterns=wanted, **self._options)
        try:
            folder = Path(self._ask(model, fetch))
        except LocalEntryNotFoundError:
            raise self._unavailable(model) from None
        if not any(fnmatch.fnmatch(file.name, pattern) for file in folder.iterdir() for pattern in wanted):
            raise self._unavailable(model)
        return folder

    def cached(self) -> list[str]:
        """Names of the models of the hub that are in the cache."""
        return sorted("hf-hub:" + found.parent.name.removeprefix("models--").replace("--", "/") for found in self.cache.glob("models--*/snapshots"))

    @property
    def _options(self) -> dict[str, Any]:
        return {"cache_dir": self.cache, "local_files_only": self.offline, "etag_timeout": PATIENCE}

    def _ask(self, model: str, fetch: Callable[[], str]) -> str:
        from huggingface_hub import errors

        unreachable: tuple[type[BaseException], ...] = (*errors.HfHubHTTPError.__bases__, errors.RevisionResolutionError, errors.XetDownloadError)
        try:
            return fetch()
        except errors.EntryNotFoundError:
            raise
        except (errors.RepositoryNotFoundError, errors.HFValidationError):
            here = ", ".join(self.cached()) or "none"
            raise NotFound(f"there is no model {model!r} on the hub, or not for everyone; cached here: {here}") from None
        except unreachable:
            raise self._unavailable(model) from None

    def _unavailable(self, model: str) -> ModelUnavailable:
        forbidden = "--offline forbids fetching it: start once without --offline where there is a network"
        why = forbidden if self.offline else "cannot be fetched: the hub does not answer"
        here = ", ".join(["mini", *self.cached()])
        return ModelUnavailable(f"{model} is not in the cache {self.cache} and {why}; here without a network: {here}")
