"""Rows of what comes before the model: pictures decoded and resized, texts tokenized."""

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from benchmarks import rival
from benchmarks.pictures import photo
from benchmarks.timing import Contenders
from samekind import shop
from samekind_server.embedding.images import ImageLimits, Preprocess, decode, prepare
from samekind_server.embedding.texts import ClipTokenizer

TEXTS = 1000


def jpeg(width: int, height: int) -> Callable[[], AbstractContextManager[Contenders]]:
    """A JPEG of that size made into the 224 pixel input of CLIP."""

    @contextmanager
    def contenders() -> Iterator[Contenders]:
        import open_clip
        from PIL import Image

        data, limits, preprocess = photo(size=(width, height)), ImageLimits(), Preprocess()
        transform = open_clip.image_transform(preprocess.size, is_train=False, mean=preprocess.mean, std=preprocess.std)
        yield {
            "samekind, fast": lambda: prepare(decode(data, limits, at_least=max(preprocess.height_width)), preprocess),
            "samekind, exact": lambda: prepare(decode(data, limits), preprocess),
            "open_clip's transform": rival.in_one_thread(lambda: transform(Image.open(io.BytesIO(data)))),
        }

    return contenders


@contextmanager
def tokenize() -> Iterator[Contenders]:
    """A thousand product descriptions made into token ids; both sides keep the words they have met."""
    import open_clip

    ours, theirs = ClipTokenizer(), open_clip.SimpleTokenizer()
    texts = [shop.describe(*kind, style) for style in range(3) for kind in shop.combinations()][:TEXTS]
    yield {"samekind": lambda: ours(texts), "open_clip's tokenizer": lambda: theirs(texts)}
