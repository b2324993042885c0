"""What users do with items: recorded, listed, forgotten and learned from, by the Python clients against a real server."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import grpc
import numpy as np
import pytest

import samekind
from samekind import Event, EventKind, cli, wire
from samekind.catalogs import CatalogHandle
from samekind.errors import BadRequest, NotFound
from samekind.recommendations import Recorded, Recording
from samekind.types import Catalog
from samekind.v1 import recommendation_service_pb2 as pb
from samekind.v1.catalog_service_pb2_grpc import CatalogServiceStub
from samekind.v1.recommendation_service_pb2_grpc import RecommendationServiceStub
from samekind_server.recommendation.interactions import Events
from samekind_server.recommendation.kept import Files
from samekind_server.recommendation.model import learn
from samekind_server.store.events import Totals
from tests.keeping import SPACE
from tests.running import address, process, started, until

WHEN = datetime(2026, 3, 1, 12, 30, 15, 123457, tzinfo=UTC)


@pytest.fixture
def shop(learner: samekind.Client) -> Iterator[CatalogHandle]:
    yield made(learner)
    learner.delete_catalog("shop", missing_ok=True)


def made(sk: samekind.Client) -> CatalogHandle:
    return sk.catalog("shop", space=SPACE, dimensions=4)


def event(n: int, **more: object) -> Event:
    return Event(f"user-{n % 97}", f"item-{n % 31}", EventKind.VIEW, time=WHEN + timedelta(seconds=n), **more)


def test_an_event_is_recorded_once_and_told_to_the_microsecond(shop):
    given = {"user": "u1", "item": "sku-1", "kind": "rating", "value": 4.5, "time": WHEN, "id": "e1", "attribution": "a1"}
    assert shop.record(**given) == Recorded()
    assert shop.record(**given) == Recorded(known=True)
    assert list(shop.events(user="u1")) == [Event("u1", "sku-1", EventKind.RATING, 4.5, WHEN, "e1", "a1")]


def test_one_event_is_recorded_or_its_error_raised(shop):
    assert shop.record(Event("u1", "sku-1", "like", time=WHEN)) == Recorded()
    assert shop.record(user="u1", item="sku-1", kind="like", time=WHEN) == Recorded(known=True)
    with pytest.raises(BadRequest, match="a rating has a value"):
        shop.record(Event("u1", "sku-1", "rating"))


def test_an_id_stands_for_one_event_alone(shop):
    shop.record(user="u1", item="sku-1", kind="view", id="e1")
    assert shop.record(user="u1", item="sku-1", kind="view", id="e1").known  # Its time was the server's own.
    for other in ({"user": "u2"}, {"item": "sku-2"}, {"kind": "like"}, {"value": 2.0}, {"time": WHEN}, {"attribution": "a"}):
        with pytest.raises(BadRequest, match="another event was recorded under the id 'e1'"):
            shop.record(**{"user": "u1", "item": "sku-1", "kind": "view", "id": "e1"} | other)


def test_events_without_an_id_are_the_same_where_user_item_kind_and_time_are(shop):
    one, again, later = event(1), event(1), event(98)
    assert shop.record([one, again, later, event(1, id="a"), event(1, id="b"), event(1, id="b")]) == Recording(6, 2)
    assert len(list(shop.events(user=one.user))) == len([one, event(1, id="a"), event(1, id="b"), *([later] if later.user == one.user else [])])


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (Event("u", "i", "view", time=datetime(2200, 1, 1, tzinfo=UTC)), "in the future"),
        (Event("u", "i", "view", time=datetime(1969, 1, 1, tzinfo=UTC)), "before 1970"),
        (Event("u", "i", "view", time=datetime(2026, 1, 1)), "no time zone"),
        (Event("u", "i", "stared"), "one of view, like, cart, purchase, rating, dislike, hide"),
        (Event("u", "i", "rating"), "a rating has a value"),
        (Event("u", "i", "view", -1.0), "the value of a view is from 0 to 100"),
        (Event("u", "i", "rating", 101.0), "value"),
        (Event("", "i", "view"), "user"),
        (Event("u", "x" * 513, "view"), "item"),
    ],
)
def test_an_event_that_cannot_be_fails_alone(shop, bad, told):
    recording = shop.record([event(1), bad, event(2)])
    assert (recording.count, list(recording.failures)) == (2, [1])
    assert isinstance(recording.failures[1], BadRequest)
    assert told in str(recording.failures[1])


def test_what_is_wrong_is_told_by_its_field_from_the_request_on(learning):
    with grpc.insecure_channel(learning) as channel:
        CatalogServiceStub(channel).CreateCatalog(wire.create_catalog_request(Catalog("fields", space=SPACE, dimensions=4)))
        good, late = wire.event(Event("u", "i", "view")), wire.event(Event("u", "i", "view", time=datetime(2200, 1, 1, tzinfo=UTC)))
        rating, strange = wire.event(Event("u", "i", "rating")), pb.Event(user="u", item="i", kind=99)
        nothing, nobody = pb.Event(user="u", item="i"), pb.Event(item="i", kind=1)
        request = wire.record_events_request("fields", [good, late, rating, nothing, strange, nobody])
        told = wire.read_recorded(RecommendationServiceStub(channel).RecordEvents(request))
    assert [[each.field for each in one.error.violations] if one.error else [] for one in told] == [
        [],
        ["events[1].time"],
        ["events[2].value"],
        ["events[3].kind"],
        ["events[4].kind"],
        ["events[5].user"],
    ]


def test_a_clock_may_be_a_little_ahead(shop):
    soon = datetime.now(UTC) + timedelta(seconds=200)
    assert shop.record(user="u", item="i", kind="view", time=soon) == Recorded()
    assert [each.time for each in shop.events(user="u")] == [soon]


def test_a_stream_of_events_of_any_length_is_acknowledged_whole(shop, request):
    count = request.config.getoption("events")
    assert shop.record(event(n) for n in range(count)) == Recording(count, 0)
    assert shop.recommendation_model().recorded_events == count


def test_any_number_of_events_is_streamed_and_listed_by_user_and_by_item_latest_first(shop):
    assert shop.record(event(n) for n in range(10_000)) == Recording(10_000, 0)
    assert shop.record((event(n) for n in range(9_000, 10_001)), progress=True) == Recording(1001, 1000)
    mine = [n for n in range(10_001) if n % 31 == 3]
    assert [each.time for each in shop.events(item="item-3")] == [WHEN + timedelta(seconds=n) for n in reversed(mine)]
    assert [each.item for each in islice(shop.events(user="user-5"), 3)] == [f"item-{n % 31}" for n in (9996, 9899, 9802)]
    assert {(each.user, each.item) for each in shop.events(user="user-5", item="item-3")} == {("user-5", "item-3")}


def test_one_bad_event_of_a_long_stream_fails_alone_and_all_others_are_known_when_it_comes_again(shop):
    given = [event(n, id=f"event-{n}") for n in range(3000)]
    given[1500] = Event("u", "i", "stared")
    for known in (0, 2999):
        told = shop.record(iter(given))
        assert (told.count, told.known, list(told.failures)) == (2999, known, [1500])


def test_who_is_not_known_has_no_events_and_is_forgotten_at_once(learner, shop):
    assert (list(shop.events(user="nobody")), shop.forget("nobody")) == ([], 0)
    with pytest.raises(BadRequest, match="name one"):
        list(shop.events())
    learner.delete_catalog("shop")
    for ask in (lambda: shop.record([event(1)]), lambda: list(shop.events(user="u")), lambda: shop.forget("u"), shop.recommendation_model):
        with pytest.raises(NotFound):
            ask()


def test_events_outlive_their_catalog_by_no_means(learner, shop):
    shop.record(event(n) for n in range(1500))
    learner.delete_catalog("shop")
    assert list(made(learner).events(user="user-1")) == []
    assert made(learner).recommendation_model().recorded_events == 0


def test_an_empty_catalog_has_learned_nothing_and_a_few_events_are_learned_from(shop):
    assert (shop.recommendation_model().method, shop.recommendation_model().events) == ("", 0)
    shop.record(event(n) for n in range(2000))
    until(lambda: shop.recommendation_model().events == 2000)
    model = shop.recommendation_model()
    assert (model.method, model.users, model.recorded_users, model.failure) == ("ease", 97, 97, "")
    assert {measure.name for measure in model.measures} >= {"recall@20", "ndcg@10"}


def test_what_is_forgotten_is_forgotten_in_the_files_and_in_the_model(tmp_path):
    secret, other = "ada.secret@example.org", "grace@example.org"
    with started(tmp_path) as at, samekind.connect(at) as sk:
        shop = made(sk)
        for start in range(0, 3000, 100):
            shop.record([event(n, id=f"event-{n}") for n in range(start, start + 100)])
            shop.record(user=secret, item="item-of-ada", kind="view", id=f"ada-{start}", attribution=f"shown-{secret}"[:64])
            shop.record(user=other, item=f"item-{start % 7}", kind="like")
        until(lambda: shop.recommendation_model().method != "")
        assert secret.encode() in written(tmp_path)
        assert shop.forget(secret) == 30
        assert not [word for word in (secret, "item-of-ada", "ada-100") if word.encode() in written(tmp_path, without="recommendation")]
        until(lambda: shop.recommendation_model().users == 98)  # Learned anew, though nothing was recorded.
        left = written(tmp_path)
        assert (secret.encode() in left, b"item-of-ada" in left, other.encode() in left) == (False, False, True)
        assert len(list(shop.events(user=other))) == 30


def test_who_is_forgotten_while_is_learned_is_in_no_file_and_in_no_model(tmp_path):
    secret = "ada.secret@example.org"
    with started(tmp_path, "--learn-every", "0") as at, samekind.connect(at) as sk:
        shop = made(sk)
        shop.record([*(event(n) for n in range(3000)), Event(secret, "item-of-ada", "like", id="ada-1")])
        until(lambda: shop.recommendation_model().learning)
        assert shop.forget(secret) == 1
        assert not [word for word in (secret, "item-of-ada", "ada-1") if word.encode() in written(tmp_path, without="recommendation")]
        until(lambda: (model := shop.recommendation_model()).events == model.recorded_events == 3000 and not model.learning)
        assert not [word for word in (secret, "item-of-ada", "ada-1") if word.encode() in written(tmp_path)]


def test_a_kill_while_events_are_recorded_and_learned_from_loses_none_and_the_old_model_serves_on(tmp_path):
    with process(tmp_path, "--learn-every", "0") as server, samekind.connect(address(server)) as sk:
        shop = made(sk)
        shop.record(event(n) for n in range(500))
        until(lambda: shop.recommendation_model().events == 500)
        shop.record(event(n) for n in range(500, 3000))
        until(lambda: shop.recommendation_model().learning)
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
    with started(tmp_path, "--learn-every", "0") as at, samekind.connect(at) as sk:
        shop = made(sk)
        until(lambda: shop.recommendation_model().events > 0)
        assert shop.recommendation_model().recorded_events == 3000
        until(lambda: shop.recommendation_model().events == 3000)


def test_a_damaged_model_is_not_served_and_one_of_another_life_is_gone(tmp_path):
    files = Files(tmp_path, "life")
    learned = learn(Events(*np.zeros((2, 1), np.int64), *np.ones((3, 1))), np.ones((1, 4), np.float32), now=1.0)
    learned.save(files.new(7))
    assert files.keep(7, Totals(5, 5, 0), 0.25).model.about == files.kept(7).model.about == learned.about
    Files(tmp_path, "another").clear([7])
    assert files.kept(7) is None
    learned.save(files.new(7))
    files.keep(7, Totals(5, 5, 0), 0.25)
    [file] = tmp_path.glob("recommendation/life/7/*")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert (files.kept(7), file.exists()) == (None, False)


def test_the_async_client_does_the_same(learning):
    async def ask() -> tuple[Recording, list[str], int, int]:
        async with samekind.aconnect(learning) as sk:
            shop = await sk.catalog("async", space=SPACE, dimensions=4)

            async def events():
                for n in range(300):
                    yield event(n)

            made = await shop.record(events())
            items = [each.item async for each in shop.events(user="user-1")]
            gone, model = await shop.forget("user-1"), await shop.recommendation_model()
            await sk.delete_catalog("async")
            return made, items, gone, model.recorded_events

    assert asyncio.run(ask()) == (Recording(300, 0), ["item-13", "item-9", "item-5", "item-1"], 4, 296)


def written(folder: Path, without: str = "\0") -> bytes:
    """All bytes below a folder."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and without not in path.parts)


def test_tables_of_events_are_recorded_and_a_user_is_forgotten_from_the_command_line(learning, shop, tmp_path, capsys):
    (tmp_path / "events.csv").write_text("user,item,kind,value,time\n007,sku-1,rating,4.5,2026-03-01T12:30:15\n008,sku-1,view,,1700000000.5\n")
    (tmp_path / "events.jsonl").write_text('{"user": "007", "item": "sku-2", "kind": "like", "id": "e1"}\n{"user": "9", "item": "i", "kind": "no"}\n')
    files = [str(tmp_path / "events.csv"), str(tmp_path / "events.jsonl")]
    assert command(learning, "record", "shop", *files) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["recorded"], told["known"], [(each["place"], each["row"]) for each in told["failures"]]) == (3, 0, [(3, f"{files[1]}:2")])
    assert [(each.item, each.value) for each in shop.events(user="007")] == [("sku-2", None), ("sku-1", 4.5)]
    assert [each.time for each in shop.events(user="008")] == [datetime(2023, 11, 14, 22, 13, 20, 500_000, UTC)]
    assert command(learning, "forget", "shop", "007") == 0
    assert json.loads(capsys.readouterr().out) == {"catalog": "shop", "user": "007", "events": 2}


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("u,,view,,", "events.csv:2: has no item; give each row one, in a column named item"),
        ("u,i,view,much,", "events.csv:2: value is a number, and time ISO 8601 or seconds since 1970"),
        ("u,i,view,,yesterday", "events.csv:2: value is a number, and time ISO 8601"),
    ],
)
def test_a_table_that_holds_no_events_is_told_by_its_row(learning, shop, tmp_path, capsys, row, told):
    (tmp_path / "events.csv").write_text(f"user,item,kind,value,time\n{row}\n")
    assert command(learning, "record", "shop", str(tmp_path / "events.csv")) == 2
    assert told in capsys.readouterr().err
    assert command(learning, "record", "shop", str(tmp_path / "none.csv")) == 2


def test_how_much_kinds_count_is_changed_on_the_catalog(learner, shop):
    weights = samekind.EventWeights(view=0.5, hide=-8.0)
    assert shop.value.event_weights == samekind.EventWeights()
    assert learner.update_catalog("shop", event_weights=weights).event_weights == weights
    assert learner.catalog("shop", event_weights=weights).value.event_weights == weights


def command(at: str, *arguments: str) -> int:
    """The exit code of the command line."""
    try:
        cli.app([*arguments, "--server", at, "--json"])
    except SystemExit as end:
        return int(end.code or 0)
    return 0
