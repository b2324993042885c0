"""Fetches model files from the hub into a cache, and takes them from the cache alone where no network may be used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from samekind.errors import BadModel, ModelUnavailable, NotFound

PATIENCE = 5  # seconds for a first answer of the hub


@dataclass(frozen=True)
class Hub:
    """The hub and its cache on this machine; with `offline`, the cache alone. `model` is the name asked for, for messages."""

    cache: Path
    offline: bool

    def keep_still(self) -> None:
        """With `offline`, no library that reads the hub's files looks for news of them either."""
        if self.offline:
            from huggingface_hub import constants

            vars(constants)["HF_HUB_OFFLINE"] = True

    def file(self, model: str, repository: str, files: Sequence[str]) -> Path:
        """The first of `files` that the repository has. Raises NotFound, BadModel or ModelUnavailable."""
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError

        if not self._answers:
            return self._in_cache(model, repository, files)
        for file in files:
            try:
                return Path(self._fetch(model, partial(hf_hub_download, repository, file, cache_dir=self.cache)))
            except EntryNotFoundError:
                continue
        raise BadModel(f"{model} is no open_clip model: its repository {repository} has no {files[0]}")

    def folder(self, model: str, repository: str, patterns: Sequence[str]) -> Path:
        """A folder with those of the repository's files that match `patterns`. Raises NotFound or ModelUnavailable."""
        from huggingface_hub import snapshot_download

        if not self._answers:
            return self._in_cache(model, repository, [pattern for pattern in patterns if "*" not in pattern]).parent
        return Path(self._fetch(model, partial(snapshot_download, repository, cache_dir=self.cache, allow_patterns=list(patterns))))

    def cached(self) -> list[str]:
        """Names of the models of the hub that are in the cache."""
        return sorted("hf-hub:" + found.parent.name.removeprefix("models--").replace("--", "/") for found in self.cache.glob("models--*/snapshots"))

    @cached_property
    def _answers(self) -> bool:
        """Asked once, and briefly: the hub's own client tries each file for half a minute before it gives up."""
        from huggingface_hub import constants
        from huggingface_hub.utils._http import get_session

        if self.offline:
            return False
        try:
            get_session().head(constants.ENDPOINT, timeout=PATIENCE)
        except _broken():
            return False
        return True

    def _in_cache(self, model: str, repository: str, files: Sequence[str]) -> Path:
        from huggingface_hub import try_to_load_from_cache

        for file in files:
            try:
                found = try_to_load_from_cache(repository, file, cache_dir=self.cache)
            except ValueError:
                raise self._unknown(model) from None
            if isinstance(found, str):
                return Path(found)
        raise self._unavailable(model)

    def _fetch(self, model: str, fetch: Callable[[], str]) -> str:
        from huggingface_hub import errors

        try:
            return fetch()
        except errors.RemoteEntryNotFoundError:
            raise
        except (errors.RepositoryNotFoundError, errors.HFValidationError):
            raise self._unknown(model) from None
        except _broken():
            raise self._unavailable(model) from None

    def _unknown(self, model: str) -> NotFound:
        return NotFound(f"there is no model {model!r} on the hub, or not for everyone; cached here: {', '.join(self.cached()) or 'none'}")

    def _unavailable(self, model: str) -> ModelUnavailable:
        forbidden = "--offline forbids fetching it: start once without --offline where there is a network"
        why = forbidden if self.offline else "cannot be fetched: the hub does not answer"
        here = ", ".join(["mini", *self.cached()])
        return ModelUnavailable(f"{model} is not in the cache {self.cache} and {why}; here without a network: {here}")


def _broken() -> tuple[type[BaseException], ...]:
    """What the hub's client raises where the network fails it."""
    from huggingface_hub import errors

    return (*errors.HfHubHTTPError.__bases__, errors.RevisionResolutionError, errors.XetDownloadError)
