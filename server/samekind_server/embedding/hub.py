"""Fetches model files from the hub into a cache, and takes them from the cache alone where no network may be used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from samekind.errors import BadModel, ModelUnavailable, NotFound
from samekind_server.embedding import fetching
from samekind_server.embedding.fetching import Progress

PATIENCE = 5  # seconds for a first answer of the hub

T = TypeVar("T")


@dataclass(frozen=True)
class Hub:
    """The hub and its cache on this machine; with `offline`, the cache alone. `model` is the name asked for, for messages.

    With `verify`, what is in the cache is compared with what the hub says of it, and fetched again where it differs.
    """

    cache: Path
    offline: bool
    verify: bool = False
    progress: Progress = lambda name, here, total: None
    used: dict[str, str] = field(default_factory=dict)  # The commit of each repository that was asked.

    def keep_still(self) -> None:
        """With `offline`, no library that reads the hub's files looks for news of them either."""
        if self.offline:
            from huggingface_hub import constants

            vars(constants)["HF_HUB_OFFLINE"] = True

    def file(self, model: str, repository: str, files: Sequence[str]) -> Path:
        """The first of `files` that the repository has. Raises NotFound, BadModel or ModelUnavailable."""
        if not self._answers:
            return self._in_cache(model, repository, files)
        for file in files:
            if found := self._ask(model, lambda file=file: self._file(repository, file)):  # type: ignore[misc]
                return found
        raise BadModel(f"{model} is no open_clip model: its repository {repository} has no {files[0]}")

    def folder(self, model: str, repository: str, patterns: Sequence[str]) -> Path:
        """A folder with those of the repository's files that match `patterns`. Raises NotFound or ModelUnavailable."""
        if not self._answers:
            return self._in_cache(model, repository, [pattern for pattern in patterns if "*" not in pattern]).parent
        self._ask(model, lambda: self._folder(repository, patterns))
        return self._home(repository) / "snapshots" / self.used[repository]

    def settle(self) -> None:
        """Makes what was fetched what is found without a network: only now, when all that belongs together is here."""
        for repository, commit in self.used.items():
            ref = self._home(repository) / "refs" / "main"
            if not ref.exists() or ref.read_text() != commit:
                ref.parent.mkdir(parents=True, exist_ok=True)
                new = ref.with_name("main.new")
                new.write_text(commit)
                new.replace(ref)

    def cached(self) -> list[str]:
        """Names of the models of the hub that are in the cache."""
        homes = (found.parent.parent.name for found in self.cache.glob("models--*/refs/main"))
        return sorted("hf-hub:" + home.removeprefix("models--").replace("--", "/") for home in homes)

    @cached_property
    def _answers(self) -> bool:
        """Asked once, and briefly: the hub's own client tries each file for half a minute before it gives up."""
        from huggingface_hub import constants, get_session

        if self.offline:
            return False
        try:
            get_session().head(constants.ENDPOINT, timeout=PATIENCE)
        except _broken():
            return False
        return True

    def _file(self, repository: str, name: str) -> Path:
        file = fetching.remote(repository, name, self.used.get(repository))
        self.used[repository] = file.commit
        return fetching.fetch(file, self.cache, self.progress, verify=self.verify)

    def _folder(self, repository: str, patterns: Sequence[str]) -> None:
        from huggingface_hub import HfApi

        told = HfApi().model_info(repository, revision=self.used.get(repository))
        for name in (each.rfilename for each in told.siblings or ()):
            if any(fnmatch(name, pattern) for pattern in patterns):
                self._file(repository, name)

    def _home(self, repository: str) -> Path:
        return self.cache / f"models--{repository.replace('/', '--')}"

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

    def _ask(self, model: str, fetch: Callable[[], T]) -> T | None:
        """What `fetch` brings; None where the repository is there and has no such file."""
        from huggingface_hub import errors

        try:
            return fetch()
        except errors.RemoteEntryNotFoundError:
            return None
        except (errors.RepositoryNotFoundError, errors.HFValidationError):
            raise self._unknown(model) from None
        except _broken() as error:
            if isinstance(error, OSError) and error.errno and error.filename:
                raise ModelUnavailable(f"{model} cannot be kept in {self.cache}: {error.strerror}") from None
            raise self._unavailable(model) from None

    def _unknown(self, model: str) -> NotFound:
        return NotFound(f"there is no model {model!r} on the hub, or not for everyone; cached here: {', '.join(self.cached()) or 'none'}")

    def _unavailable(self, model: str) -> ModelUnavailable:
        forbidden = f"--offline forbids fetching it: `samekind models pull {model}` where there is a network"
        why = forbidden if self.offline else "cannot be fetched: the hub does not answer"
        here = ", ".join(["mini", *self.cached()])
        return ModelUnavailable(f"{model} is not in the cache {self.cache} and {why}; here without a network: {here}")


def _broken() -> tuple[type[BaseException], ...]:
    """What the hub's client raises where the network fails it."""
    from huggingface_hub import errors

    return (*errors.HfHubHTTPError.__bases__, errors.RevisionResolutionError, errors.XetDownloadError)
