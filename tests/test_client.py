"""The clients against small real servers: whole batches, named errors, safe retries, keys and TLS."""

from __future__ import annotations

import asyncio
import inspect
import io
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
import trustme
from PIL import Image as Pillow

import samekind
from samekind import errors, wire
from samekind.connection import connection
from samekind.errors import SamekindError, Violation
from samekind.flow import MOST_CONTENTS, WINDOW
from samekind.inputs import Given
from samekind.types import (
    Answer,
    Embedding,
    Image,
    Label,
    Labels,
    LabelScore,
    LongText,
    Model,
    ProbabilityKind,
    Text,
    Vector,
)
from tests.echo import MODELS, REPORT, Echo, dropped, failure, serving


@pytest.fixture
def sk(address: str) -> Iterator[samekind.Client]:
    with samekind.connect(address) as client:
        yield client


def tops(answers: list[Answer]) -> list[str]:
    return [answer.top for answer in answers]


def test_one_content_is_one_answer_and_several_are_a_list(sk: samekind.Client) -> None:
    expected = Answer((LabelScore("hello", 1.0, 0.5),), ProbabilityKind.SOFTMAX, REPORT)
    assert sk.classify("hello", ["cat"]) == expected
    assert sk.classify(["hello"], ["cat"]) == [expected]
    assert sk.classify([], ["cat"]) == []


def test_every_kind_of_content_travels(sk: samekind.Client, tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"jpeg!")
    given: list[Given] = [
        "text",
        Text("more"),
        file,
        Image(str(file)),
        Image(file),
        b"bytes",
        Image(b"bytes!"),
        Vector(np.ones(3, np.float32), "space"),
    ]
    assert tops(sk.classify(given, ["cat"])) == ["text", "more", "5", "5", "5", "5", "6", "space"]


@pytest.mark.parametrize("templates", ["a {}", ["a {}"]])
def test_the_question_arrives_as_asked(sk: samekind.Client, echo: Echo, templates: str | list[str]) -> None:
    labels = {"ripe": "a yellow banana", "unripe": ["a green banana"], "cat": []}
    sk.classify("x", labels, multi=True, top_k=2, min_probability=0.25, templates=templates, model="m1", long_text=LongText.REJECT)
    expected = Labels((Label("ripe", ("a yellow banana",)), Label("unripe", ("a green banana",)), Label("cat")), templates=("a {}",))
    assert echo.requests == [
        wire.classify_request(
            [wire.content(Text("x"))],
            wire.labels(expected),
            multi=True,
            top_k=2,
            min_probability=0.25,
            model="m1",
            long_text=LongText.REJECT,
        )
    ]


def test_pictures_travel_without_loss(sk: samekind.Client, echo: Echo) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)
    sk.classify([pixels, Pillow.fromarray(pixels), pixels[:, :, 0], Pillow.fromarray(pixels).convert("CMYK")], ["cat"])
    [request] = echo.requests
    shown = [np.asarray(Pillow.open(io.BytesIO(content.image.data))) for content in request.contents]
    np.testing.assert_array_equal(shown[0], pixels)
    np.testing.assert_array_equal(shown[1], pixels)
    np.testing.assert_array_equal(shown[2], pixels[:, :, 0])
    assert shown[3].shape == (5, 4, 3)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (np.ones(3, np.float32), r"Vector\(values, space\)"),
        (np.ones((2, 2), np.float32), "not float32 of"),
        (np.ones((2, 2, 2), np.uint8), r"\(2, 2, 2\)"),
        (np.ones((0, 2), np.uint8), r"\(0, 2\)"),
    ],
)
def test_an_array_that_is_no_picture_is_a_wrong_argument(sk: samekind.Client, given: np.ndarray, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        sk.classify(given, ["cat"])


def test_what_is_no_content_is_a_wrong_argument(sk: samekind.Client) -> None:
    with pytest.raises(TypeError, match="not int: 3"):
        sk.classify(["a", 3], ["cat"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"a list of names, e\.g\. \['cat', 'dog'\]"):
        sk.classify("a", "cat,dog")
    with pytest.raises(TypeError, match="name and descriptions are str, not 3"):
        sk.classify("a", [3])  # type: ignore[list-item]


def test_a_file_that_cannot_be_read_fails_alone(sk: samekind.Client, tmp_path: Path) -> None:
    missing, folder = tmp_path / "no.jpg", tmp_path
    before, *failed, after = sk.classify(["a", missing, folder, "bad", "b"], ["cat"])
    assert (before.top, after.top) == ("a", "b")
    assert [str(answer.error) for answer in failed] == [
        f"cannot read {missing}: No such file or directory",
        f"cannot read {folder}: Is a directory; give the files in it one by one",
        "bad: bad",
    ]
    assert [answer.report for answer in failed] == [REPORT] * 3
    with pytest.raises(errors.BadImage, match="No such file"):
        sk.classify(missing, ["cat"])


def test_a_batch_of_nothing_readable_asks_nothing(sk: samekind.Client, echo: Echo, tmp_path: Path) -> None:
    [answer] = sk.classify([tmp_path / "no.jpg"], ["cat"])
    assert isinstance(answer.error, errors.BadImage)
    assert echo.requests == []


def test_a_failed_content_is_named_by_its_place_in_the_whole(sk: samekind.Client, tmp_path: Path) -> None:
    answers = sk.classify([tmp_path / "no.jpg", *["a"] * 1500, "bad"], ["cat"])
    assert answers[-1].error
    assert answers[-1].error.violations == (Violation("contents[1501]", "bad: bad"),)
    assert "request_id" in answers[-1].error.metadata


def test_what_fits_one_request_is_one_and_what_does_not_is_streamed(sk: samekind.Client, echo: Echo) -> None:
    for count in (1024, 1025):
        assert tops(sk.classify([str(index) for index in range(count)], ["cat"])) == [str(index) for index in range(count)]
    assert (echo.heard_contents[0], max(echo.heard_contents[1:])) == (1024, MOST_CONTENTS)


def test_large_contents_are_split_by_size_and_keep_their_order(sk: samekind.Client, echo: Echo) -> None:
    sizes = [3 << 20, 1000, 2 << 20, 2000, 9 << 20, 3000]
    assert tops(sk.classify([bytes(size) for size in sizes], ["cat"])) == [str(size) for size in sizes]
    assert echo.heard_contents == [1] * 6


def test_a_content_larger_than_the_server_takes_fails_alone(sk: samekind.Client) -> None:
    before, large, after = sk.classify(["a", bytes(17 << 20), "b"], ["cat"])
    assert (before.top, after.top) == ("a", "b")
    assert isinstance(large.error, errors.RequestTooLarge)


def test_contents_are_drawn_only_as_their_requests_are_made(sk: samekind.Client, echo: Echo) -> None:
    drawn = 0

    def contents() -> Iterator[bytes]:
        nonlocal drawn
        for drawn in range(1, 50):
            if drawn == 10:
                echo.failures.append(failure(errors.NotFound("stop")))
            yield bytes(3 << 20)

    with pytest.raises(errors.NotFound, match="stop"):
        list(sk.classify(contents(), ["cat"]))
    assert drawn <= 10 + WINDOW + 2


def test_embeddings_come_with_their_space(sk: samekind.Client) -> None:
    one, several = sk.embed("abc", dimensions=2, half=True), sk.embed(["a", "bb"])
    assert (one.vector.tolist(), one.space, one.report, one.error) == ([3, 1], "space", REPORT, None)
    assert [each.vector.tolist() for each in several] == [[1, 1], [2, 1]]


def test_an_embedding_that_failed_has_no_numbers(sk: samekind.Client, tmp_path: Path) -> None:
    good, failed = sk.embed(["a", tmp_path / "no.jpg"])
    assert (good.error, failed.vector.size, failed.space) == (None, 0, "space")
    assert isinstance(failed.error, errors.BadImage)


def test_models_of_all_pages_are_listed(sk: samekind.Client) -> None:
    assert sk.models() == MODELS
    assert (sk.model(), sk.model("m3")) == (MODELS[0], MODELS[3])


def test_a_negative_count_is_refused_by_name(sk: samekind.Client) -> None:
    with pytest.raises(errors.BadRequest, match="top_k is 0 or more, not -1"):
        sk.classify("a", ["cat"], top_k=-1)


def test_the_async_client_answers_the_same(sk: samekind.Client, address: str, tmp_path: Path) -> None:
    contents: list[Given] = [tmp_path / "no.jpg", *map(str, range(2000)), bytes(3 << 20), bytes(3 << 20), "bad"]

    async def ask() -> tuple[list[Answer], list[Model], Model, Embedding]:
        async with samekind.aconnect(address) as client:
            return await client.classify(contents, ["cat"]), await client.models(), await client.model("m2"), await client.embed("abc")

    answers, models, model, embedded = asyncio.run(ask())
    again = sk.classify(contents, ["cat"])
    assert [(a.scores, type(a.error)) for a in answers] == [(a.scores, type(a.error)) for a in again]
    # What failed has the report of its message, and what is in one message goes by how fast contents are read.
    assert [a.report for a in answers if not a.error] == [a.report for a in again if not a.error]
    assert (models, model, embedded.vector.tolist()) == (MODELS, MODELS[2], [3, 1])


def test_the_async_client_raises_the_same_errors(echo: Echo, address: str) -> None:
    echo.failures.append(failure(errors.SpaceMismatch("two spaces")))

    async def ask() -> None:
        async with samekind.aconnect(address) as client:
            await client.classify(["a"] * 3000, ["cat"])

    with pytest.raises(errors.SpaceMismatch, match="two spaces") as caught:
        asyncio.run(ask())
    assert caught.value.metadata["request_id"] in {metadata["x-request-id"] for metadata in echo.metadata}


@pytest.mark.parametrize("kind", errors.known(), ids=lambda kind: kind.__name__)
def test_a_refusal_comes_back_as_the_class_it_was_raised_as(sk: samekind.Client, echo: Echo, kind: type[SamekindError]) -> None:
    told = kind("no", violations=(Violation("labels", "none"),), metadata={"a": "b"}, retry_after=1.5)
    echo.failures.extend([failure(told, ("grpc-retry-pushback-ms", "1"))] * 4)
    with pytest.raises(kind) as caught:
        sk.classify(["a", "b"], ["cat"])
    error = caught.value
    assert (type(error), error.message, error.violations, error.retry_after) == (kind, "no", told.violations, 1.5)
    assert error.metadata == {"a": "b", "request_id": echo.metadata[0]["x-request-id"]}


def test_an_unavailable_server_is_asked_again(sk: samekind.Client, echo: Echo) -> None:
    echo.failures.extend([failure(errors.Unavailable("starting"))] * 2)
    assert sk.classify("a", ["cat"]).top == "a"
    assert len(echo.requests) == 3
    assert len({metadata["x-request-id"] for metadata in echo.metadata}) == 1


def test_a_call_that_a_stopping_server_did_not_begin_is_asked_again(sk: samekind.Client, echo: Echo) -> None:
    echo.failures.extend([dropped()] * 3)
    assert sk.classify("a", ["cat"]).top == "a"
    echo.failures.extend([dropped()] * 4)
    with pytest.raises(errors.Unavailable, match="ended this call before it began it: it stops, or has too much to do; ask again"):
        sk.classify("a", ["cat"])


def test_a_large_request_is_asked_again_too(sk: samekind.Client, echo: Echo) -> None:
    echo.failures.append(failure(errors.Unavailable("starting")))
    assert sk.classify(bytes(4 << 20), ["cat"]).top == str(4 << 20)


def test_an_overloaded_server_is_asked_again_when_it_says(sk: samekind.Client, echo: Echo) -> None:
    echo.failures.append(failure(errors.Overloaded("busy", retry_after=0.01), ("grpc-retry-pushback-ms", "10")))
    assert sk.classify("a", ["cat"]).top == "a"
    echo.failures.append(failure(errors.RequestTooLarge("never"), ("grpc-retry-pushback-ms", "-1")))
    with pytest.raises(errors.RequestTooLarge, match="never"):
        sk.classify("a", ["cat"])
    assert len(echo.requests) == 3


def test_a_bad_request_is_asked_once(sk: samekind.Client, echo: Echo) -> None:
    echo.failures.extend([failure(errors.BadRequest("no labels"))] * 2)
    with pytest.raises(errors.BadRequest, match="no labels"):
        sk.classify("a", [])
    assert len(echo.requests) == 1


def test_a_slow_answer_is_given_up_in_time(echo: Echo, address: str) -> None:
    echo.busy = threading.Barrier(2)
    with samekind.connect(address, timeout=0.2) as client, pytest.raises(errors.DeadlineExceeded, match=r"no answer .* within 0\.2 s"):
        client.classify("a", ["cat"])
    echo.busy.abort()


def test_where_no_server_answers_the_way_out_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with samekind.connect(f"127.0.0.1:{port}") as client, pytest.raises(errors.Unavailable) as caught:
        client.classify("a", ["cat"])
    assert caught.value.message.startswith(f"no server answers at 127.0.0.1:{port}; start one with `samekind serve` (")


def test_a_server_of_something_else_is_told_as_such() -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("localhost:0")
    server.start()
    with samekind.connect(f"localhost:{port}") as client, pytest.raises(errors.Unimplemented, match="is it samekind"):
        client.model()
    server.stop(0).wait()


# Keys and TLS


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    made, file = trustme.CA(), tmp_path_factory.mktemp("tls") / "ca.pem"
    made.cert_pem.write_to_path(str(file))
    return made, file


def server_credentials(ca: trustme.CA, *, mutual: bool = False) -> grpc.ServerCredentials:
    issued = ca.issue_cert("localhost")
    pair = (issued.private_key_pem.bytes(), b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return grpc.ssl_server_credentials([pair], ca.cert_pem.bytes() if mutual else None, mutual)


def test_a_key_arrives_over_tls(echo: Echo, ca: tuple[trustme.CA, Path]) -> None:
    with serving(echo, server_credentials(ca[0])) as address, samekind.connect(address, key="k3y", tls=ca[1]) as client:
        client.classify("a", ["cat"])
    assert echo.metadata[0]["authorization"] == "Bearer k3y"


def test_a_client_s_certificate_is_shown(echo: Echo, ca: tuple[trustme.CA, Path], tmp_path: Path) -> None:
    mine = ca[0].issue_cert("me@samekind.example")
    mine.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    mine.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    with serving(echo, server_credentials(ca[0], mutual=True)) as address:
        with samekind.connect(address, tls=ca[1], certificate=(tmp_path / "cert.pem", tmp_path / "key.pem")) as client:
            assert client.classify("a", ["cat"]).top == "a"
        with samekind.connect(address, tls=ca[1]) as stranger, pytest.raises(errors.Unavailable):
            stranger.classify("a", ["cat"])


def test_a_server_that_is_not_trusted_is_told_as_such(echo: Echo, ca: tuple[trustme.CA, Path]) -> None:
    with serving(echo, server_credentials(trustme.CA())) as address:
        with samekind.connect(address, tls=ca[1]) as client, pytest.raises(errors.Unavailable, match="its certificate is not trusted"):
            client.classify("a", ["cat"])
        with samekind.connect(address) as client, pytest.raises(errors.Unavailable, match="with TLS where the server speaks it"):
            client.classify("a", ["cat"])
    with serving(echo) as address, samekind.connect(address, tls=ca[1]) as client, pytest.raises(errors.Unavailable, match="does not speak TLS"):
        client.classify("a", ["cat"])


@pytest.mark.parametrize("target", ["localhost", "127.0.0.1:1", "[::1]:1", "unix:/run/x", "dns:///localhost:1", "ipv4:127.0.0.1:1"])
def test_a_key_goes_to_this_machine_without_tls(target: str) -> None:
    assert connection(target, key="k").credentials is None


@pytest.mark.parametrize(
    "target", ["example.org", "10.0.0.1:1", "localhost.example.org:1", "ipv4:127.0.0.1:1,10.0.0.1:1", "dns://8.8.8.8/localhost:1"]
)
def test_a_key_goes_nowhere_else_without_tls(target: str) -> None:
    with pytest.raises(ValueError, match=r"a key to .* would travel readable"):
        connection(target, key="k")
    assert connection(target, key="k", tls=True).key == "k"


def test_an_address_is_host_and_port() -> None:
    assert [connection(target).target for target in ("host", "host:1", "[::1]", "unix:/run/x")] == [
        "host:50051",
        "host:1",
        "[::1]:50051",
        "unix:/run/x",
    ]
    with pytest.raises(ValueError, match=r"host:port, e\.g\. localhost:50051, not 'http://host:1'"):
        connection("http://host:1")


def test_a_key_with_a_line_s_end_is_refused() -> None:
    with pytest.raises(ValueError, match="without a line's end"):
        connection("localhost", key="k\n")


def test_the_client_is_light() -> None:
    script = "import sys, samekind; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert not {"torch", "typer", "rich", "samekind_server", "PIL.Image", "open_clip"} & set(ran.stdout.split())


def test_methods_show_their_builder_s_words() -> None:
    assert str(inspect.signature(samekind.Client.models)) == "(self, /)"
    assert list(inspect.signature(samekind.connect("x").classify).parameters)[:2] == ["contents", "labels"]
    assert "Of one content its Answer" in (samekind.AsyncClient.classify.__doc__ or "")
