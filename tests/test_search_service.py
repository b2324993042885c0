"""SearchService on a real server: what a caller in any language sees, whatever he sends."""

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.protobuf import json_format
from grpc_status import rpc_status

from samekind import wire
from samekind.filters import F
from samekind.queries import ById, Found, Grouping, ItemView, Query, Term
from samekind.types import Catalog, Item, Text, Vector
from samekind.v1 import catalog_service_pb2 as items_pb
from samekind.v1 import filter_pb2
from samekind.v1 import search_service_pb2 as pb
from samekind.v1.catalog_service_pb2_grpc import CatalogServiceStub
from samekind.v1.search_service_pb2_grpc import SearchServiceStub
from tests import test_errors
from tests.keeping import SPACE, item
from tests.running import address, process, told
from tests.test_search import near

PAGE = Path(__file__).parent.parent / "docs/search.md"


class Shop:
    """A server with a catalog of ready vectors, spoken to over gRPC and HTTP."""

    def __init__(self, grpc_address: str, web: str) -> None:
        self.channel, self.web = grpc.insecure_channel(grpc_address), web.removeprefix("http://")
        self.catalogs, self.stub = CatalogServiceStub(self.channel), SearchServiceStub(self.channel)
        self.catalogs.CreateCatalog(wire.create_catalog_request(Catalog("shop", space=SPACE, dimensions=4)))

    def put(self, *items: Item, of: str = "shop") -> None:
        written = wire.read_written(self.catalogs.UpsertItems(wire.upsert_items_request(of, map(wire.item, items))))
        assert not [each.error for each in written if each.error]

    def search(self, query: Query, *, of: str = "shop", **more: object) -> Found:
        return wire.read_search_response(self.stub.Search(wire.search_request(of, query, **more)))

    def refused(self, request: pb.SearchRequest) -> grpc.RpcError:
        with pytest.raises(grpc.RpcError) as refused:
            self.stub.Search(request)
        return refused.value

    def post(self, body: bytes) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.web, timeout=60)
        connection.request("POST", "/v1/catalogs/shop:search", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        told = answer.read().decode()
        connection.close()
        return answer.status, told


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with process(tmp_path_factory.mktemp("data"), "--web", "127.0.0.1:0") as server:
        shop = Shop(address(server), told(server, "web"))
        shop.put(*(item(f"{n}", 1, n, 0, 0, n=n, brand=f"b{n % 2}") for n in range(10)))
        yield shop
        shop.channel.close()


ASKED = Query((near(1, 0, 0, 0),), limit=6)


def test_a_query_is_answered_with_hits_facets_and_a_report(shop):
    found = shop.search(Query((near(1, 0, 0, 0), Term(ById("0"), 0.5)), F.n < 5, 2, facets=("brand",), grouping=Grouping("brand")))
    assert [(hit.item.id, hit.item.attributes, hit.kind) for hit in found.hits] == [
        ("1", {"n": 1, "brand": "b1"}, "vector"),
        ("2", {"n": 2, "brand": "b0"}, "vector"),
    ]
    assert found.facets["brand"].counts == (("b0", 3), ("b1", 2))
    assert (found.report.exact, found.report.matching, found.report.complete, found.report.embedding.space) == (True, 5, True, SPACE)


def test_texts_are_looked_for_by_the_catalog_s_model(shop):
    shop.catalogs.CreateCatalog(items_pb.CreateCatalogRequest(catalog=items_pb.Catalog(name="texts")))
    shop.put(*(Item(text, (Text(text),)) for text in ("a red scarf", "a blue mug", "a dog")), of="texts")
    found = shop.search(Query((Term(Text("a mug")), Term(Text("red"), -0.2)), limit=1, view=ItemView(text=False)), of="texts")
    assert [(hit.item.id, hit.item.contents) for hit in found.hits] == [("a blue mug", ())]


def test_pages_follow_their_tokens_to_the_limit_over_grpc_and_http(shop):
    first = shop.search(ASKED, page_size=4)
    second = shop.search(ASKED, page_size=4, page_token=first.next_page_token)
    assert [hit.item.id for hit in (*first.hits, *second.hits)] == ["0", "1", "2", "3", "4", "5"]
    assert second.next_page_token == ""
    code, told = shop.post(json.dumps({"query": {"terms": [{"item": "0"}], "limit": 2}}).encode())
    assert (code, [hit["item"]["id"] for hit in json.loads(told)["hits"]]) == (200, ["1", "2"])


@pytest.mark.parametrize(
    "changed",
    [
        wire.search_request("shop", Query((near(1, 0, 0, 0),), limit=7)),
        wire.search_request("shop", Query((near(1, 0, 0, 0.1),), limit=6)),
        wire.search_request("shop", Query((near(1, 0, 0, 0),), F.n < 9, 6)),
    ],
    ids=["limit", "vector", "filter"],
)
def test_a_page_token_of_a_changed_request_is_refused(shop, changed):
    changed.page_token = shop.search(ASKED, page_size=4).next_page_token
    assert "page token is not one of this request" in shop.refused(changed).details()


def test_a_page_token_of_a_catalog_that_was_made_anew_is_refused(shop):
    asked = wire.search_request("again", ASKED, page_size=1)
    for _ in range(2):
        shop.catalogs.CreateCatalog(wire.create_catalog_request(Catalog("again", space=SPACE, dimensions=4)))
        shop.put(*(item(f"{n}", 1, n, 0, 0) for n in range(3)), of="again")
        if not asked.page_token:
            asked.page_token = shop.stub.Search(asked).next_page_token
            shop.catalogs.DeleteCatalog(items_pb.DeleteCatalogRequest(name="again"))
    assert "page token is not one of this request" in shop.refused(asked).details()


@pytest.mark.parametrize("token", ["x", "AAAA", "é", "' OR 1=1", "=" * 1024, "x" * 1025])
def test_what_is_no_page_token_is_refused(shop, token):
    assert shop.refused(wire.search_request("shop", ASKED, page_token=token)).code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_deleted_item_among_the_terms_is_told_by_its_id(shop):
    shop.put(item("gone", 1, 0, 0, 1))
    shop.catalogs.DeleteItems(wire.delete_items_request("shop", ["gone"]))
    refused = shop.refused(wire.search_request("shop", Query((Term(ById("gone")),))))
    assert (refused.code(), "no item 'gone' in the catalog 'shop'" in refused.details()) == (grpc.StatusCode.NOT_FOUND, True)


def test_an_empty_catalog_and_an_unknown_attribute_are_answered_with_nothing_and_why(shop):
    shop.catalogs.CreateCatalog(wire.create_catalog_request(Catalog("empty", space=SPACE, dimensions=4)))
    for limit in (1, 10_000):
        found = shop.search(Query((near(1, 0, 0, 0),), limit=limit, facets=("n",), diversity=0.5 if limit == 1 else 0), of="empty")
        assert (found.hits, found.report.shortfall, found.facets["n"].counts) == ((), "the catalog is empty", ())
    found = shop.search(Query((near(1, 0, 0, 0),), F.colour == "red"))
    assert (found.hits, found.report.matching, found.report.shortfall) == ((), 0, "no item meets the condition; none has 'colour'")


def test_a_limit_past_the_end_gives_all_there_is(shop):
    found = shop.search(Query((near(1, 0, 0, 0),), F.n >= 0, 10_000), page_size=1000)
    assert (len(found.hits), found.report.complete, found.report.shortfall) == (10, True, "10 items meet the condition")
    assert shop.refused(wire.search_request("shop", Query((near(1, 0, 0, 0),), limit=10_001))).code() is grpc.StatusCode.INVALID_ARGUMENT


def deep(depth: int) -> bytes:
    """A request whose filter is so deep, in its wire form, which no library would write."""
    inner = filter_pb2.Filter(exists="n").SerializeToString()
    for _ in range(depth):
        inner = b"\x32" + length(len(inner)) + inner
    query = b"\x0a\x03\x12\x010\x12" + length(len(inner)) + inner
    return b"\x0a\x04shop\x12" + length(len(query)) + query


def length(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + length(rest) if rest else bytes([low])


def asked(*terms: Term, of: str = "shop", token: str = "", **more: object) -> bytes:
    return wire.search_request(of, Query(terms, **more), page_token=token).SerializeToString()


AXIS = near(1, 0, 0, 0)
REFUSED = {
    "no terms and no words": asked(),
    "terms that leave nothing": asked(AXIS, Term(AXIS.content, -1.0)),
    "a text, asked of ready vectors": asked(Term(Text("a mug"))),
    "a vector of another space": asked(Term(Vector(np.ones(4, np.float32), "other-4"))),
    "an item that is not there": asked(Term(ById("gone"))),
    "a catalog that is not there": asked(AXIS, of="nowhere"),
    "a weight of 1,001": asked(Term(AXIS.content, 1001.0)),
    "a condition 17 deep": deep(16),
    "a condition 10,000 deep": deep(10_000),
    "a limit of 10,001": asked(AXIS, limit=10_001),
    "a limit of 1,001 with diversity": asked(AXIS, limit=1001, diversity=0.5),
    "a page token of another query": asked(AXIS, token="bm90IG1pbmU="),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_search_fails_as_the_document_says(shop, name):
    with pytest.raises(grpc.RpcError) as refused:
        shop.channel.unary_unary("/samekind.v1.SearchService/Search")(REFUSED[name])
    assert test_errors.agrees(test_errors.told(rpc_status.from_call(refused.value)), test_errors.rows("Searches")[name]), refused.value.details()


def test_the_document_has_a_row_for_each_bad_search_and_no_other():
    assert list(test_errors.rows("Searches")) == list(REFUSED)


@pytest.mark.parametrize(("depth", "told"), [(16, "16 deep"), (60, "16 deep"), (200, "nested"), (10_000, "nested")])
def test_a_condition_nested_too_deep_is_refused_and_said_to_be(shop, depth, told):
    call = shop.channel.unary_unary("/samekind.v1.SearchService/Search")
    with pytest.raises(grpc.RpcError, match=told) as refused:
        call(deep(depth))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    body = b'{"query": {"filter": ' + b'{"negated": ' * depth + b'{"exists": "n"}' + b"}" * depth + b"}}"
    code, said = shop.post(body)
    assert (code, json.loads(said)["code"]) == (400, 3)


ODD = [
    "'; DROP TABLE items; --",
    '" OR ""="',
    "%",
    "_",
    "*",
    "\0",
    "\n",
    "{{7*7}}",
    "../../etc/passwd",
    "NEAR(a b)",
    "a AND b",
    "$(reboot)",
    "\u202e",
    "🐈" * 8,
]


@pytest.mark.parametrize("odd", ODD)
def test_odd_strings_are_looked_for_as_they_are(shop, odd):
    shop.put(item(odd, 1, 1, 0, 1, **{"n": 3}), item("odd", 1, 1, 0, 1))
    shop.catalogs.UpdateItems(wire.update_items_request("shop", [wire.item_update("odd", {odd: odd})]))
    asked = Query((Term(ById(odd)),), F[odd] == odd, facets=(odd,), grouping=Grouping(odd), view=ItemView(only=(odd,)))
    found = shop.search(asked)
    assert [(hit.item.id, hit.item.attributes) for hit in found.hits] == [("odd", {odd: odd})]
    assert found.facets[odd].counts == ((odd, 1),)
    assert shop.search(Query((near(1, 0, 0, 0),), words=odd, word_attributes=(odd,))).report.matching >= 10
    shop.catalogs.DeleteItems(wire.delete_items_request("shop", [odd, "odd"]))


def test_several_queries_each_have_a_status_of_their_own(shop):
    asked = [ASKED, Query(), Query((Term(ById("gone")),)), Query((near(1, 0, 0, 0),), limit=1001), Query((near(0, 0, 0, 0),)), ASKED]
    answers = wire.read_batch_search_response(shop.stub.BatchSearch(wire.batch_search_request("shop", map(wire.query_message, asked))))
    assert [each.error and (each.error.code, [one.field for one in each.error.violations]) for each in answers] == [
        None,
        ("INVALID_ARGUMENT", ["queries[1].terms"]),
        ("NOT_FOUND", []),
        ("INVALID_ARGUMENT", ["queries[3].limit"]),
        ("INVALID_ARGUMENT", ["queries[4].terms[0]"]),
        None,
    ]
    assert answers[0].hits == answers[5].hits == shop.search(ASKED).hits


def test_a_field_that_is_wrong_is_named_from_the_request_on(shop):
    refused = shop.refused(wire.search_request("shop", Query((near(1, 0, 0, 0), near(1, 0)))))
    [violation] = wire.read_status(rpc_status.from_call(refused)).violations
    assert violation.field == "query.terms[1]"


def test_the_request_that_the_page_of_search_shows_is_answered(shop):
    [shown] = re.findall(r"^```json\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    shop.catalogs.CreateCatalog(items_pb.CreateCatalogRequest(catalog=items_pb.Catalog(name="shown")))
    prices = {"sku-1": 30, "sku-2": 20, "sku-3": 50}
    shop.put(*(Item(id, (Text(f"a scarf for {price}"),), {"price": price, "brand": "acme"}) for id, price in prices.items()), of="shown")
    found = wire.read_search_response(shop.stub.Search(json_format.Parse(shown, pb.SearchRequest(catalog="shown"))))
    assert ([hit.item.id for hit in found.hits], found.facets["brand"].counts, found.report.matching) == (["sku-2"], (("acme", 2),), 2)
