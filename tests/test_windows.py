"""Texts longer than a model's context: all of them is read, in windows, and the best one is what is found."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from samekind.errors import TextTooLong
from samekind.filters import F
from samekind.queries import Found, Query, Term
from samekind.types import Best, Catalog, Fused, Item, LongText, Metric, Text, Vector
from samekind_server.catalog import verifying
from samekind_server.embedding import windows
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.texts import ClipTokenizer
from samekind_server.index.base import Shape
from samekind_server.index.exact import Exact
from samekind_server.index.several import Several
from samekind_server.search.searching import Searching
from samekind_server.store import copies
from tests.afterwards import opened
from tests.keeping import Keeper
from tests.keeping import nearest as nearest_of

SENTENCES = [
    f"Sentence {n} tells of the {word} and of nothing else."
    for n, word in enumerate(["mug", "cat", "sea", "bell", "loom", "kite", "frog", "tree"] * 8)
]
LONG = " ".join(SENTENCES)


@pytest.fixture(scope="module")
def tokenizer() -> ClipTokenizer:
    return ClipTokenizer(77)


def test_windows_end_with_sentences_and_overlap(tokenizer):
    places = windows.cut(LONG, tokenizer)
    parts = [LONG[begin:end] for begin, end in places]
    assert all(part.startswith("Sentence") and part.endswith("else.") for part in parts)
    assert all(begin < end_before for (_, end_before), (begin, _) in pairwise(places))
    assert not tokenizer(parts).truncated.any()
    assert set(SENTENCES) == {sentence for sentence in SENTENCES if any(sentence in part for part in parts)}


@given(
    some.lists(some.sampled_from(["word ", "word. ", "東京タワー。", "🗼", "x" * 90, "\n\n", "&amp;", "?!", "Ünï "]), max_size=300),
    some.sampled_from([16, 77]),
)
@settings(max_examples=30, deadline=None)
def test_windows_leave_nothing_out_and_fit(words, context):
    text, tokenizer = "".join(words), ClipTokenizer(context)
    places = windows.cut(text, tokenizer)
    assert bool(places) == bool(tokenizer([text]).truncated[0])
    seen = np.zeros(len(text), bool)
    for begin, end in places:
        seen[begin:end] = True
    if places:
        assert not [letter for letter, found in zip(text, seen, strict=True) if not found and not letter.isspace()]
        assert not tokenizer([text[begin:end] for begin, end in places]).truncated.any()


def test_the_vector_of_a_long_text_is_the_mean_of_its_windows(engine):
    async def asked():
        encoder = await engine.encoder("")
        contents = [Text("a mug"), Text(LONG), Text("a cat")]
        whole = await engine.embed(encoder, contents, long_text=LongText.WINDOWS)
        parts = [Text(LONG[begin:end]) for begin, end in whole.windows[1].places]
        return whole, await engine.embed(encoder, [contents[0], *parts, contents[2]])

    whole, apart = asyncio.run(asked())
    assert (whole.windows.keys(), whole.truncated, apart.truncated) == ({1}, set(), set())
    np.testing.assert_array_equal(whole.windows[1].rows, apart.vectors[1:-1])
    np.testing.assert_array_equal(whole.vectors[[0, 2]], apart.vectors[[0, -1]])
    mean = apart.vectors[1:-1].mean(axis=0)
    np.testing.assert_allclose(whole.vectors[1], mean / np.linalg.norm(mean), atol=1e-6)


ABOUT = "This is a long page about many things, and most of it is of no interest to anyone who looks for one of them alone. " * 8
PAGE = f"{ABOUT}The ferry to the island leaves at noon from the old harbour. {ABOUT}"


@pytest.fixture
def keeper(tmp_path, engine: Engine) -> Iterator[Keeper]:
    keeper = Keeper(tmp_path, engine)
    keeper.make(model="mini")
    yield keeper
    keeper.close()


def nearest(keeper: Keeper, text: str, k: int = 10, **more: object) -> list[tuple[str, float]]:
    async def asked() -> list[tuple[str, float]]:
        engine = keeper.catalogs._engine
        vectors = (await engine.embed(await engine.encoder("mini"), [Text(text)])).vectors
        [found] = await nearest_of(await keeper.catalogs.open("", "shop"), vectors, k, **more)
        return [(hit.item.id, hit.score) for hit in found]

    return keeper.run(asked())


def test_an_item_is_found_by_the_best_of_its_windows(keeper):
    ask = "The ferry to the island leaves at noon from the old harbour."
    [cut] = keeper.ask("upsert", [Item("page", (Text(PAGE),))])
    [(_, truncated)] = nearest(keeper, ask)
    [whole] = keeper.ask("upsert", [Item("page", (Text(PAGE),))], long_text=LongText.WINDOWS)
    [(_, windowed)] = nearest(keeper, ask)
    assert (cut.truncated, whole.truncated, whole.changed) == (True, False, True)
    assert windowed > truncated + 0.05
    keeper.catalogs._engine = keeper.catalogs._drafting._engine = None  # From here on nothing can be embedded.
    [again] = keeper.ask("upsert", [Item("page", (Text(PAGE),), {"n": 1})], long_text=LongText.WINDOWS)
    assert (again.error, again.truncated) == (None, False)


def pages(count: int) -> list[Item]:
    return [Item(f"{n}", (Text(PAGE.replace("island", f"island {n}")),), {"n": n}) for n in range(count)]


def test_k_items_are_found_whatever_windows_they_have(keeper):
    keeper.ask("upsert", [*pages(6), Item("short", (Text("The ferry"),), {"n": 6})], long_text=LongText.WINDOWS)
    for k in (1, 3, 7):
        assert len({id for id, _ in nearest(keeper, "The ferry to the island", k)}) == k
    assert {id for id, _ in nearest(keeper, "The ferry to the island", 3, where=F.n >= 4)} == {"4", "5", "short"}
    keeper.ask("delete", ["0", "4"])
    assert {id for id, _ in nearest(keeper, "The ferry to the island", 7)} == {"1", "2", "3", "5", "short"}
    assert keeper.store.read(lambda of: of.rows("SELECT count(*) FROM windows")).result() == [(4,)]


@pytest.mark.parametrize("comparison", [Fused(), Best()])
def test_windows_stay_when_something_else_changes_and_when_it_opens_again(tmp_path, engine, comparison):
    first = opened(tmp_path, engine)
    space = first.make(model="mini", comparison=comparison).space
    vector = Vector(np.eye(256, dtype=np.float32)[3], space)
    first.ask("upsert", pages(5), long_text=LongText.WINDOWS)
    first.ask("upsert", [replace(page, contents=(*page.contents, vector)) for page in pages(3)], long_text=LongText.WINDOWS)
    first.ask("upsert", [Item("short", (Text("a mug"),))])
    found = nearest(first, "The ferry to the island", 6)
    assert len(found) == 6
    first.close()
    second = opened(tmp_path, engine)
    assert nearest(second, "The ferry to the island", 6) == found
    faults = second.store.read(lambda of: [*copies.faults(of), *verifying.faults(of, tmp_path)]).result()
    assert faults == []
    second.close()


def test_windows_that_the_disk_changed_are_named_and_made_again(keeper):
    keeper.ask("upsert", pages(2), long_text=LongText.WINDOWS)
    keeper.store.write(lambda to: to.rows("UPDATE windows SET data = zeroblob(length(data)) WHERE row = 1")).result()
    [fault] = keeper.store.read(lambda of: list(copies.faults(of))).result()
    assert "the text vector of '0' in row 1 is not what was written" in fault
    [again] = keeper.ask("upsert", pages(1), long_text=LongText.WINDOWS)
    assert (again.error, again.changed) == (None, True)
    assert keeper.store.read(lambda of: list(copies.faults(of))).result() == []


@given(
    some.lists(some.lists(some.lists(some.sampled_from([-1.0, 0.5, 1.0]), min_size=2, max_size=2), min_size=1, max_size=4), max_size=9), some.data()
)
@settings(max_examples=40, deadline=None)
def test_rows_of_several_vectors_are_ranked_by_their_nearest(rows, data):
    index, query = Several(Exact(Shape(2, Metric.DOT)), Metric.DOT), np.array([[1.0, 0.25]], np.float32)
    if rows:
        numbers = np.repeat(np.arange(len(rows)), [len(each) for each in rows])
        index.add(numbers.astype(np.int64), np.array([one for each in rows for one in each], np.float32))
    allowed = data.draw(some.none() | some.sets(some.integers(0, 9)).map(lambda some: np.array(sorted(some), np.int64)))
    gone = data.draw(some.sets(some.integers(0, 9)))
    assert index.remove(np.array(sorted(gone), np.int64)) == len(gone & set(range(len(rows))))
    live = {n: float((np.array(each) @ query[0]).max()) for n, each in enumerate(rows) if n not in gone}
    able = [(n, score) for n, score in live.items() if allowed is None or n in allowed]
    wanted = sorted(able, key=lambda each: (-each[1], each[0]))[:3]
    [found] = index.nearest(query, 3, allowed=allowed)
    assert list(zip(found.rows.tolist(), found.scores.tolist(), strict=True)) == wanted
    assert index.rows().tolist() == list(live)


def search(keeper: Keeper, query: Query) -> Found:
    async def asked() -> Found:
        return await Searching(keeper.catalogs._engine).search(await keeper.catalogs.open("", "shop"), query)

    return keeper.run(asked())


@pytest.mark.parametrize(("comparison", "kind"), [(Fused(), "fused"), (Best(), "text")])
def test_a_hit_tells_the_passage_that_answers(tmp_path, engine, comparison, kind):
    keeper = Keeper(tmp_path, engine)
    space = keeper.make(model="mini", comparison=comparison).space
    far = Vector(-np.eye(256, dtype=np.float32)[3], space)
    keeper.ask("upsert", [*pages(1), Item("both", (Text(PAGE), far)), Item("short", (Text("a mug"),))], long_text=LongText.WINDOWS)
    term = Term(Text("The ferry to the island leaves at noon from the old harbour."))
    hits = {hit.item.id: hit for hit in search(keeper, Query((term,), keep_modality_gap=True)).hits}
    for id in ("0", "both"):
        passage = hits[id].passage
        assert "leaves at noon from the old harbour" in passage.text
        assert hits[id].item.contents[0].text[passage.start : passage.end] == passage.text
        assert len(passage.text) < len(PAGE) / 3
    assert (hits["0"].kind, hits["both"].kind, hits["short"].kind, hits["short"].passage) == ("text", kind, "text", None)
    keeper.close()


def test_a_long_query_is_the_mean_of_its_windows(keeper):
    keeper.ask("upsert", [Item("page", (Text(PAGE),)), Item("mug", (Text("a mug"),))], long_text=LongText.WINDOWS)
    [first, _] = search(keeper, Query((Term(Text(PAGE)),), long_text=LongText.WINDOWS)).hits
    assert (first.item.id, round(first.similarity, 5), first.kind) == ("page", 1.0, "text")


def test_a_catalog_says_what_happens_to_long_texts_where_a_write_does_not(keeper):
    keeper.run(keeper.catalogs.update("", Catalog("shop", long_text=LongText.WINDOWS), ["long_text"]))
    truncated = [keeper.ask("upsert", [page], **more)[0].truncated for page in pages(1) for more in ({}, {"long_text": LongText.TRUNCATE})]
    assert truncated == [False, True]
    keeper.run(keeper.catalogs.update("", Catalog("shop", long_text=LongText.REJECT), ["long_text"]))
    [refused] = keeper.ask("upsert", [Item("new", (Text(PAGE),))])
    assert isinstance(refused.error, TextTooLong)
