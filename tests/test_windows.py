"""Texts longer than a model's context: all of them is read, in windows, and the best one is what is found."""

import asyncio
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from samekind.types import LongText, Text
from samekind_server.embedding import windows
from samekind_server.embedding.texts import ClipTokenizer

SENTENCES = [
    f"Sentence {n} tells of the {word} and of nothing else."
    for n, word in enumerate(["mug", "cat", "sea", "bell", "loom", "kite", "frog", "tree"] * 8)
]
LONG = " ".join(SENTENCES)


@pytest.fixture(scope="module")
def tokenizer() -> ClipTokenizer:
    return ClipTokenizer(77)


def test_windows_end_with_sentences_and_overlap(tokenizer):
    places = windows.cut(LONG, tokenizer)
    parts = [LONG[begin:end] for begin, end in places]
    assert all(part.startswith("Sentence") and part.endswith("else.") for part in parts)
    assert all(begin < end_before for (_, end_before), (begin, _) in pairwise(places))
    assert not tokenizer(parts).truncated.any()
    assert set(SENTENCES) == {sentence for sentence in SENTENCES if any(sentence in part for part in parts)}


@given(
    some.lists(some.sampled_from(["word ", "word. ", "東京タワー。", "🗼", "x" * 90, "\n\n", "&amp;", "?!", "Ünï "]), max_size=300),
    some.sampled_from([16, 77]),
)
@settings(max_examples=30, deadline=None)
def test_windows_leave_nothing_out_and_fit(words, context):
    text, tokenizer = "".join(words), ClipTokenizer(context)
    places = windows.cut(text, tokenizer)
    assert bool(places) == bool(tokenizer([text]).truncated[0])
    seen = np.zeros(len(text), bool)
    for begin, end in places:
        seen[begin:end] = True
    if places:
        assert not [letter for letter, found in zip(text, seen, strict=True) if not found and not letter.isspace()]
        assert not tokenizer([text[begin:end] for begin, end in places]).truncated.any()


def test_the_vector_of_a_long_text_is_the_mean_of_its_windows(engine):
    async def asked():
        encoder = await engine.encoder("")
        contents = [Text("a mug"), Text(LONG), Text("a cat")]
        whole = await engine.embed(encoder, contents, long_text=LongText.WINDOWS)
        parts = [Text(LONG[begin:end]) for begin, end in whole.windows[1].places]
        return whole, await engine.embed(encoder, [contents[0], *parts, contents[2]])

    whole, apart = asyncio.run(asked())
    assert (whole.windows.keys(), whole.truncated, apart.truncated) == ({1}, set(), set())
    np.testing.assert_array_equal(whole.windows[1].rows, apart.vectors[1:-1])
    np.testing.assert_array_equal(whole.vectors[[0, 2]], apart.vectors[[0, -1]])
    mean = apart.vectors[1:-1].mean(axis=0)
    np.testing.assert_allclose(whole.vectors[1], mean / np.linalg.norm(mean), atol=1e-6)
