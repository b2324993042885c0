"""`samekind search`: tables for people, JSON for programs, and what is wrong pointed at."""

import json
from collections.abc import Callable, Iterator

import pytest
from click.testing import Result
from typer.testing import CliRunner

import samekind
from samekind import Item
from samekind.cli import app

Search = Callable[..., Result]


@pytest.fixture(scope="module")
def search(server: str, photos) -> Iterator[Search]:
    texts = {"scarf": "a red scarf of wool", "blue": "a blue scarf of silk", "mug": "a coffee mug MG-12"}
    with samekind.connect(server) as sk:
        shop = sk.catalog("sought")
        shop.upsert([Item(id, [text], {"price": 10.0 * n, "brand": "acme" if n else "ajax"}) for n, (id, text) in enumerate(texts.items())])
        shop.upsert(Item("temple", photos[0]))
        yield lambda *arguments: CliRunner().invoke(app, ["search", "sought", *map(str, arguments), "--server", server])
        sk.delete_catalog("sought")


def ids(done: Result) -> list[str]:
    return [hit["id"] for hit in json.loads(done.stdout)["hits"]]


def test_hits_are_a_table_and_a_line_on_how_they_were_found(search):
    done = search("a scarf", "--where", "price < 20", "--facet", "brand")
    head, best, second, counts, told, why = done.stdout.splitlines()
    assert (done.exit_code, head.split()) == (0, ["score", "id", "attributes", "text"])
    assert best.rstrip().endswith("brand ajax · price 0   a red scarf of wool")
    assert second.split()[1] == "blue"
    assert counts == "brand: acme 1, ajax 1"
    assert told.startswith("2 of 2 items, all 2 compared by mini in ")
    assert why == "2 items meet the condition"


def test_programs_are_told_all_of_it(search):
    done = json.loads(search("a scarf", "--limit", 1, "--facet", "brand", "--json").stdout)
    [hit] = done["hits"]
    assert (hit["id"], hit["kind"], hit["attributes"], hit["text"]) == ("scarf", "text", {"brand": "ajax", "price": 0.0}, "a red scarf of wool")
    assert done["facets"]["brand"] == {"counts": [{"value": "acme", "items": 2}, {"value": "ajax", "items": 1}], "items": 3, "values": 2}
    assert (done["report"]["model"], done["report"]["matching"], done["report"]["complete"]) == ("mini", 4, True)


def test_texts_images_and_items_are_weighed_and_some_push_away(search, photos):
    assert ids(search("a scarf", "in blue", "--weight", 1, "--weight", 0.5, "--not", "wool", "--json"))[0] == "blue"
    assert ids(search("--image", photos[0], "-n", 1, "--json")) == ["temple"]
    assert ids(search("--item", "scarf", "-n", 1, "--json")) == ["blue"]
    assert len(ids(search("a thing", "--group-by", "brand", "--where", "exists(brand)", "--json"))) == 2
    assert ids(search("--words", "MG-12", "--json")) == ["mug"]


def test_a_condition_that_is_wrong_is_pointed_at(search):
    done = search("a scarf", "--where", "price < 20 und brand = 'ä'")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        "samekind: --where: expected and, or or the end, and here is und\n"
        "  price < 20 und brand = 'ä'\n"
        "             ^\n"
    )  # fmt: skip
    assert "  größe = 漢字\n          ^\n" in search("a scarf", "--where", "größe = 漢字").stderr


def test_what_cannot_be_looked_for_is_one_line(search, server):
    assert (search().exit_code, search("--image", "no.jpg").exit_code, search("a", "--weight", 1, "--weight", 2).exit_code) == (2, 2, 2)
    assert (search("a", "--group-by", "brand=x").exit_code, search("a", "--limit", 10_001).exit_code) == (2, 2)
    none = CliRunner().invoke(app, ["search", "nowhere", "a scarf", "--server", server])
    assert (none.exit_code, none.stderr.startswith("samekind: no catalog 'nowhere'")) == (1, True)
    with samekind.connect(server) as sk:
        assert "nowhere" not in [each.name for each in sk.catalogs()]


def test_nothing_found_is_told_with_why(search):
    done = search("a scarf", "--where", "price > 1e6")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "nothing found"
    assert done.stdout.splitlines()[-1] == "no item meets the condition"
