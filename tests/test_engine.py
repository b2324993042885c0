import asyncio
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from samekind.errors import BadImage, BadRequest, BadVector, DeadlineExceeded, SpaceMismatch, TextTooLong
from samekind.types import Content, Image, LongText, Precision, Text, Vector
from samekind_server.embedding.admission import Admission, Load
from samekind_server.embedding.askers import Asker, Lane
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.images import ImageLimits
from samekind_server.embedding.observer import Drop
from samekind_server.embedding.work import Embedded
from tests.towers import Seen

LONG = "word " * 200


@pytest.fixture
def seen() -> Seen:
    """What `watched` was seen to do."""
    return Seen()


@pytest.fixture
def watched(engine: Engine, seen: Seen) -> Iterator[Engine]:
    """An engine of the same model that keeps no text yet."""
    watched = Engine(engine.registry, ImageLimits(), observer=seen, admission=Admission(observer=seen))
    yield watched
    watched.close()


def embed(engine: Engine, contents: Sequence[Content], **more: object) -> Embedded:
    encoder = engine.registry.get("")
    return asyncio.run(engine.embed(encoder, contents, **more))  # type: ignore[arg-type]


def test_a_mixed_batch_answers_each_in_its_place(engine: Engine, png: bytes) -> None:
    space = engine.registry.get("").model.space
    alone = embed(engine, [Text("a mug")]).vectors[0]
    batch = embed(engine, [Image(png), Text("a mug"), Image(b""), Vector(3 * alone, space), Text("a lamp")])
    assert np.allclose(batch.vectors[[1, 3]], alone, atol=1e-6)
    assert np.allclose(np.linalg.norm(batch.vectors, axis=1), [1, 1, 0, 1, 1], atol=1e-6)
    assert {index: type(error) for index, error in batch.errors.items()} == {2: BadImage}


def test_more_images_than_one_model_call_takes_keep_their_order(engine: Engine, photos: list, png: bytes) -> None:  # type: ignore[type-arg]
    flower = Image(photos[1].read_bytes())
    batch = embed(engine, [Image(png)] * 40 + [flower] + [Image(png)] * 30)
    assert np.allclose(batch.vectors[40], embed(engine, [flower]).vectors[0], atol=1e-5)
    assert np.allclose(batch.vectors[-1], batch.vectors[0], atol=1e-5)


def test_the_report_says_model_space_precision_and_times(engine: Engine, png: bytes) -> None:
    report = embed(engine, [Image(png)]).report
    model = engine.registry.get("").model
    assert (report.model, report.space, report.precision) == ("mini", model.space, Precision.EXACT)
    assert report.decode_ms > 0 < report.compute_ms


def test_ready_vectors_alone_need_no_model(engine: Engine) -> None:
    model = engine.registry.get("").model
    report = embed(engine, [Vector(np.ones(model.dimensions, np.float32), model.space)]).report
    assert (report.precision, report.compute_ms) == (None, 0)


def test_fewer_dimensions_are_the_first_ones_unit_again_in_a_space_of_their_own(engine: Engine) -> None:
    whole, cut = embed(engine, [Text("a mug")]), embed(engine, [Text("a mug")], dimensions=64)
    first = whole.vectors[0, :64]
    assert np.allclose(cut.vectors[0], first / np.linalg.norm(first), atol=1e-6)
    assert cut.report.space == whole.report.space.replace("-256", "-64")


def test_more_dimensions_than_the_model_has_are_refused(engine: Engine) -> None:
    with pytest.raises(BadRequest, match="257 dimensions are more than the 256 that mini has"):
        embed(engine, [Text("a mug")], dimensions=257)


def test_a_long_text_is_cut_and_flagged(engine: Engine) -> None:
    assert embed(engine, [Text("a mug"), Text(LONG)]).truncated == {1}


def test_a_long_text_fails_alone_where_cutting_is_refused(engine: Engine) -> None:
    batch = embed(engine, [Text(LONG), Text("a mug")], long_text=LongText.REJECT)
    assert (type(batch.errors.pop(0)), batch.errors, batch.truncated) == (TextTooLong, {}, set())
    assert np.allclose(batch.vectors[1], embed(engine, [Text("a mug")]).vectors[0], atol=1e-6)


@pytest.mark.parametrize("values", [np.zeros(256), np.full(256, np.nan), np.full(256, np.inf), np.ones(255)])
def test_a_vector_that_points_nowhere_fails_alone(engine: Engine, values: np.ndarray) -> None:  # type: ignore[type-arg]
    space = engine.registry.get("").model.space
    batch = embed(engine, [Vector(values.astype(np.float32), space), Text("a mug")])
    assert {index: type(error) for index, error in batch.errors.items()} == {0: BadVector}


def test_a_vector_of_another_space_is_refused_naming_both(engine: Engine) -> None:
    error = embed(engine, [Vector(np.ones(256, np.float32), "0123456789abcdef-256")]).errors[0]
    assert isinstance(error, SpaceMismatch)
    assert "'0123456789abcdef-256'" in error.message
    assert engine.registry.get("").model.space in error.message


def test_a_text_asked_again_needs_no_model(watched: Engine, seen: Seen) -> None:
    first, again = embed(watched, [Text("a mug"), Text(LONG)]), embed(watched, [Text(LONG), Text("a mug")])
    assert np.array_equal(again.vectors, first.vectors[::-1])
    assert (again.truncated, again.report.precision, again.report.compute_ms) == ({0}, None, 0)
    assert seen.counts == {("texts", "hits"): 2, ("texts", "misses"): 2}


def test_a_long_text_that_is_known_is_refused_all_the_same(watched: Engine) -> None:
    embed(watched, [Text(LONG)])
    assert isinstance(embed(watched, [Text(LONG)], long_text=LongText.REJECT).errors[0], TextTooLong)


def test_texts_read_in_by_the_thousand_are_not_kept(watched: Engine, seen: Seen) -> None:
    for _ in range(2):
        embed(watched, [Text("a mug")], asker=Asker(lane=Lane.BULK))
    embed(watched, [Text(f"mug {number}") for number in range(300)])
    embed(watched, [Text("mug 7")])
    assert seen.counts["texts", "hits"] == 0


def test_the_time_waited_is_what_is_left_beside_decoding_and_computing(watched: Engine, png: bytes) -> None:
    async def many() -> list[Embedded]:
        encoder = watched.registry.get("")
        return await asyncio.gather(*(watched.embed(encoder, [Image(png)]) for _ in range(50)))

    reports = [embedded.report for embedded in asyncio.run(many())]
    assert all(report.compute_ms > 0 < report.decode_ms and report.wait_ms >= 0 for report in reports)
    calls = {report.compute_ms for report in reports}  # A call of the model takes up to 16 images, and one goes after another.
    assert len(calls) >= 4
    assert max(report.wait_ms + report.decode_ms + report.compute_ms for report in reports) >= 0.99 * sum(calls)


def test_what_is_past_its_deadline_is_not_even_decoded(watched: Engine, seen: Seen, png: bytes) -> None:
    batch = embed(watched, [Image(png), Text("a mug")], asker=Asker(deadline=time.monotonic()))
    assert {type(error) for error in batch.errors.values()} == {DeadlineExceeded}
    assert (seen.batches, seen.counts[Drop.DEADLINE]) == ([], 2)


def test_nothing_is_held_or_left_waiting_once_its_caller_is_gone(watched: Engine, png: bytes) -> None:
    async def gone() -> set[object]:
        encoder = watched.registry.get("")
        asked = [asyncio.create_task(watched.embed(encoder, [Image(png)] * 20)) for _ in range(20)]
        await watched.embed(encoder, [Text("a mug")])
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await watched.embed(encoder, [Image(png)])
        return asyncio.all_tasks() - {asyncio.current_task()}

    left = asyncio.run(gone())
    assert (len(left) <= 1, sum(queue.rows for queue in watched.queues), watched.admission.held) == (True, 0, Load(0, 0))
