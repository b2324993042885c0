"""Recommend on a real server: what a caller in any language sees."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc_status import rpc_status

from samekind import wire
from samekind.queries import ById, Term
from samekind.recommendations import Event, Recommended, Wish
from samekind.types import Catalog, Text
from samekind.v1 import recommendation_service_pb2 as pb
from samekind.v1.catalog_service_pb2_grpc import CatalogServiceStub
from samekind.v1.recommendation_service_pb2_grpc import RecommendationServiceStub
from tests import test_errors
from tests.keeping import SPACE
from tests.running import address, process, told, until
from tests.test_recommend import BLUES, REDS, among, near


class Shop:
    """A server with a catalog of ready vectors, spoken to over gRPC and HTTP."""

    def __init__(self, grpc_address: str, web: str) -> None:
        self.channel, self.web = grpc.insecure_channel(grpc_address), web.removeprefix("http://")
        catalogs, self.stub = CatalogServiceStub(self.channel), RecommendationServiceStub(self.channel)
        catalogs.CreateCatalog(wire.create_catalog_request(Catalog("shop", space=SPACE, dimensions=4)))
        catalogs.UpsertItems(wire.upsert_items_request("shop", map(wire.item, (*REDS, *BLUES))))

    def did(self, *events: Event) -> None:
        recorded = wire.read_recorded(self.stub.RecordEvents(wire.record_events_request("shop", map(wire.event, events))))
        assert not [each.error for each in recorded if each.error]

    def recommend(self, wish: Wish, **more: object) -> Recommended:
        return wire.read_recommend_response(self.stub.Recommend(wire.recommend_request("shop", wish, **more)))

    def refused(self, request: pb.RecommendRequest) -> grpc.RpcError:
        with pytest.raises(grpc.RpcError) as refused:
            self.stub.Recommend(request)
        return refused.value


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with process(tmp_path_factory.mktemp("data"), "--web", "127.0.0.1:0", "--learn-every", "0") as server:
        shop = Shop(address(server), told(server, "web"))
        yield shop
        shop.channel.close()


BY_VECTOR = Wish(examples=(near(1, 0, 0, 0),), limit=5)


def ids(found: Recommended) -> list[str]:
    return [each.item.id for each in found.recommendations]


def test_an_event_counts_in_the_next_answer_and_may_name_the_one_that_led_to_it(shop):
    shop.did(Event("alice", "red-0", "like"))
    found = shop.recommend(Wish(user="alice", limit=4))
    assert among(ids(found), "red") == 4
    shop.did(Event("alice", "red-1", "purchase", attribution=found.attribution))
    [event, *_] = shop.stub.ListEvents(wire.list_events_request("shop", user="alice", page_size=1)).events
    assert event.attribution == found.attribution
    assert "red-1" not in ids(shop.recommend(Wish(user="alice")))


def test_who_was_forgotten_is_unknown_from_the_next_answer_on(shop):
    shop.did(Event("bob", "blue-0", "like"))
    assert shop.recommend(Wish(user="bob")).report.events == 1
    shop.stub.DeleteUser(wire.delete_user_request("shop", "bob"))
    found = shop.recommend(Wish(user="bob", limit=20))
    assert (found.report.events, len(found.recommendations)) == (0, 10)


def test_what_is_learned_is_used_and_the_answer_says_when_it_was(shop):
    shop.did(*(Event(f"u{n}", item, "purchase") for n in range(200) for item in ("red-4", "blue-4")))
    until(lambda: ids(shop.recommend(Wish(context_item="red-4")))[0] == "blue-4")
    found = shop.recommend(Wish(context_item="red-4"))
    assert found.report.learn_time is not None
    assert next((why.kind.value, why.item) for why in found.recommendations[0].reasons) == ("chosen_with", "red-4")
    assert found.report.behaviour > 0


def test_pages_follow_and_a_token_is_of_its_request_alone(shop):
    first = shop.recommend(BY_VECTOR, page_size=3)
    second = shop.recommend(BY_VECTOR, page_size=3, page_token=first.next_page_token)
    assert ids(first) + ids(second) == ids(shop.recommend(BY_VECTOR))
    assert (second.attribution, second.next_page_token) == (first.attribution, "")
    other = wire.recommend_request("shop", Wish(limit=5), page_token=first.next_page_token)
    assert "not one of this request" in shop.refused(other).details()


def test_it_is_asked_over_http_too(shop):
    connection = http.client.HTTPConnection(shop.web, timeout=60)
    body = {"examples": [{"item": "blue-0"}], "limit": 2, "behaviour": 0}  # What was learned by now is of other tests.
    connection.request("POST", "/v1/catalogs/shop:recommend", json.dumps(body), {"content-type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert among([each["item"]["id"] for each in answer["recommendations"]], "blue") == 2
    assert answer["recommendations"][0]["reasons"][0]["kind"] == "REASON_KIND_ALIKE"


def asked(wish: Wish = BY_VECTOR, *, of: str = "shop", token: str = "", **more: Any) -> bytes:
    request = wire.recommend_request(of, wish, page_token=token)
    for name, value in more.items():
        setattr(request, name, value)
    return bytes(request.SerializeToString())


REFUSED = {
    "a text, asked of ready vectors": asked(Wish(examples=(Term(Text("red")),))),
    "an example with too few numbers": asked(Wish(examples=(near(1, 0, 0, 0), near(1, 0)))),
    "an example that is not there": asked(Wish(examples=(Term(ById("gone")),))),
    "a catalog that is not there": asked(of="nowhere"),
    "a `behaviour` of 1.5": asked(behaviour=1.5),
    "a limit of 1,001": asked(limit=1001),
    "65 examples": asked(Wish(examples=(near(1, 0, 0, 0),) * 65)),
    "a page token of another request": asked(token="bm90IG1pbmU="),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_wish_fails_as_the_document_says(shop, name):
    with pytest.raises(grpc.RpcError) as refused:
        shop.channel.unary_unary("/samekind.v1.RecommendationService/Recommend")(REFUSED[name])
    assert test_errors.agrees(test_errors.told(rpc_status.from_call(refused.value)), test_errors.rows("Recommendations")[name]), (
        refused.value.details()
    )


def test_the_document_has_a_row_for_each_bad_wish_and_no_other():
    assert list(test_errors.rows("Recommendations")) == list(REFUSED)


def test_a_bad_example_is_named_by_its_place(shop):
    error = shop.refused(wire.recommend_request("shop", Wish(examples=(near(1, 0, 0, 0), near(1, 0)))))
    assert [each.field for each in wire.read_status(rpc_status.from_call(error)).violations] == ["examples[1]"]
