"""Texts become the very tokens that open_clip makes of them, and a text that was cut says so."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import open_clip
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.tokenizer import HFTokenizer, SigLipTokenizer, SimpleTokenizer
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from samekind_server.embedding.texts import ClipTokenizer, OpenClipTokenizer, Tokens

REFERENCE = open_clip.get_tokenizer("ViT-B-32")
OURS = ClipTokenizer(77)
WORDS = 512  # in the small vocabulary below
START, END = 49_406, 49_407


def _words(count: int) -> str:
    return " ".join(f"w{place % WORDS}" for place in range(count))


def _same(texts: list[str]) -> bool:
    return np.array_equal(OURS(texts).ids, REFERENCE(texts).numpy())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer of a few words whose padding is its end, as SigLIP's is."""
    words = Tokenizer(WordLevel({"<unk>": 0, "</s>": 1} | {f"w{n}": n + 2 for n in range(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = Whitespace()
    words.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    folder = tmp_path_factory.mktemp("words")
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="</s>", eos_token="</s>", unk_token="<unk>").save_pretrained(folder)
    return folder


@given(st.lists(st.text(max_size=120), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_any_text_gives_the_ids_that_open_clip_gives(texts: list[str]) -> None:
    assert _same(texts)


@given(st.text(st.characters(codec="ascii"), max_size=200))
@settings(max_examples=300, deadline=None)
def test_the_short_way_for_ascii_gives_the_same_ids(text: str) -> None:
    assert _same([text])


@given(st.text("ſ'<>_&;amp #x41startendoftexTSEÅéﬁ“’\u200b\x1b[0m", max_size=60))
@settings(max_examples=300, deadline=None)
def test_quotes_entities_escapes_and_special_words_give_the_same_ids(text: str) -> None:
    assert _same([text])


def test_every_character_of_unicode_gives_the_same_ids() -> None:
    assert _same(["".join(map(chr, range(first, first + 16))) for first in range(0, sys.maxunicode + 1, 16)])


def test_imagenets_classes_in_templates_give_the_same_ids() -> None:
    names, templates = open_clip.IMAGENET_CLASSNAMES, open_clip.OPENAI_IMAGENET_TEMPLATES
    assert _same([template(name) for place, name in enumerate(names) for template in (templates[0], templates[place % 80])])


@pytest.mark.parametrize(
    "text",
    ["", " \n\t ", "cat " * 5_000, "x" * 100_000, "é" * 3_000, "<start_of_text>cat<end_of_text>", "<END_OF_TEXT>", "a" * 32, "a" * 33],
    ids=["empty", "blank", "many words", "one long word", "accents", "special words", "shouted", "cached", "not cached"],
)
def test_odd_texts_give_the_same_ids(text: str) -> None:
    assert _same([text])


def test_a_row_is_start_tokens_end_and_zeros() -> None:
    tokens = ClipTokenizer(6)(["a cat", "one two three four", "one two three four five"])
    assert tokens.ids[0].tolist() == [START, 320, 2368, END, 0, 0]
    assert tokens.ids[:, 0].tolist() == [START] * 3
    assert tokens.ids[1:, 5].tolist() == [END] * 2
    assert tokens.lengths.tolist() == [4, 6, 6]


@pytest.mark.parametrize("context", [3, 16, 77])
def test_a_text_that_just_fits_is_not_called_truncated(context: int) -> None:
    fits, is_cut = " ".join(["cat"] * (context - 2)), " ".join(["cat"] * (context - 1))
    assert ClipTokenizer(context)([fits, is_cut, ""]).truncated.tolist() == [False, True, False]


def test_no_texts_give_no_rows() -> None:
    tokens = OURS([])
    assert tokens.ids.shape == (0, 77)
    assert tokens.truncated.shape == (0,)


def test_tokenizing_imports_neither_torch_nor_open_clip() -> None:
    code = (
        "import sys; from samekind_server.embedding import images, texts; texts.ClipTokenizer()(['a cat']); "
        "print({'torch', 'torchvision', 'open_clip', 'transformers'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize("clean", ["lower", "whitespace", "canonicalize"])
def test_a_simple_tokenizer_with_options_keeps_its_rows_and_says_what_it_cut(clean: str) -> None:
    theirs = SimpleTokenizer(context_length=8, clean=clean)
    texts = ["cat " * 6, "cat " * 7, "A_Cat!"]
    tokens = OpenClipTokenizer(theirs)(texts)
    assert np.array_equal(tokens.ids, theirs(texts).numpy())
    assert tokens.truncated.tolist() == [False, True, False]
    assert tokens.lengths[:2].tolist() == [8, 8]


@pytest.mark.parametrize("context", [2, 8, 64])
@pytest.mark.parametrize("kind", [HFTokenizer, SigLipTokenizer])
def test_a_tokenizer_whose_padding_is_its_end_says_exactly_what_it_cut(folder: Path, kind: type, context: int) -> None:
    theirs = _theirs(kind, folder, context)
    texts = [_words(context - 1), _words(context), _words(600), ""]
    tokens = OpenClipTokenizer(theirs)(texts)
    assert np.array_equal(tokens.ids, theirs(texts).numpy())
    assert tokens.truncated.tolist() == [False, True, True, False]
    assert tokens.lengths.tolist() == [context, context, context, 1]


def _theirs(kind: type, folder: Path, context: int) -> HFTokenizer | SigLipTokenizer:
    if kind is HFTokenizer:
        return HFTokenizer(str(folder), context_length=context, clean="canonicalize")
    theirs = SigLipTokenizer.__new__(SigLipTokenizer)  # its constructor reads only SentencePiece files of T5's form
    theirs.tokenizer, theirs.context_length = PreTrainedTokenizerFast.from_pretrained(folder), context
    return theirs


def test_many_threads_share_a_tokenizer_with_a_limit(folder: Path) -> None:
    tokenizer = OpenClipTokenizer(HFTokenizer(str(folder), context_length=8))
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda count: tokenizer([_words(count)]), range(400)))
    assert [bool(tokens.truncated[0]) for tokens in together] == [count > 7 for count in range(400)]


def test_both_tokenizers_answer_alike() -> None:
    texts = ["a photo of a cat", "", "cat " * 200]
    ours, adapted = OURS(texts), OpenClipTokenizer(REFERENCE)(texts)
    assert isinstance(adapted, Tokens)
    assert [np.array_equal(getattr(ours, name), getattr(adapted, name)) for name in ("ids", "lengths", "truncated")] == [True] * 3
