"""Words by which items are found: whole, in parts, in step with the store, and never as a syntax."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

import samekind
from samekind.filters import F
from samekind.queries import Found, Query, Term
from samekind.types import Item, Vector
from samekind_server.catalog.writing import Update
from samekind_server.embedding.engine import Engine
from samekind_server.search.fusion import fused
from samekind_server.search.searching import Searching
from samekind_server.search.words import ranked, scored
from samekind_server.store import items, spelling, words
from tests.keeping import SPACE, Keeper, item

NEAR = Term(Vector(np.array([1, 0, 0, 0], np.float32), SPACE))


@pytest.fixture
def shop(tmp_path, engine: Engine) -> Iterator[Keeper]:
    keeper = Keeper(tmp_path, engine)
    keeper.make()
    yield keeper
    keeper.close()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Red scarf.", ["red", "scarf"]),
        ("AB-12/7", ["ab-12/7", "ab", "12", "7"]),
        ("v1.2_rc", ["v1.2_rc", "v1", "2", "rc"]),
        ("Ünïcödé Straße ﬁ", ["unicode", "strasse", "fi"]),
        ("it's -5 %", ["it", "s", "5"]),
        ("東京タワー", ["東京", "東", "京", "京タ", "京", "タ", "タワ", "タ", "ワ", "ワー", "ワ", "ー"]),
        ("iPhone用", ["iphone", "用"]),
        ("x" * 70, ["x" * 64]),
        ("\ud800 \0 *'\"", []),
    ],
)
def test_a_text_is_found_by_its_words_whole_and_in_parts(text, found):
    assert list(spelling.words(text)) == found


def found(shop: Keeper, given: str, *names: str, of: str = "shop", where=None, k: int = 10) -> list[str]:
    hits = search(shop, Query(words=given, word_attributes=names, where=where, limit=k), of=of).hits
    return [hit.item.id for hit in hits]


def test_names_codes_and_numbers_are_found_in_the_attributes_that_are_asked(shop):
    shop.ask("upsert", [item("a", sku="AB-12/7", tags=["Müller", 2024]), item("b", sku="AB-12/8", name="Miller", price=19.5), item("c", name="ab")])
    assert found(shop, "ab-12/7", "sku") == ["a"]
    assert found(shop, "ab-12/9", "sku", "name") == ["a", "b", "c"]
    assert (found(shop, "12", "sku"), found(shop, "muller", "tags"), found(shop, "19.5", "price")) == (["a", "b"], ["a"], ["b"])
    assert found(shop, "2024 miller", "tags", "name") == ["a", "b"]
    assert (found(shop, "miller"), found(shop, "miller", "sku")) == ([], [])


def test_words_are_in_step_with_what_is_written_changed_and_deleted(shop):
    shop.ask("upsert", [item("a", name="old"), item("b", name="both old")])
    shop.ask("update", [Update("a", {"name": "new"})])
    assert (found(shop, "old", "name"), found(shop, "new", "name")) == (["b"], ["a"])
    shop.ask("upsert", [item("b", 0, 1, 0, 0, name="newer")])
    assert (found(shop, "old", "name"), found(shop, "newer", "name")) == ([], ["b"])
    shop.ask("delete", ["a", "b"])
    assert found(shop, "new newer", "name") == []
    assert shop.store.read(lambda of: (of.rows("SELECT count(*) FROM word_places"), words.totals(of, 1))).result() == ([(0,)], (0, 0))


def test_rare_words_short_items_and_many_mentions_come_first(shop):
    long = " ".join(f"more{n}" for n in range(40))
    shop.ask("upsert", [item("long", t=f"red scarf {long}"), item("often", t="red red"), item("rare", t="red cashmere"), item("red", t="red scarf")])
    assert found(shop, "red", "t") == ["often", "rare", "red", "long"]
    assert found(shop, "cashmere red", "t") == ["rare", "often", "red", "long"]


def test_catalogs_and_conditions_stay_apart(shop):
    shop.make("other")
    shop.ask("upsert", [item(f"{n}", t="mug", n=n) for n in range(20)])
    shop.ask("upsert", [item("theirs", t="mug")], of="other")
    assert found(shop, "mug", "t", of="other") == ["theirs"]
    assert found(shop, "mug", "t", where=F.n >= 13, k=5) == ["13", "14", "15", "16", "17"]


def test_what_a_deleted_catalog_held_is_forgotten(shop):
    shop.ask("upsert", [item(f"{n}", t="mug", n=n) for n in range(20)])
    shop.run(shop.catalogs.delete("", "shop"))
    shop.catalogs._freeing.shutdown()
    assert shop.store.read(lambda of: of.rows("SELECT (SELECT count(*) FROM word_places), (SELECT count(*) FROM word_totals)")).result() == [(0, 0)]


def test_words_that_were_removed_leave_the_file(shop):
    shop.ask("upsert", [item(f"{n}", t=f"secret{n} mug") for n in range(500)])
    shop.ask("delete", [f"{n}" for n in range(499)])
    shop.store.write(words.merge).result()
    blocks = shop.store.read(lambda of: of.rows("SELECT block FROM words_data")).result()
    assert b"secret499" in (held := b"".join(block for (block,) in blocks))
    assert held.count(b"secret") == 1


def test_an_item_that_the_disk_changed_can_be_written_and_deleted(shop):
    shop.ask("upsert", [item("a", t="one"), item("b", t="two")])
    shop.store.write(lambda to: to.rows("""UPDATE items SET attributes = CAST('{"t":"x y z z y x"}' AS BLOB)""")).result()
    assert shop.ask("upsert", [item("a", t="three")])[0].error is None
    assert shop.ask("delete", ["b"]).count == 1
    assert (found(shop, "one two", "t"), found(shop, "three", "t")) == ([], ["a"])


@given(some.text(max_size=60), some.text(max_size=40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_safe_to_look_for_and_finds_itself(shop, told, given):
    told, given = (each.encode(errors="replace").decode() for each in (told, given))
    shop.ask("upsert", [item("a", t=told)])
    assert not told or found(shop, told, "t") == (["a"] if any(spelling.codes(told)) else [])
    for odd in (f" {given}", f'"{given}', f"NEAR({given})", f"{given}*", f"c0:{given} OR -x", "\0" + given, "\ud800" + given):
        assert set(found(shop, odd, "t", given, "\0")) <= {"a"}


@given(some.lists(some.tuples(some.sampled_from("abc"), some.sampled_from(["red", "red mug", "blue-7", "7"]), some.booleans()), max_size=12))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_index_of_words_is_what_the_items_say(shop, steps):
    for id, told, kept in steps:
        shop.ask("upsert", [item(id, t=told)]) if kept else shop.ask("delete", [id])
    held, sums = shop.store.read(lambda of: (items.past(of, 1, 0, 100), words.digests(of))).result()
    assert sums == {each.row: words.digest(each.catalog, each.text, each.attributes) for each in held}


def test_ranks_are_fused_by_their_reciprocals():
    rows, scores = fused([np.array([5, 3, 9]), np.array([3, 7])])
    assert rows.tolist() == [3, 5, 7, 9]
    np.testing.assert_allclose(scores, [1 / 62 + 1 / 61, 1 / 61, 1 / 62, 1 / 63], rtol=1e-6)
    assert [part.tolist() for part in fused([])] == [[], []]


def search(shop: Keeper, query: Query, size: int = 100, token: str = "", of: str = "shop") -> Found:
    async def asked() -> Found:
        return await Searching(shop.catalogs._engine).search(await shop.catalogs.open("", of), query, size=size, token=token)

    return shop.run(asked())


def test_words_and_terms_are_fused_and_words_may_come_alone(shop):
    shop.ask(
        "upsert", [item("near", 1, 0, 0, 0), item("both", 1, 1, 0, 0, sku="AB-1"), item("far", 0, 0, 1, 0, sku="AB-1"), item("none", 0, 1, 1, 0)]
    )
    term = Term(Vector(np.array([1, 0, 0, 0], np.float32), SPACE))
    hits = search(shop, Query((term,), words="ab-1", word_attributes=("sku",))).hits
    assert [hit.item.id for hit in hits] == ["both", "far", "near", "none"]
    np.testing.assert_allclose([hit.score for hit in hits], [1 / 61 + 1 / 62, 1 / 62 + 1 / 63, 1 / 61, 1 / 64], rtol=1e-6)
    np.testing.assert_allclose([hit.similarity for hit in hits], [0.5**0.5, 0, 1, 0], atol=1e-6)
    alone = search(shop, Query(words="ab-1", word_attributes=("sku",)))
    assert [(hit.item.id, hit.similarity) for hit in alone.hits] == [("both", 0), ("far", 0)]
    assert (alone.report.exact, alone.report.complete, alone.report.shortfall) == (True, True, "the catalog has 4 items; no others have the words")
    assert search(shop, Query(words="* OR *")).hits == ()


def test_pages_of_fused_hits_are_the_one_big_page(shop):
    shop.ask("upsert", [item(f"{n}", 1, n % 7, n % 3, 0, t="mug " * (n % 3) + "cup") for n in range(60)])
    query = Query((Term(Vector(np.array([1, 1, 0, 0], np.float32), SPACE)),), words="mug", word_attributes=("t",), limit=40)
    whole, pages, token = search(shop, query), [], ""
    while page := search(shop, query, 7, token):
        pages, token = [*pages, *page.hits], page.next_page_token
        if not token:
            break
    assert pages == list(whole.hits)
    assert len(whole.hits) == 40


def test_words_and_passages_go_over_the_wire(server):
    with samekind.connect(server) as sk:
        pages = sk.catalog("pages", long_text="windows")
        dull = "Most of this page is of no interest to those who want to know one thing alone. " * 9
        page = f"{dull}The ferry leaves at noon from the old harbour. {dull}"
        done = pages.upsert([Item("ferry", [page], {"sku": "AB-12/7"}), Item("mug", ["a mug"], {"sku": "AB-12/8"})])
        assert (done.count, done.failures) == (2, ())
        found = pages.search("The ferry leaves at noon from the old harbour.", words="AB-12/8", word_attributes=["sku"])
        hits = {hit.item.id: hit for hit in found.hits}
        assert "leaves at noon" in hits["ferry"].passage.text
        assert page[hits["ferry"].passage.start : hits["ferry"].passage.end] == hits["ferry"].passage.text
        assert (hits["mug"].passage, round(hits["mug"].score, 5)) == (None, round(1 / 61 + 1 / 62, 5))
        assert [hit.item.id for hit in pages.search(words="ab-12/7", word_attributes=["sku"]).hits] == ["ferry"]
        assert [each.long_text for each in sk.catalogs() if each.name == "pages"] == [samekind.LongText.WINDOWS]
        sk.delete_catalog("pages")


def test_words_that_too_many_have_rank_what_rarer_ones_find(shop):
    texts = ["red", "red scarf", "scarf blue", "red mug", "red hat", "AB-1 red", "ab"]
    shop.ask("upsert", [item(f"{n}", t=text) for n, text in enumerate(texts)])

    def ids(given: str, many: int) -> list[str]:
        rows, scores = shop.store.read(lambda of: scored(1, given, ["t", "t"], of, many=many)).result()
        return [str(row - 1) for row in rows[np.lexsort((rows, -scores))].tolist()]

    assert ids("red scarf", many=100)[:2] == ids("red scarf", many=2) == ["1", "2"]
    assert sorted(ids("red", many=2)) == sorted(ids("red", many=100)) == ["0", "1", "3", "4", "5"]
    assert sorted(ids("ab-2 red", many=2)) == ["5", "6"]
    assert ids("nothing", many=2) == []


@pytest.mark.parametrize(
    ("asked", "k", "found"),
    [
        (Query(words="red scarf"), 2, ["1", "2"]),
        (Query(words="red scarf"), 3, ["1", "2", "0"]),
        (Query(words="red scarf", where=F.n != 2), 10, ["1", "0", "4", "3"]),
        (Query((NEAR,), words="red scarf"), 10, ["1", "2"]),
        (Query((NEAR,), words="red"), 2, ["0", "1"]),
    ],
    ids=["as many as rarer words find", "more", "fewer meet the condition", "what is near comes before", "there is no rarer word"],
)
def test_words_alone_find_what_a_common_one_has_too_where_rarer_ones_find_too_little(shop, asked, k, found):
    texts = ["red", "red scarf", "scarf blue", "red mug and saucer", "red hat"]
    shop.ask("upsert", [item(f"{n}", t=text, n=n) for n, text in enumerate(texts)])
    rows, _ = shop.ask("within", lambda inside: ranked(inside, replace(asked, word_attributes=("t",)), k, many=2))
    assert [str(row - 1) for row in rows.tolist()] == found
