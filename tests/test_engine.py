import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from samekind.errors import BadImage, BadRequest, BadVector, SpaceMismatch, TextTooLong
from samekind.types import Content, Image, LongText, Precision, Text, Vector
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.work import Embedded

LONG = "word " * 200


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
