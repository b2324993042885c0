"""What goes over the wire comes back as it was, and what cannot go is refused by name."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from samekind import errors, wire
from samekind.errors import BadRequest, BadVector, SamekindError, Unimplemented, Violation
from samekind.types import (
    Answer,
    Content,
    Embedding,
    Image,
    Label,
    Labels,
    LabelScore,
    LongText,
    Model,
    Precision,
    ProbabilityKind,
    Report,
    ScoreKind,
    Text,
    Vector,
)
from samekind.v1 import content_pb2 as words
from samekind.v1 import embedding_service_pb2 as embedding

UTF8 = st.text(st.characters(codec="utf-8"), max_size=20)
SINGLE = st.floats(0, 1, width=32)
COUNT = st.integers(0, 2**32 - 1)
FINITE = st.floats(-1e6, 1e6, width=32)
REPORTS = st.builds(Report, UTF8, UTF8, st.sampled_from([None, *Precision]), *[st.floats(0, 1e9)] * 3)
LABELS = st.builds(Label, UTF8, st.lists(UTF8, max_size=3).map(tuple))
MODELS = st.builds(
    Model, UTF8, UTF8, COUNT, st.lists(COUNT, max_size=3).map(tuple), COUNT, COUNT, st.integers(0, 2**64 - 1), st.sampled_from(ScoreKind), UTF8,
    st.sampled_from(Precision), st.booleans(),
)  # fmt: skip
ERRORS = st.builds(
    lambda kind, message, violations, metadata, delay: kind(message, violations=tuple(violations), metadata=metadata, retry_after=delay),
    st.sampled_from(errors.known()),
    UTF8,
    st.lists(st.builds(Violation, UTF8, UTF8), max_size=12),
    st.dictionaries(UTF8, UTF8, max_size=3),
    st.none() | st.floats(0, 1e6).map(lambda seconds: round(seconds, 6)),
)
SCORES = st.lists(st.builds(LabelScore, UTF8, SINGLE, SINGLE), max_size=4).map(tuple)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | UTF8
    | st.datetimes(timezones=st.just(UTC))
)


def told(error: SamekindError | None) -> object:
    """All an error says, to compare."""
    return error and (type(error), error.message, error.violations, error.metadata, error.retry_after)


@given(UTF8.map(Text) | st.binary(max_size=50).map(Image))
def test_texts_and_images_come_back(content: Content) -> None:
    assert wire.read_content(wire.content(content)) == content


@given(hnp.arrays(np.float32, st.integers(1, 8), elements=FINITE), UTF8)
def test_vectors_come_back_with_their_space(values: np.ndarray, space: str) -> None:
    back = wire.read_content(wire.content(Vector(values, space)))
    assert isinstance(back, Vector)
    assert back.space == space
    np.testing.assert_array_equal(back.values, values)


@given(hnp.arrays(np.float32, st.tuples(st.integers(0, 4), st.integers(0, 4)), elements=st.floats(-1, 1, width=16)), st.booleans())
def test_matrices_come_back_in_their_shape(rows: np.ndarray, half: bool) -> None:
    message = wire.vectors(rows, "s", half=half)
    back = wire.read_vectors(message)
    np.testing.assert_array_equal(back, rows)
    assert (back.dtype.name, back.shape, len(message.data)) == ("float32", rows.shape, rows.size * (2 if half else 4))


def test_vectors_travel_little_endian_by_row() -> None:
    rows = np.array([[1, 2], [3, 4]], np.float32)
    assert wire.vectors(rows, "s").data == np.array([1, 2, 3, 4], "<f4").tobytes()
    assert wire.vectors(rows.T, "s", half=True).data == np.array([1, 3, 2, 4], "<f2").tobytes()


def test_vectors_that_do_not_fill_their_shape_are_refused() -> None:
    message = words.Vectors(data=bytes(12), rows=2, dimensions=2)
    with pytest.raises(BadVector, match="12 bytes where 2 by 2 numbers of 4 bytes take 16"):
        wire.read_vectors(message)
    with pytest.raises(BadVector, match="dtype 7"):
        wire.read_vectors(words.Vectors(dtype=7))  # type: ignore[arg-type]


def test_a_content_is_one_row() -> None:
    with pytest.raises(BadVector, match="exactly one row, not 2"):
        wire.read_content(words.Content(vector=wire.vectors(np.ones((2, 3), np.float32), "s")))
    with pytest.raises(BadVector, match=r"not \(2, 3\)"):
        wire.content(Vector(np.ones((2, 3), np.float32), "s"))


def test_an_empty_content_is_refused() -> None:
    with pytest.raises(BadRequest, match="empty"):
        wire.read_content(words.Content())


def test_half_a_character_is_refused_by_name() -> None:
    with pytest.raises(BadRequest, match=r"cat\\ud83d.* half a character at 3"):
        wire.content(Text("cat\ud83d"))


@given(st.lists(LABELS, max_size=4).map(tuple), UTF8.filter(bool), st.lists(UTF8, max_size=3).map(tuple))
def test_labels_come_back(labels: tuple[Label, ...], name: str, templates: tuple[str, ...]) -> None:
    value = Labels(labels, templates=templates) if templates else Labels(labels, name)
    assert wire.read_labels(wire.labels(value)) == value


def test_own_templates_leave_no_named_set_on_the_wire() -> None:
    assert wire.labels(Labels((), templates=("{}",))).template_set == ""


@given(st.sampled_from(LongText))
def test_what_happens_to_long_texts_comes_back(choice: LongText) -> None:
    assert wire.read_long_text(wire.long_text(choice)) is choice


def test_an_unsaid_long_text_is_cut_and_an_unknown_one_refused() -> None:
    assert wire.read_long_text(words.LONG_TEXT_UNSPECIFIED) is LongText.TRUNCATE
    with pytest.raises(BadRequest, match="long_text 9"):
        wire.read_long_text(9)  # type: ignore[arg-type]


@given(REPORTS)
def test_reports_come_back(report: Report) -> None:
    assert wire.read_report(wire.report(report)) == report


@given(st.lists(MODELS, max_size=3))
def test_models_come_back(models: list[Model]) -> None:
    assert wire.read_models_response(wire.models_response(models)) == models
    assert [wire.read_model_response(wire.model_response(model)) for model in models] == models


def test_a_newer_server_s_words_are_not_guessed() -> None:
    with pytest.raises(Unimplemented, match=r"score kind 9 .* upgrade samekind"):
        wire.read_model(embedding.Model(score_kind=9))  # type: ignore[arg-type]


@given(SCALARS | st.lists(SCALARS, max_size=4))
def test_values_come_back_as_what_they_were(value: wire.Value) -> None:
    back = wire.read_value(wire.value(value))
    assert (back, type(back)) == (value, type(value))


def test_moments_come_back_in_utc() -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert str(wire.read_value(wire.value(noon))) == "2026-07-01 10:00:00+00:00"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (math.nan, "not finite"),
        (math.inf, "not finite"),
        (2**63, "64 bits"),
        (datetime(2026, 1, 1), "no time zone"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-2))), "outside the years"),
        (b"bytes", "cannot hold bytes"),
        ({"a": 1}, "cannot hold dict"),
        ([1, {2}], "cannot hold set"),
    ],
)
def test_what_no_value_can_hold_is_refused(value: wire.Value, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        wire.value(value)


def test_values_of_numpy_are_plain_numbers() -> None:
    assert wire.value(np.int64(3)) == wire.value(3)  # type: ignore[arg-type]
    assert wire.value(np.float32(0.5)) == wire.value(0.5)  # type: ignore[arg-type]


def test_values_no_message_should_hold_are_refused() -> None:
    with pytest.raises(BadRequest, match="empty"):
        wire.read_value(words.Value())
    with pytest.raises(BadRequest, match="outside the years"):
        wire.read_value(words.Value(timestamp_value={"seconds": 2**60}))
    with pytest.raises(BadRequest, match="not finite"):
        wire.read_value(words.Value(double_value=math.nan))


@given(ERRORS)
def test_errors_come_back_as_the_class_they_were_raised_as(error: SamekindError) -> None:
    assert told(wire.read_status(wire.status(error))) == told(error)


def test_a_bad_argument_blames_the_field_it_is_in() -> None:
    blamed = wire.read_status(wire.status(BadVector("zero"), field="contents[3]", request_id="r1"))
    assert (blamed.violations, blamed.metadata) == ((Violation("contents[3]", "zero"),), {"request_id": "r1"})
    own = (Violation("top_k", "too many"),)
    assert wire.read_status(wire.status(BadRequest("no", violations=own), field="contents[3]")).violations == own
    assert wire.read_status(wire.status(errors.NotFound("no"), field="contents[3]")).violations == ()


def test_a_status_stays_small_enough_for_a_header() -> None:
    many = tuple(Violation(f"contents[{index}]", "bad") for index in range(1000))
    assert wire.read_status(wire.status(BadRequest("no", violations=many))).violations == many[:16]


@given(st.text(max_size=2000), st.lists(st.tuples(st.text(max_size=500), st.text(max_size=500)), max_size=40))
def test_no_error_tells_more_than_headers_take(message: str, violations: list[tuple[str, str]]) -> None:
    status = wire.status(BadRequest(message, violations=tuple(Violation(*each) for each in violations)), request_id="r" * 64)
    headers = 3 * len(status.message.encode()) + 4 * status.ByteSize() // 3
    assert headers < 8192 - 512
    assert message.startswith(status.message.removesuffix("…"))


def test_a_reason_of_another_domain_is_not_taken_for_ours() -> None:
    status = wire.status(errors.Overloaded("busy"))
    status.details[0].value = status.details[0].value.replace(b"samekind", b"proxy-co")
    assert type(wire.read_status(status)) is errors.RequestTooLarge


@given(st.lists(st.tuples(SCORES, st.booleans(), st.none() | ERRORS), min_size=1, max_size=4), st.sampled_from(ProbabilityKind), REPORTS, SCORES)
def test_classifications_come_back_in_order(
    results: list[tuple[tuple[LabelScore, ...], bool, SamekindError | None]], kind: ProbabilityKind, report: Report, cut: tuple[LabelScore, ...]
) -> None:
    names = tuple(score.label for score in cut)
    answers = [Answer(() if error else scores, kind, report, truncated and not error, names, error) for scores, truncated, error in results]
    back = wire.read_classify_response(wire.classify_response(answers))
    assert [(a.scores, a.probability_kind, a.report, a.truncated, a.truncated_labels) for a in back] == [
        (a.scores, a.probability_kind, a.report, a.truncated, a.truncated_labels) for a in answers
    ]
    assert [a.error and type(a.error) for a in back] == [a.error and type(a.error) for a in answers]


@given(st.lists(st.none() | ERRORS, min_size=1, max_size=5), st.integers(1, 4), UTF8, REPORTS, st.booleans())
def test_embeddings_come_back_in_order(failed: list[SamekindError | None], size: int, space: str, report: Report, half: bool) -> None:
    made = [
        Embedding(np.full(0 if error else size, row, np.float32), space, report, row % 2 == 0 and not error, error)
        for row, error in enumerate(failed)
    ]
    back = wire.read_embed_response(wire.embed_response(made, half=half))
    assert [(e.vector.tolist(), e.space, e.report, e.truncated) for e in back] == [(e.vector.tolist(), e.space, e.report, e.truncated) for e in made]
    assert [e.error and type(e.error) for e in back] == [e.error and type(e.error) for e in made]


def test_requests_say_what_was_asked() -> None:
    contents, labels = [wire.content(Text("a"))], wire.labels(Labels((Label("cat"),)))
    asked = wire.classify_request(contents, labels, model="m", multi=True, top_k=3, min_probability=0.5, long_text=LongText.REJECT)
    assert (asked.model, asked.multi_label, asked.top_k, asked.min_probability) == ("m", True, 3, 0.5)
    assert (list(asked.contents), asked.labels, wire.read_long_text(asked.long_text)) == (contents, labels, LongText.REJECT)
    wanted = wire.embed_request(contents, model="m", half=True, dimensions=64)
    assert (wanted.model, wanted.dtype, wanted.dimensions, list(wanted.contents)) == ("m", words.DTYPE_FLOAT16, 64, contents)
    assert wire.models_request(page_size=5, page_token="t") == embedding.ListModelsRequest(page_size=5, page_token="t")
    assert wire.model_request("m").model == "m"


# The package without its __init__, which imports the client.
WIRE_ALONE = """
import importlib.util, sys, types
package = types.ModuleType("samekind")
package.__path__ = importlib.util.find_spec("samekind").submodule_search_locations
sys.modules["samekind"] = package
import samekind.wire
sys.exit("grpc" in sys.modules)
"""


def test_the_wire_needs_no_grpc() -> None:
    assert subprocess.run([sys.executable, "-c", WIRE_ALONE], check=False).returncode == 0
