"""Knows the models that are on this machine: what they are, what they take, and how to be rid of them."""

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from samekind.errors import BadRequest, NotFound
from samekind.types import Model
from samekind_server.embedding.sources import CONFIG, FOLDER, HUB, MINI, Source

PREFIX = "models--"


@dataclass(frozen=True)
class Entry:
    """One model on disk; `model` is what it said of itself when it was last made ready; empty where it never was, and for `mini`."""

    name: str
    size: int
    converted: bool
    model: dict[str, Any]


class Shelf:
    """The models kept in one folder, each with a card that says which of the folder's parts are its."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._cards = cache / "cards"

    def note(self, source: Source, model: Model, converted: Path | None) -> None:
        """Writes the model's card, and removes what it was converted to before where no other model has that."""
        card = {"model": plain(model), "parts": sorted(self._parts(source)), "converted": converted.name if converted else None}
        before = self._card(source.name)
        with suppress(OSError):  # A cache that cannot be written is told of by those who must write.
            self._cards.mkdir(parents=True, exist_ok=True)
            new = self._file(source.name).with_suffix(".new")
            new.write_text(json.dumps(card))
            new.replace(self._file(source.name))
            if before and before["converted"] not in (None, card["converted"]):
                self._sweep({f"converted/{before['converted']}"})

    def entries(self) -> list[Entry]:
        """All models here: the built-in one, those made ready, those only fetched."""
        cards = list(self._all())
        known = {part for card in cards for part in card["parts"]}
        fetched = [home for home in sorted(self._cache.glob(f"{PREFIX}*")) if home.name not in known and any(home.glob(f"snapshots/*/{CONFIG}"))]
        return [Entry("mini", _size(MINI), False, {}), *map(self._entry, cards), *(Entry(_name(home), _size(home), False, {}) for home in fetched)]

    def entry(self, name: str) -> Entry:
        """One of them. Raises NotFound."""
        entries = self.entries()
        for entry in entries:
            if entry.name == name:
                return entry
        raise NotFound(f"no model {name!r} on this machine; here are {', '.join(entry.name for entry in entries)}")

    def remove(self, name: str) -> int:
        """Removes all of a model that no other one needs; the bytes that came free. Raises NotFound."""
        if name == "mini":
            raise BadRequest("mini is part of samekind and stays")
        self.entry(name)
        card = self._card(name)
        parts = {*card["parts"], f"converted/{card['converted']}"} if card else {PREFIX + name.removeprefix(HUB).replace("/", "--")}
        self._file(name).unlink(missing_ok=True)
        (self._cache / "names" / self._file(name).name).unlink(missing_ok=True)
        return self._sweep(parts)

    def _parts(self, source: Source) -> set[str]:
        """The folders of the cache that the model's files are in."""
        files = [source.weights, source.tokenizer, Path(source.text.get("hf_model_name") or source.weights)]
        inside = [file.relative_to(self._cache) for file in files if file and file.is_relative_to(self._cache)]
        return {file.parts[0] for file in inside if file.parts[0].startswith(PREFIX)}

    def _sweep(self, parts: set[str]) -> int:
        """Removes those parts that no card names any more."""
        needed = {part for card in self._all() for part in (*card["parts"], f"converted/{card['converted']}")}
        gone = [self._cache / part for part in parts - needed if (self._cache / part).is_dir()]
        freed = sum(map(_size, gone))
        for folder in gone:
            shutil.rmtree(folder)
        return freed

    def _entry(self, card: dict[str, Any]) -> Entry:
        name, converted = card["model"]["name"], self._cache / "converted" / str(card["converted"])
        own = Path(name.removeprefix(FOLDER)).expanduser() if name.startswith(FOLDER) else None
        folders = [*(self._cache / part for part in card["parts"]), *([own] if own else []), *([converted] if card["converted"] else [])]
        return Entry(name, sum(map(_size, folders)), bool(card["converted"]) and converted.is_dir(), card["model"])

    def _all(self) -> Iterator[dict[str, Any]]:
        for file in sorted(self._cards.glob("*.json")):
            if card := _read(file):
                yield card

    def _card(self, name: str) -> dict[str, Any] | None:
        return _read(self._file(name))

    def _file(self, name: str) -> Path:
        return self._cards / f"{quote(name, safe='')}.json"


def _read(file: Path) -> dict[str, Any] | None:
    """A card that says all it should; one that does not is as good as none."""
    try:
        card: dict[str, Any] = json.loads(file.read_text())
        return card if card["model"]["name"] and card.keys() >= {"parts", "converted"} else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def plain(model: Model) -> dict[str, Any]:
    """What a model says of itself, wherever it runs."""
    said = asdict(model) | {"score_kind": model.score_kind.value}
    return {key: value for key, value in said.items() if key not in ("default", "precision", "runtime")}


def _name(home: Path) -> str:
    return HUB + home.name.removeprefix(PREFIX).replace("--", "/")


def _size(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_symlink() and file.is_file())
