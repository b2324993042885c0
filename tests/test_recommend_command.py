"""`samekind recommend`: tables with reasons in words for people, JSON for programs."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

import samekind
from samekind import Item, Text
from samekind.cli import app
from samekind.reasons import name, said
from samekind.recommendations import Reason, ReasonKind

Recommend = Callable[..., Result]


@pytest.fixture(scope="module")
def recommend(server: str, photos: list[Path]) -> Iterator[Recommend]:
    texts = {"red": "a red coffee mug", "blue": "a blue coffee mug", "tent": "a tent for camping"}
    with samekind.connect(server) as sk:
        shop = sk.catalog("recommended")
        shop.upsert([Item(id, [text], {"price": 10.0 * n}) for n, (id, text) in enumerate(texts.items())])
        shop.upsert(Item("temple", photos[0]))
        shop.record(user="u1", item="red", kind="like")
        yield lambda *arguments: CliRunner().invoke(app, ["recommend", "recommended", *map(str, arguments), "--server", server])
        sk.delete_catalog("recommended")


def ids(done: Result) -> list[str]:
    return [hit["id"] for hit in json.loads(done.stdout)["hits"]]


def test_recommendations_are_a_table_with_reasons_in_words(recommend):
    done = recommend("--user", "u1", "--behaviour", 0, "-n", 1)
    head, best, told, *_ = done.stdout.splitlines()
    assert (done.exit_code, head.split("  ")[0], head.rstrip().endswith("because it is")) == (0, "score", True)
    assert best.split()[1] == "blue"
    assert "like a red coffee mug" in best
    assert told.startswith("1 event and 1 interest known; behaviour counts 0%")


def test_programs_are_told_all_of_it(recommend):
    done = json.loads(recommend("--user", "u1", "--behaviour", 0, "--limit", 1, "--json").stdout)
    [hit] = done["hits"]
    assert (hit["id"], hit["attributes"], hit["text"]) == ("blue", {"price": 10.0}, "a blue coffee mug")
    assert hit["score"] == pytest.approx(sum(hit["parts"].values()), abs=1e-4)
    assert {"kind": "alike", "item": "red", "part": hit["reasons"][0]["part"]} == hit["reasons"][0]
    assert (done["report"]["model"], done["report"]["events"], done["report"]["complete"], bool(done["attribution"])) == ("mini", 1, True, True)


def test_items_texts_and_images_are_liked_and_not(recommend, photos):
    assert ids(recommend("--like", "red", "--dislike", "tent", "--behaviour", 0, "-n", 1, "--json")) == ["blue"]
    assert ids(recommend("--image", photos[0], "--not", "a mug", "--behaviour", 0, "-n", 1, "--json")) == ["temple"]
    assert 'like "a mug"' in recommend("--text", "a mug", "--behaviour", 0, "-n", 1).stdout
    assert "red" not in ids(recommend("--recent", "red", "--item", "tent", "--exclude", "blue", "--json"))
    assert "red" in ids(recommend("--user", "u1", "--include-seen", "--where", "price < 5", "--json"))


def test_what_cannot_be_recommended_is_one_line(recommend, server):
    assert (recommend("--where", "price <").exit_code, recommend("--image", "no.jpg").exit_code, recommend("--limit", 1001).exit_code) == (2, 2, 2)
    none = CliRunner().invoke(app, ["recommend", "nowhere", "--server", server])
    assert (none.exit_code, none.stderr.startswith("samekind: no catalog 'nowhere'")) == (1, True)
    nothing = recommend("--user", "u1", "--where", "price > 1e6")
    assert (nothing.exit_code, nothing.stdout.splitlines()[0]) == (0, "nothing to recommend")


def test_reasons_are_said_by_what_people_call_items():
    assert name(Item("sku-1", [Text("a mug")], {"title": "Red mug"})) == "Red mug"
    assert name(Item("sku-1", [Text("a  mug\nof stone")], {"title": 7})) == "a mug of stone"
    assert name(Item("sku-1")) == "sku-1"
    names = {"sku-1": "Red mug"}
    chosen, alike = (Reason(kind, 1.0, "sku-1") for kind in (ReasonKind.CHOSEN_WITH, ReasonKind.ALIKE))
    assert (said(chosen, names), said(alike, {})) == ("chosen with Red mug", "like sku-1")
    assert said(Reason(ReasonKind.ALIKE, 1.0, example=1), {}, ["sku-1", '"blue"']) == 'like "blue"'
    assert said(Reason(ReasonKind.POPULAR, 1.0), {}) == "popular"
