"""The photographs that speed is measured on: JPEGs of scikit-learn's two sample photographs."""

import io
import itertools
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

QUALITY = 90


def photo(name: str = "china.jpg", size: tuple[int, int] = (640, 480)) -> bytes:
    """A sample photograph as a JPEG file of that size, (width, height)."""
    found = find_spec("sklearn")
    assert found
    assert found.submodule_search_locations
    return _jpeg(Path(found.submodule_search_locations[0]) / "datasets" / "images" / name, size)


def never_sent(data: bytes) -> Iterator[bytes]:
    """The same picture over and over in files that all differ, so that no cache knows them: a JPEG comment counts."""
    for number in itertools.count():
        yield data[:2] + b"\xff\xfe\x00\x0a" + number.to_bytes(8) + data[2:]


@cache
def _jpeg(path: Path, size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    with Image.open(path) as picture:
        picture.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
