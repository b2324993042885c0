"""What holds for catalogs in any store whatever is written, against a model in plain Python."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from samekind.errors import AlreadyExists, EtagMismatch, NotFound, SamekindError
from samekind.filters import F
from samekind.queries import ItemView
from samekind.types import Best, Fused, Item, Vector, WriteMode
from samekind_server.catalog.filters import matches
from samekind_server.catalog.snapshots import Snapshots
from samekind_server.catalog.writing import Update
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.images import ImageLimits
from samekind_server.embedding.registry import Registry
from samekind_server.store import catalogs
from tests.keeping import SPACE, Keeper
from tests.stores import STORES

IDS = some.sampled_from(["a", "b", "B", "é", "z\0", " ", "日本", "x" * 512])
VALUES = some.integers(0, 3).map(lambda n: tuple(float(n == each) + 0.25 for each in range(4)))
ATTRIBUTES = some.fixed_dictionaries(
    {}, optional={"n": some.integers(0, 5) | some.none() | some.just(2.5), "tags": some.lists(some.sampled_from("rgb"), max_size=2)}
)
WHERE = some.sampled_from([F.n >= 3, ~(F.n == 2.5), F.tags.contains("r"), F.n.exists() & (F.n != 1)])
BATCHES = some.lists(some.tuples(IDS, VALUES, ATTRIBUTES), min_size=1, max_size=5)


@dataclass
class Known:
    """What the model holds of an item."""

    values: tuple[float, ...]
    attributes: dict[str, object]
    version: int


def given_item(id: str, values: tuple[float, ...], attributes: dict[str, object], version: int = 0) -> Item:
    return Item(id, (Vector(np.array(values, np.float32), SPACE),), attributes, version)


class Writing(RuleBasedStateMachine):
    """Any writes in any order, with restarts between."""

    store = ""  # One of STORES.

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp())
        self.engine = Engine(Registry(("mini",), offline=True, precision=None, cache_dir=self.folder, threads=1), ImageLimits())
        self.known: dict[str, Known] = {}
        self.gone: set[str] = set()
        self.keeper: Keeper | None = None

    def teardown(self) -> None:
        if self.keeper:
            self.keeper.close()
        self.engine.close()
        shutil.rmtree(self.folder)

    @initialize(comparison=some.sampled_from([Fused(), Best()]))
    def begin(self, comparison):
        STORES[self.store](self.folder).close()
        self.open()
        self.keeper.make(comparison=comparison)

    def open(self) -> None:
        store = STORES[self.store](self.folder)
        life = store.read(catalogs.life).result()
        store.close()
        self.keeper = Keeper(self.folder, self.engine, indexes=Snapshots(self.folder, life), store=STORES[self.store])
        self.keeper.run(self.keeper.catalogs.start())

    @rule(batch=BATCHES, mode=some.sampled_from(WriteMode), versions=some.lists(some.booleans(), min_size=5, max_size=5))
    def upsert(self, batch, mode, versions):
        versions = [self.known[id].version if has and id in self.known else 3 * has for (id, *_), has in zip(batch, versions, strict=False)]
        outcomes = self.keeper.ask("upsert", [given_item(*each, version) for each, version in zip(batch, versions, strict=True)], mode=mode)
        seen: set[str] = set()
        for (id, values, attributes), version, outcome in zip(batch, versions, outcomes, strict=True):
            before, wrong = self.known.get(id), None
            if id in seen:
                wrong = SamekindError
            elif (version or mode is WriteMode.UPDATE) and not before:
                wrong = NotFound
            elif before and mode is WriteMode.INSERT:
                wrong = AlreadyExists
            elif before and version and version != before.version:
                wrong = EtagMismatch
            seen.add(id)
            assert isinstance(outcome.error, wrong) if wrong else outcome.error is None
            if not wrong:
                same = before is not None and (before.values, before.attributes) == (values, attributes)
                assert (outcome.created, outcome.changed, outcome.version == (before.version if before else 0)) == (before is None, not same, same)
                self.known[id] = Known(values, attributes, outcome.version)
                self.gone.discard(id)

    @rule(id=IDS, attributes=ATTRIBUTES, remove=some.sampled_from([(), ("n",)]), replace=some.booleans())
    def update(self, id, attributes, remove, replace):
        [outcome] = self.keeper.ask("update", [Update(id, attributes, remove, replace)])
        if id not in self.known:
            assert isinstance(outcome.error, NotFound)
            return
        merged = {**({} if replace else self.known[id].attributes), **attributes}
        self.known[id].attributes = {name: value for name, value in merged.items() if name not in remove}
        self.known[id].version = outcome.version

    @rule(ids=some.lists(IDS, min_size=1, max_size=3))
    def delete(self, ids):
        deleted = self.keeper.ask("delete", ids)
        there = {id for id in ids if self.known.pop(id, None)}
        self.gone |= there
        assert (deleted.count, set(deleted.missing)) == (len(there), set(ids) - there)

    @rule(where=WHERE)
    def delete_matching(self, where):
        matching = {id for id, known in self.known.items() if matches(where, known.attributes)}
        assert self.keeper.ask("delete_matching", where).count == len(matching)
        self.gone |= {id for id in matching if self.known.pop(id)}

    @precondition(lambda self: self.keeper)
    @rule()
    def restart(self):
        self.keeper.close()
        self.open()

    @rule(where=WHERE, query=VALUES, k=some.integers(1, 9))
    def found(self, where, query, k):
        vector = np.array([query], np.float32)
        for condition in (None, where):
            [hits] = self.keeper.ask("nearest", vector, k, where=condition)
            able = {id: known for id, known in self.known.items() if condition is None or matches(condition, known.attributes)}
            scores = sorted((cosine(query, known.values) for known in able.values()), reverse=True)[:k]
            assert np.allclose([hit.score for hit in hits], scores, atol=1e-5)
            assert not self.gone & {hit.item.id for hit in hits}
            assert all(abs(hit.score - cosine(query, self.known[hit.item.id].values)) < 1e-5 for hit in hits)

    @rule(size=some.integers(1, 4))
    def pages(self, size):
        whole, after = [], ""
        while page := self.keeper.ask("page", after, size, ItemView()):
            whole += page
            after = page[-1].id
        assert whole == self.keeper.ask("page", "", 100, ItemView())
        assert [each.id for each in whole] == sorted(self.known, key=str.encode)

    @invariant()
    def all_that_is_known_is_there(self):
        if not self.keeper:
            return
        told = self.keeper.ask("get", [*self.known, *self.gone] or ["none"], ItemView(vectors=True))
        for id, item in zip(self.known, told, strict=False):
            known = self.known[id]
            assert (item.id, item.attributes, item.version) == (id, known.attributes, known.version)
            assert np.allclose(item.vectors["vector"].values, np.array(known.values) / np.linalg.norm(known.values), atol=1e-6)
        assert all(isinstance(each, NotFound) for each in told[len(self.known) :])


def cosine(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))


for name in STORES:
    case = type(f"{name.title()}Writing", (Writing,), {"store": name}).TestCase
    case.settings = settings(max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    globals()[f"Test{name.title()}Writing"] = case
del case


@pytest.mark.parametrize("store", STORES)
@given(some.lists(some.tuples(some.integers(0, 3), VALUES, ATTRIBUTES), max_size=8), some.randoms())
@settings(max_examples=8, deadline=None)
def test_writes_of_different_items_come_to_the_same_in_any_order(store, writes, chance):
    batches = [[given_item(f"{writer}-{each}", values, told) for each, (_, values, told) in enumerate(writes) if _ == writer] for writer in range(4)]
    found = []
    for _ in range(2):
        chance.shuffle(batches)
        folder = Path(mkdtemp())
        engine = Engine(Registry(("mini",), offline=True, precision=None, cache_dir=folder, threads=1), ImageLimits())
        keeper = Keeper(folder, engine, store=STORES[store])
        keeper.make()
        for batch in filter(None, batches):
            keeper.ask("upsert", batch)
        told = keeper.ask("page", "", 100, ItemView(vectors=True))
        found.append([(each.id, each.attributes, each.vectors["vector"].values.tolist()) for each in told])
        keeper.close()
        engine.close()
        shutil.rmtree(folder)
    assert found[0] == found[1]
