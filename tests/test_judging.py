"""What is made of scores: the modality gap is taken out of them, and what does not stand out is cut off."""

import asyncio
import io
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from samekind import shop as drawn
from samekind.queries import ById, Cutoff, Found, Query, Term
from samekind.types import Best, Fused, Image, Item, Metric, Text, Vector
from samekind_server.catalog.background import Background, Backgrounds
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.images import ImageLimits
from samekind_server.embedding.observer import Unobserved
from samekind_server.index.base import Gist, Shape
from samekind_server.index.exact import Exact
from samekind_server.search import cutoff, gap, rivals
from samekind_server.search.rivals import Rivals
from samekind_server.search.searching import Searching
from tests.keeping import SPACE, Keeper, item

DIMENSIONS = 64
Search = Callable[..., Found]


def meanings(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, DIMENSIONS))


def cone(given: np.ndarray, axis: int, seed: int, gap: float = 8.0) -> np.ndarray:
    """Unit vectors of these meanings in a cone of their own, as a modality's are, each a little off."""
    off = given + 0.5 * np.random.default_rng(seed).normal(size=given.shape) + gap * np.eye(DIMENSIONS)[axis]
    return (off / np.linalg.norm(off, axis=1, keepdims=True)).astype(np.float32)


def index(vectors: np.ndarray) -> Exact:
    made = Exact(Shape(DIMENSIONS))
    made.add(np.arange(len(vectors)), vectors)
    return made


def background(**vectors: np.ndarray) -> Background:
    return Backgrounds().now(0, {name: index(each) for name, each in vectors.items()})


class Held(Exact):
    """An index whose gist is waited for from the second on."""

    def __init__(self) -> None:
        super().__init__(Shape(DIMENSIONS))
        self.asked, self.free, self.times = threading.Event(), threading.Event(), 0

    def gist(self, most: int) -> Gist:
        self.times += 1
        if self.times > 1:
            self.asked.set()
            self.free.wait()
        return super().gist(most)


def test_while_one_thread_makes_a_background_anew_others_take_the_old():
    held, seen = Held(), Backgrounds()
    held.add(np.arange(200), meanings(200))
    old = seen.now(0, {"text": held})
    with ThreadPoolExecutor(1) as one:
        anew = one.submit(seen.now, 100, {"text": held})
        held.asked.wait()
        assert seen.now(100, {"text": held}) is old
        held.free.set()
    assert anew.result() is seen.now(100, {"text": held}) is not old


def test_a_gap_that_was_put_in_is_taken_out():
    same = meanings(200)
    texts, images, queries = cone(same, 0, 1), cone(same, 1, 2), cone(same, 0, 3)
    of = background(text=texts, image=images, vector=np.empty((0, DIMENSIONS), np.float32))
    before, firsts = [], []
    for number, query in enumerate(queries):
        before.append(np.count_nonzero(texts @ query > images[number] @ query))
        levels = gap.levels(of, {"text": 1.0}, {"text": query, "image": query, "vector": query})
        scores = np.concatenate([levels["text"].scores(texts @ query), levels["image"].scores(images @ query)])
        firsts.append({*np.argsort(-scores)[:2].tolist()} == {number, 200 + number})
    assert np.median(before) > 30 and np.mean(firsts) > 0.95


def test_there_is_no_gap_in_a_catalog_of_one_kind_or_nearly_so_nor_for_a_query_of_another():
    texts, few = cone(meanings(200), 0, 1), cone(meanings(gap.FEWEST - 1), 1, 2)
    vectors = dict.fromkeys(("text", "image", "fused"), texts[0])
    assert gap.levels(background(text=texts), {"text": 1.0}, vectors) == {}
    assert gap.levels(background(text=texts, image=few), {"text": 1.0}, vectors) == {}
    both = background(text=texts, fused=cone(meanings(200), 2, 3))
    assert gap.levels(both, {"image": 1.0}, vectors) == gap.levels(both, {}, vectors) == {}
    assert gap.levels(both, {"text": 1.0, "fused": -0.5}, vectors).keys() == vectors.keys()


def test_what_a_catalog_is_like_is_looked_at_again_once_a_hundredth_has_changed():
    texts, seen = index(cone(meanings(200), 0, 1)), Backgrounds()
    first = seen.now(0, {"text": texts})
    texts.remove(np.arange(100))
    assert seen.now(2, {"text": texts}) is first
    assert (first.count, seen.now(3, {"text": texts}).count) == (200, 100)


@pytest.fixture
def keeper(tmp_path, engine: Engine) -> Iterator[Keeper]:
    keeper = Keeper(tmp_path, engine)
    yield keeper
    keeper.close()


@pytest.fixture
def search(keeper, engine: Engine) -> Search:
    def search(asked: Query, **more: Any) -> Found:
        async def found() -> Found:
            return await Searching(engine).search(await keeper.catalogs.open("", "shop"), asked, **more)

        return keeper.run(found())

    return search


def picture(product: drawn.Product) -> Image:
    file = io.BytesIO()
    product.image.save(file, "PNG", compress_level=1)
    return Image(file.getvalue())


def stocked(keeper: Keeper, **more: Any) -> list[drawn.Product]:
    """Sixty products that training never drew, each as an item with a picture and as one with a description."""
    keeper.make(model="mini", **more)
    products = list(drawn.draw(60, seed=3, split="test"))
    keeper.ask("upsert", [Item(f"image {each.id}", (picture(each),), {"thing": each.thing}) for each in products])
    keeper.ask("upsert", [Item(f"text {each.id}", (Text(each.description),), {"thing": each.thing}) for each in products])
    return products


def told(found: Found) -> list[tuple[str, float, float]]:
    return [(hit.item.id, hit.score, hit.similarity) for hit in found.hits]


def asking(*contents: Any, **more: Any) -> Query:
    return Query(tuple(Term(content) for content in contents), **more)


@pytest.mark.parametrize("comparison", [Fused(), Best()], ids=["fused", "best"])
def test_a_mixed_catalog_is_corrected_unless_that_is_not_wanted_and_says_so(keeper, search, comparison):
    stocked(keeper, comparison=comparison)
    with_it, without = search(asking(Text("a mug"), limit=30)), search(asking(Text("a mug"), limit=30, keep_modality_gap=True))
    assert (with_it.report.gap_corrected, without.report.gap_corrected) == (True, False)
    assert [hit.score for hit in without.hits] == [hit.similarity for hit in without.hits] != [hit.similarity for hit in with_it.hits]
    same = {hit.item.id: hit.similarity for hit in without.hits}
    assert all(same.get(hit.item.id, hit.similarity) == hit.similarity for hit in with_it.hits)
    for kind in ("text", "image"):
        similarities = [hit.similarity for hit in with_it.hits if hit.kind == kind]
        assert len(similarities) > 5 and similarities == sorted(similarities, reverse=True)
    whole = search(asking(Text("a mug"), limit=10_000, exact=True))
    assert told(whole)[:30] == told(with_it) and len(whole.hits) == 120


def test_pages_of_a_corrected_answer_together_are_the_one_big_page(keeper, search):
    stocked(keeper)
    asked, seen, token = asking(Text("something red"), limit=100), [], ""
    while True:
        page = search(asked, size=7, token=token)
        seen += told(page)
        if not (token := page.next_page_token):
            break
    assert seen == told(search(asked)) and len(seen) == 100


def test_a_ready_vector_is_of_no_known_kind_and_an_item_is_of_its_own(keeper, search):
    [first, *_] = stocked(keeper)
    space, vector = keeper.run(keeper.catalogs.get("", "shop")).space, np.eye(256, dtype=np.float32)[0]
    assert not search(asking(Vector(vector, space))).report.gap_corrected
    found = search(asking(ById(f"image {first.id}"), Text("in blue")))
    assert found.report.gap_corrected and f"image {first.id}" not in {hit.item.id for hit in found.hits}


@settings(max_examples=10, deadline=None)
@given(seed=some.integers(0, 1000), count=some.integers(1, 150), metric=some.sampled_from([*Metric]))
def test_a_pure_catalog_answers_the_same_to_the_last_bit(tmp_path_factory, engine, seed, count, metric):
    keeper, chance = Keeper(tmp_path_factory.mktemp("pure"), engine), np.random.default_rng(seed)
    keeper.make(metric=metric)
    keeper.ask("upsert", [item(f"{n}", *each) for n, each in enumerate(chance.normal(size=(count, 4)).tolist())])

    async def found(asked: Query) -> Found:
        return await Searching(engine).search(await keeper.catalogs.open("", "shop"), asked)

    asked = asking(Vector(chance.normal(size=4).astype(np.float32), SPACE))
    one, other = (keeper.run(found(replace(asked, keep_modality_gap=keep))) for keep in (False, True))
    assert (told(one), one.report.gap_corrected) == (told(other), False)
    assert [hit.score for hit in one.hits] == [hit.similarity for hit in one.hits]
    keeper.close()


SCORES = some.lists(some.integers(-300, 300).map(lambda each: each / 1000), min_size=cutoff.FEWEST, max_size=60).map(
    lambda each: np.array(each, np.float32)
)
SCALES = some.none() | some.floats(10, 100)


KINDS = some.sampled_from([{}, {"text": 1.0}, {"image": 1.0}, {"image": 1.0, "text": 0.5}])


def cut(best: float, scores: np.ndarray, among: int, scale: float | None = None, kinds: dict[str, float] | None = None) -> cutoff.Cut | None:
    """Where is cut among so many images of which one is nearest, and others are as the scores of a sample."""
    nearest = np.array([best, *np.sort(scores)[::-1]], np.float32)
    return cutoff.cut({"image": nearest}, {"image": scores}, counts={"image": among}, kinds=kinds or {}, scale=scale)


@settings(deadline=None)
@given(scores=SCORES, among=some.integers(1, 10**6), scale=SCALES, kinds=KINDS)
def test_the_one_hit_that_is_far_above_all_others_is_never_cut(scores, among, scale, kinds):
    best = float(scores.max()) + max(20 * cutoff.noise(scores, scale).spread, 3.0)
    made = cut(best, scores, among, scale, kinds)
    assert made is not None and float(scores.max()) < made.least["image"] <= best
    assert cut(best, scores, among, scale, kinds) == made


@settings(deadline=None)
@given(scores=SCORES, among=some.integers(1, 10**6), scale=SCALES, one=some.floats(0, 1), more=some.floats(0, 1))
def test_what_is_nearer_is_not_cut_where_what_is_farther_is_not(scores, among, scale, one, more):
    far, near = float(scores.max()) + one, float(scores.max()) + one + more
    farther, nearer = (cut(best, scores, among, scale) for best in (far, near))
    assert farther is not None and nearer is not None
    assert farther.least["image"] > far or nearer.least["image"] <= near


@settings(deadline=None)
@given(scores=SCORES, among=some.integers(60, 10**6), scale=SCALES, kinds=KINDS)
def test_where_nothing_stands_out_it_is_told_what_would(scores, among, scale, kinds):
    made = cut(float(scores.max()), scores, among, scale, kinds)
    assert made is not None
    if "nothing stands out" in made.reason:
        needed = made.least["image"]
        above, below = (cut(needed + off, scores, among, scale, kinds) for off in (1e-3, -1e-3))
        assert needed > scores.max()
        assert above is not None and "nothing stands out" not in above.reason
        assert below is not None and (needed - 1e-3 < scores.max() or "nothing stands out" in below.reason)


@pytest.mark.parametrize(("kinds", "scale", "seldom"), [({"text": 1.0}, 25.0, 0.01), ({}, None, 0.01), ({"image": 1.0}, 100.0, 0.3)])
def test_the_best_of_what_is_all_alike_seldom_stands_out(kinds, scale, seldom):
    chance = np.random.default_rng(5)
    drawn = [chance.normal(0.1, 0.08 if scale != 100.0 else 0.02, 1000).astype(np.float32) for _ in range(300)]
    cuts = [cut(float(scores.max()), scores, 1000, scale, kinds) for scores in drawn]
    assert np.mean(["nothing" not in each.reason for each in cuts if each]) < seldom


def rather(best: float, scores: np.ndarray, against: float, among: int, kind: str = "image") -> cutoff.Cut:
    """Where is cut where a name has a similarity of `against` to each of what is nearest, and one of 0.5 to what is usual; by a scale of 20."""
    nearest = np.array([best, *np.sort(scores)[::-1]], np.float32)
    odds = cutoff.Odds(20 * (nearest[: cutoff.NEAREST].astype(np.float64) - against), 20 * 0.5, "kettle")
    made = cutoff.cut({kind: nearest}, {kind: scores}, counts={kind: among}, kinds={"text": 1.0}, scale=20, odds={kind: odds})
    assert made is not None
    return made


@settings(deadline=None)
@given(scores=SCORES, among=some.integers(60, 10**6), against=some.floats(-0.2, 0.4), kind=some.sampled_from(["image", "text"]))
def test_against_other_names_too_it_is_told_what_would_stand_out_and_the_one_that_is_far_above_does(scores, among, against, kind):
    best = float(scores.max())
    assert best < rather(best + 3, scores, against, among, kind).least[kind] <= np.float32(best + 3)
    made = rather(best, scores, against, among, kind)
    if "nothing stands out" in made.reason:
        needed = made.least[kind]
        above, below = (rather(needed + off, scores, against, among, kind) for off in (1e-3, -1e-3))
        assert needed > best and "rather like 'kettle'" in made.reason
        assert above.least[kind] <= np.float32(needed + 1e-3) and (needed - 1e-3 < best or "nothing stands out" in below.reason)
    else:
        assert made.least[kind] <= best


def test_what_is_nearer_to_another_name_does_not_stand_out():
    scores = np.random.default_rng(6).normal(0, 0.08, 1000).astype(np.float32)
    its_own, another = rather(0.6, scores, 0.0, 1000), rather(0.6, scores, 0.5, 1000)
    assert its_own.least["image"] <= 0.6 < another.least["image"]


def test_names_that_are_another_word_for_what_is_asked_are_no_rivals_and_others_are():
    mug, cup, kettle, odd = np.eye(DIMENSIONS, dtype=np.float32)[:4]
    cup = (0.9 * mug + np.sqrt(1 - 0.81) * cup).astype(np.float32)
    among, of = Rivals(("cup", "kettle"), np.stack([cup, kettle]), 20.0), background(image=np.stack([mug, kettle] * 20))
    [like] = among.odds(mug, mug[None], of, "image").nearest.tolist()
    unlike = among.odds(odd, np.stack([kettle, mug]), of, "image")
    assert like == 20.0 and unlike.rather == "kettle"
    np.testing.assert_allclose(unlike.nearest, [-np.log((1 + np.e**20) / 2), -np.log((1 + np.e**18) / 2)], rtol=1e-6)
    np.testing.assert_allclose(unlike.usual, np.median([20 - np.log((1 + np.e**20) / 2), 18 - np.log((1 + np.e**18) / 2)]), rtol=1e-6)
    alone = Rivals(("cup",), cup[None], 20.0).odds(mug, mug[None], of, "image")
    assert (alone.nearest.tolist(), alone.rather) == ([20.0], "")


def test_several_that_are_near_stand_out_where_one_of_them_alone_does_not():
    few = np.random.default_rng(6).normal(0, 0.08, 1000).astype(np.float32)
    some_near = np.concatenate([few, np.full(50, 0.36, np.float32)])
    one, several = (cut(0.36, scores, len(scores), 25.0, {"text": 1.0}) for scores in (few, some_near))
    assert one is not None and several is not None
    assert (one.least["image"] > 0.36, several.least["image"] < 0.36) == (True, True)


def test_too_few_items_tell_nothing():
    assert cut(0.1, np.linspace(0, 1, cutoff.FEWEST - 1).astype(np.float32), among=19) is None
    assert cutoff.cut({}, {"text": np.linspace(0, 1, 100).astype(np.float32)}, counts={}, kinds={}) is None


def test_a_query_about_what_is_not_there_answers_nothing_and_says_why(keeper, search):
    mugs = {f"{kind} {each.id}" for each in stocked(keeper) if each.thing == "mug" for kind in ("text", "image")}
    found = search(asking(Text("mug"), cutoff=Cutoff.AUTO, limit=50))
    assert [hit.item.attributes["thing"] for hit in found.hits[:4]] == ["mug"] * 4 and {hit.item.id for hit in found.hits} >= mugs
    assert len(found.hits) < 10 and found.report.cut <= found.hits[-1].score
    assert "what is told beside it" in found.report.cut_reason and found.report.shortfall == "others do not stand out"
    keeper.ask("delete", [*mugs])
    none = search(asking(Text("mug"), cutoff=Cutoff.AUTO))
    assert (none.hits, none.report.shortfall, none.report.complete) == ((), "none stands out", True)
    assert "nothing stands out" in none.report.cut_reason and "it is rather like '" in none.report.cut_reason


def test_what_is_asked_for_by_its_look_is_not_compared_with_names(keeper, search):
    [first, *_] = stocked(keeper)
    for contents in ((picture(first),), (picture(first), Text("in blue")), (ById(f"image {first.id}"),), (ById(f"text {first.id}"),)):
        assert "nearest" in search(asking(*contents, cutoff=Cutoff.AUTO, limit=100)).report.cut_reason
        assert "rather" not in search(asking(*contents, cutoff=Cutoff.AUTO)).report.cut_reason


def test_a_catalog_of_fewer_dimensions_is_cut_too(keeper, search):
    guitars = [each for each in stocked(keeper, dimensions=64) if each.thing == "guitar"]
    assert search(asking(Text("guitar"), cutoff=Cutoff.AUTO)).hits
    keeper.ask("delete", [f"{kind} {each.id}" for each in guitars for kind in ("text", "image")])
    assert search(asking(Text("guitar"), cutoff=Cutoff.AUTO)).hits == ()


class Leaving(Unobserved):
    """Counts the texts that are embedded, and has a task leave once many are."""

    def __init__(self) -> None:
        self.rows = 0
        self.task: asyncio.Task[Found] | None = None

    def computed(self, model: str, tower: str, waited: Sequence[float], seconds: float) -> None:
        self.rows += len(waited)
        if self.task and len(waited) > 1:
            self.task.cancel()


def test_a_query_of_pictures_has_no_names_embedded(keeper, engine):
    [first, *_] = stocked(keeper)
    counting = Leaving()
    mine = Engine(engine.registry, ImageLimits(), text_cache_bytes=0, observer=counting)

    async def ask() -> Found:
        return await Searching(mine).search(await keeper.catalogs.open("", "shop"), asking(picture(first), cutoff=Cutoff.AUTO))

    assert (keeper.run(ask()).hits != (), counting.rows) == (True, 1)
    mine.close()


def test_names_are_embedded_once_however_many_ask_and_though_who_asked_first_leaves(keeper, engine):
    stocked(keeper)
    leaving = Leaving()
    mine = Engine(engine.registry, ImageLimits(), text_cache_bytes=0, observer=leaving)
    searching = Searching(mine)

    async def ask() -> list[Found]:
        catalog, query = await keeper.catalogs.open("", "shop"), asking(Text("mug"), cutoff=Cutoff.AUTO)
        leaving.task = asyncio.create_task(searching.search(catalog, query))
        with pytest.raises(asyncio.CancelledError):
            await leaving.task
        return await asyncio.gather(*(searching.search(catalog, query) for _ in range(3)))

    assert all(found.hits for found in keeper.run(ask()))
    assert leaving.rows == len(rivals.asked().names) + 4
    keeper.run(searching.close())
    mine.close()


@pytest.mark.parametrize("thing", ["mug", "spoon"])
def test_whether_anything_stands_out_does_not_go_by_the_limit_or_the_page(keeper, search, thing):
    stocked(keeper)
    [one, ten, all_] = (search(asking(Text(thing), cutoff=Cutoff.AUTO, limit=limit)) for limit in (1, 10, 100))
    assert told(one) == told(all_)[:1] and told(ten) == told(all_)[:10]
    second = search(
        asking(Text(thing), cutoff=Cutoff.AUTO, limit=100),
        size=2,
        token=search(asking(Text(thing), cutoff=Cutoff.AUTO, limit=100), size=2).next_page_token,
    )
    assert told(second) == told(all_)[2:4]


def test_a_cut_leaves_what_has_the_words(keeper, search):
    guitars = [f"{kind} {each.id}" for each in stocked(keeper) if each.thing == "guitar" for kind in ("text", "image")]
    keeper.ask("delete", guitars)
    keeper.ask("upsert", [Item("sku", (Text("X-4711 spare part"),))])
    asked = asking(Text("guitar"), cutoff=Cutoff.AUTO, words="X-4711")
    assert [hit.item.id for hit in search(asked).hits] == ["sku"]
    assert search(replace(asked, words="")).hits == ()
