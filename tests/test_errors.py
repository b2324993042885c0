"""Each row of docs/errors.md's tables of bad input is asked of a real server, and its answer held to the row."""

import io
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from PIL import Image as Pillow

from samekind import errors
from samekind.v1 import classification_service_pb2 as classify_pb
from samekind.v1 import content_pb2 as words
from samekind.v1 import embedding_service_pb2 as embed_pb
from samekind.v1.classification_service_pb2_grpc import ClassificationServiceStub
from samekind.v1.embedding_service_pb2_grpc import EmbeddingServiceStub

DOC = Path(__file__).parent.parent / "docs" / "errors.md"


def rows(title: str) -> dict[str, tuple[str, str, str]]:
    """A table of the document: what is wrong → code, reason, message."""
    section = DOC.read_text().split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [re.sub(r"\[(.*?)\]\(.*?\)", r"\1", line) for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: (row[1].strip("`"), row[2].strip("`"), row[3].strip("`")) for row in cells[2:]}


def jpeg(width: int = 64, height: int = 64) -> bytes:
    file = io.BytesIO()
    Pillow.radial_gradient("L").resize((width, height)).convert("RGB").save(file, "JPEG")
    return file.getvalue()


def png(width: int = 64, height: int = 64) -> bytes:
    file = io.BytesIO()
    Pillow.radial_gradient("L").resize((width, height)).save(file, "PNG")
    return file.getvalue()


def bomb() -> bytes:
    """A PNG of 50,000 × 50,000 pixels in a few bytes."""
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def damaged() -> bytes:
    data = bytearray(png(256, 256))
    data[60:90] = bytes(30)
    return bytes(data)


def image(data: bytes) -> words.Content:
    return words.Content(image=words.Image(data=data))


def vector(values: list[float], *, space: str = "SPACE", rows: int = 1, cut: int = 0) -> words.Content:
    data = np.array(values * rows, "<f4").tobytes()
    return words.Content(vector=words.Vectors(data=data[: len(data) - cut], rows=rows, dimensions=len(values), space=space))


CONTENTS: dict[str, Callable[[], words.Content]] = {
    "nothing": words.Content,
    "an empty text": lambda: words.Content(text=""),
    "a text of 65,537 characters": lambda: words.Content(text="x" * 65_537),
    "a text longer than the model reads, with `LONG_TEXT_REJECT`": lambda: words.Content(text="word " * 100),
    "an empty image": lambda: image(b""),
    "a text renamed .jpg": lambda: image(b"I am not a photograph.\n"),
    "a PDF": lambda: image(b"%PDF-1.7\n..."),
    "an iPhone's HEIC photo": lambda: image(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
    "bytes of no kind": lambda: image(b"\x93\x01\x02\x03\xfe\x99" * 20),
    "a JPEG cut short": lambda: image(jpeg(256, 256)[:-2000]),
    "a PNG cut short": lambda: image(png(256, 256)[:-2000]),
    "a damaged PNG": lambda: image(damaged()),
    "a PNG of 50,000 × 50,000 pixels (a bomb)": lambda: image(bomb()),
    "an image file of 21 MiB": lambda: image(jpeg() + bytes(21 << 20)),
    "a strip of 4,000 × 10 pixels": lambda: image(png(4000, 10)),
    "a vector of zeros": lambda: vector([0.0] * 256),
    "a vector with a NaN": lambda: vector([float("nan")] * 256),
    "a vector with too few numbers": lambda: vector([1.0] * 255),
    "a vector with bytes missing": lambda: vector([1.0] * 256, cut=3),
    "two vectors in one content": lambda: vector([1.0] * 256, rows=2),
    "a vector of another space": lambda: vector([1.0] * 256, space="0123456789abcdef-256"),
}


def labels(*names: str, **more: object) -> classify_pb.Labels:
    return classify_pb.Labels(labels=[classify_pb.Label(name=name) for name in names], **more)  # type: ignore[arg-type]


def classify(**more: object) -> classify_pb.ClassifyRequest:
    given = {"contents": [words.Content(text="a dog")], "labels": labels("cat", "dog")} | more
    return classify_pb.ClassifyRequest(**given)  # type: ignore[arg-type]


REQUESTS: dict[str, Callable[[], classify_pb.ClassifyRequest | embed_pb.EmbedRequest | embed_pb.ListModelsRequest]] = {
    "no contents": lambda: classify(contents=[]),
    "1,025 contents": lambda: classify(contents=[words.Content(text="x")] * 1025),
    "no labels": lambda: classify(labels=None),
    "an empty list of labels": lambda: classify(labels=labels()),
    "a label without a name": lambda: classify(labels=labels("cat", "")),
    "two labels of one name": lambda: classify(labels=labels("cat", "dog", "cat")),
    "an unknown template set": lambda: classify(labels=labels("cat", template_set="fancy")),
    "a template without `{}`": lambda: classify(labels=labels("cat", templates=["a photo"])),
    "a template set and templates": lambda: classify(labels=labels("cat", template_set="photo", templates=["a {}"])),
    "a label's text too long, with `LONG_TEXT_REJECT`": lambda: classify(
        labels=labels("cat", templates=["{} and " + "word " * 100]), long_text=words.LONG_TEXT_REJECT
    ),
    "`min_probability` 1.5": lambda: classify(min_probability=1.5),
    "`top_k` 10,001": lambda: classify(top_k=10_001),
    "an enum value that is not there": lambda: classify(long_text=7),
    "a model this server does not serve": lambda: classify(model="nano"),
    "more dimensions than the model has": lambda: embed_pb.EmbedRequest(contents=[words.Content(text="x")], dimensions=257),
    "a page token of another request": lambda: embed_pb.ListModelsRequest(page_token="bm90IG1pbmU="),
    "a request of more than 64 MiB": lambda: classify(contents=[image(bytes(65 << 20))]),
}


def ask(server: str, request: object) -> status_pb2.Status:
    """The status `request` is refused with."""
    with grpc.insecure_channel(server, options=[("grpc.max_send_message_length", -1)]) as channel:
        embedding, classification = EmbeddingServiceStub(channel), ClassificationServiceStub(channel)
        by_type = {embed_pb.EmbedRequest: embedding.Embed, embed_pb.ListModelsRequest: embedding.ListModels}
        with pytest.raises(grpc.RpcError) as caught:
            by_type.get(type(request), classification.Classify)(request)  # type: ignore[operator]
    return rpc_status.from_call(caught.value) or status_pb2.Status(code=caught.value.code().value[0], message=caught.value.details())


def told(status: status_pb2.Status) -> tuple[str, str, str]:
    """Code, reason and message of a status."""
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        detail.Unpack(info)
    return grpc_code(status), info.reason, status.message


def grpc_code(status: status_pb2.Status) -> str:
    return next(code.name for code in grpc.StatusCode if code.value[0] == status.code)


def fields(status: status_pb2.Status) -> list[str]:
    found = error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(found)
    return [violation.field for violation in found.field_violations]


def agrees(said: tuple[str, str, str], row: tuple[str, str, str]) -> bool:
    """Whether code and reason are the row's, and the message is, where `…` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in row[2].split("…"))
    return said[:2] == row[:2] and re.fullmatch(pattern, said[2]) is not None


@pytest.mark.parametrize("name", CONTENTS)
def test_a_bad_content_fails_alone_as_the_document_says(server: str, name: str) -> None:
    good = words.Content(text="a dog")
    with grpc.insecure_channel(server, options=[("grpc.max_send_message_length", -1)]) as channel:
        stub = EmbeddingServiceStub(channel)
        space = stub.GetModel(embed_pb.GetModelRequest()).model.space
        bad = CONTENTS[name]()
        if bad.vector.space == "SPACE":
            bad.vector.space = space
        answer = stub.Embed(embed_pb.EmbedRequest(contents=[good, bad, good], long_text=words.LONG_TEXT_REJECT))
    assert [result.WhichOneof("result") for result in answer.results] == ["embedding", "error", "embedding"]
    assert agrees(told(answer.results[1].error), rows("Contents")[name]), told(answer.results[1].error)
    assert all(field.startswith("contents[1]") for field in fields(answer.results[1].error))
    assert fields(answer.results[1].error)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_bad_request_fails_as_the_document_says(server: str, name: str) -> None:
    status = ask(server, REQUESTS[name]())
    assert agrees(told(status), rows("Requests")[name]), told(status)


def test_the_document_has_a_row_for_each_case_and_no_other() -> None:
    assert (list(rows("Contents")), list(rows("Requests"))) == (list(CONTENTS), list(REQUESTS))


def test_every_error_is_in_the_document_with_its_code_and_reason() -> None:
    told = rows("Reasons")
    assert {error.__name__: (error.code, error.reason) for error in errors.known()} == {name.strip("`"): row[:2] for name, row in told.items()}
