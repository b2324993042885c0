"""A byte of the store's file that the disk changed, any one: verify finds it where it matters, and no answer takes it for truth."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from samekind.errors import SamekindError
from samekind.filters import F
from samekind.queries import ItemView
from samekind.types import Item, Vector
from samekind_server import copies_command
from samekind_server.embedding.engine import Engine
from samekind_server.store import catalogs, items, label_sets
from samekind_server.store.items import Embedded, Given
from samekind_server.store.sqlite import FILE
from tests.afterwards import opened
from tests.keeping import SPACE, Keeper, modelless

COUNT = 40
IDS = [*(f"item-{n:02}" for n in range(COUNT)), *(f"text-{n:02}" for n in range(COUNT))]
QUERY = np.array([[1, 5, 3, 1]], np.float32)
ALL = ItemView(vectors=True, thumbnails=True)
Answers = dict[str, Any]


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Iterator[Engine]:
    with modelless(tmp_path_factory.mktemp("models")) as engine:
        yield engine


@pytest.fixture(scope="module")
def sound(tmp_path_factory, engine) -> Path:
    """A folder with items of several contents, and a label set."""
    folder = tmp_path_factory.mktemp("sound")
    keeper = opened(folder, engine)
    keeper.make()
    keeper.ask("upsert", [Item(f"item-{n:02}", (Vector(vector(n), SPACE),), {"n": n}) for n in range(COUNT)])
    shop = keeper.store.read(lambda of: catalogs.find(of, "", "shop").id).result()
    texts = [Given(id, b'{"n":7}', f"the text of {id}", (Embedded("text", SPACE, b"t", vector(7).tobytes()),), b"jpeg" * 99) for id in IDS[COUNT:]]
    keeper.store.write(lambda to: [items.add(to, shop, each, version=1, created=1, now=1) for each in texts]).result()
    pets = label_sets.Definition("mini", 2, b'{"labels": ["cat", "dog"]}')
    keeper.store.write(lambda to: label_sets.add(to, "", "pets", pets, now=0)).result()
    keeper.close()
    return folder


def vector(n: int) -> np.ndarray:
    made = np.random.default_rng(n).standard_normal(4).astype(np.float32)
    return made / np.linalg.norm(made)


def told(folder: Path, engine: Engine) -> Answers:
    """What a catalog in the folder answers to each question: plain values, or an error."""
    try:
        keeper = opened(folder, engine)
    except SamekindError as error:
        return {"open": error}
    try:
        keeper.run(keeper.catalogs.start())
    except SamekindError as error:
        keeper.close()
        return {"start": error}
    try:
        return {name: answered(ask) for name, ask in questions(keeper).items()}
    finally:
        keeper.close()


def questions(keeper: Keeper) -> dict[str, Callable[[], Any]]:
    read = keeper.store.read
    return {
        "catalog": lambda: [str(keeper.run(keeper.catalogs.get("", "shop")))],
        "get": lambda: list(map(plain, keeper.ask("get", IDS, ALL))),
        "list": lambda: list(map(plain, keeper.ask("page", "", 1000, ALL))),
        "where": lambda: list(map(plain, keeper.ask("page", "", 1000, ALL, F.n > 6))),
        "nearest": lambda: [(hit.item.id, hit.score) for hit in keeper.ask("nearest", QUERY, 1000)[0]],
        "filtered": lambda: [(hit.item.id, hit.score) for hit in keeper.ask("nearest", QUERY, 1000, where=F.n > 6)[0]],
        "label sets": lambda: [read(lambda of: label_sets.page(of, "", "", 10)).result()],
        "labels": lambda: [read(lambda of: label_sets.definition(of, label_sets.find(of, "", "pets"))).result()],
    }


def answered(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except (SamekindError, AttributeError) as error:  # No label set is found where its name was changed.
        return error


def plain(item: Item | SamekindError) -> Any:
    if isinstance(item, SamekindError):
        return item
    return item.id, str(item.contents), str(item.attributes), item.version, item.kinds, str(item.vectors), item.thumbnail


def lies(found: Answers, truth: Answers) -> list[Any]:
    """What is told and not true; an error is no lie, nor is what is left out, as a thumbnail."""
    known = {name: {str(told) for each in answers for told in (each, bare(each))} for name, answers in truth.items()}
    several = [(name, each) for name, answers in found.items() if isinstance(answers, list) for each in answers]
    return [(name, each) for name, each in several if not isinstance(each, SamekindError) and each and str(each) not in known[name]]


def bare(told: Any) -> Any:
    return (*told[:-1], b"") if isinstance(told, tuple) else told


def same(found: Answers, truth: Answers) -> bool:
    return str(found) == str(truth)


def test_a_changed_byte_anywhere_is_found_and_never_told_for_truth(sound, engine, tmp_path, pytestconfig, capsys):
    truth, data, chance = told(sound, engine), (sound / FILE).read_bytes(), Random(5)
    assert copies_command.main(["verify", "--data", str(sound)], {}) == 0
    used = np.flatnonzero(np.frombuffer(data, np.uint8))
    for _ in range(pytestconfig.getoption("--flips")):
        place, bit = int(chance.choice(used)), chance.randrange(8)
        folder = shutil.copytree(sound, tmp_path / "flipped")
        with (folder / FILE).open("r+b") as file:
            file.seek(place)
            file.write(bytes([data[place] ^ 1 << bit]))
        verified = copies_command.main(["verify", "--data", str(folder)], {})
        found = told(folder, engine)
        assert lies(found, truth) == [], (place, bit)
        assert verified or same(found, truth), (place, bit, capsys.readouterr())
        shutil.rmtree(folder)
