"""What is under way in a client's stream: whatever comes in whichever order, each content is answered once, in its place."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from samekind import calls, wire
from samekind.batches import Several
from samekind.flow import MOST_BYTES, MOST_CONTENTS, WINDOW, WINDOW_BYTES, Flow
from samekind.types import Answer, LabelScore, ProbabilityKind, Text
from samekind.v1 import classification_service_pb2 as pb
from tests.echo import REPORT


def flow() -> Flow[pb.ClassifyResponse, Answer]:
    asked = calls.classify([""], ["cat"])
    assert isinstance(asked, Several)
    return Flow(asked.batch)


def answered(message: pb.ClassifyStreamRequest) -> pb.ClassifyStreamResponse:
    """What a server that echoes would answer."""
    answers = [Answer((LabelScore(content.text[:9], 1.0, 1.0),), ProbabilityKind.SOFTMAX, REPORT) for content in message.contents]
    return pb.ClassifyStreamResponse(sequence=message.sequence, answer=wire.classify_response(answers))


@settings(max_examples=25, deadline=None)
@given(st.integers())
def test_each_content_is_answered_once_and_in_order_however_answers_come_and_streams_break(seed: int) -> None:
    chance = Random(seed)
    texts = [f"{number:9}" + "x" * chance.choice([0] * 40 + [300_000, 2_000_000]) for number in range(chance.randrange(400))]
    stream, left, sent, taken = flow(), [wire.content(Text(text)) for text in texts], dict[int, pb.ClassifyStreamRequest](), list[str]()
    size: dict[int, int] = {}
    stream.begin()
    while not stream.finished:
        match chance.choice(["read"] * 60 + ["send", "send", "answer", "take"] * 5 + ["break"]):
            case "read" if left and stream.offer(left[0]):
                del left[0]
            case "read" if not left:
                stream.end()
            case "send" if stream.due:
                message = stream.send()
                assert isinstance(message, pb.ClassifyStreamRequest)
                assert len(message.contents) <= MOST_CONTENTS and (message.ByteSize() < MOST_BYTES + 10_000 or len(message.contents) == 1)
                sent[message.sequence], size[message.sequence] = message, message.ByteSize()
            case "answer" if sent:
                stream.answer(answered(sent.pop(chance.choice(list(sent)))))
            case "take":
                taken += [answer.top for answer in stream.take()]
            case "break":
                stream.begin()
                sent.clear()
        assert len(sent) <= WINDOW and sum(size[number] for number in sent) <= WINDOW_BYTES + 4_000_000
    assert taken == [text[:9] for text in texts]
