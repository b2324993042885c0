"""What is asked: the drawn shop's test split, and photographs kept for evaluation, each with the names to choose among."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from samekind import shop
from samekind.shop import Product
from training.data import fashion_evaluation, read

SEED = 20_261
SHOP_SEED = 612  # not one of training's, though training never draws the test split's combinations

Field = Callable[[dict[str, Any]], str]


@dataclass(frozen=True)
class Photos:
    """Pictures as files, the name each bears, and all names that come in the whole set."""

    name: str
    pictures: tuple[bytes, ...]
    truths: tuple[str, ...]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Kept:
    """A pack of photographs with rows that nothing was trained on: which those are, and the name a row bears."""

    name: str
    file: str
    field: Field
    counts: Callable[[dict[str, Any]], bool] = lambda row: True


KEPT = (
    Kept("Tiny-ImageNet, validation", "tinyimagenet-val", lambda row: str(row["names"][0])),
    Kept("groceries, coarse names", "grocery-train", lambda row: str(row["coarse"])),
    Kept("clothing", "clothing", lambda row: str(row["names"][0])),
    Kept("fashion products, kept rows", "fashion", lambda row: str(row["articleType"]), fashion_evaluation),
)


def there(data: Path, pack: Kept) -> bool:
    """Whether the pack is in the folder."""
    return (data / f"{pack.file}.jsonl.gz").is_file() and (data / f"{pack.file}.bin").is_file()


def photos(data: Path, pack: Kept, limit: int) -> Photos:
    """At most `limit` of the pack's rows, drawn by a fixed seed; 0 takes all."""
    every = rows(data, pack, 0)
    classes = tuple(sorted({pack.field(row) for row in every}))
    some = sample(every, limit)
    return Photos(pack.name, pictures(data, pack, some), tuple(pack.field(row) for row in some), classes)


def rows(data: Path, pack: Kept, limit: int) -> list[dict[str, Any]]:
    """What is known of at most `limit` of the pack's pictures, drawn by a fixed seed; 0 takes all."""
    return sample([row for row in read(data, pack.file).rows if pack.counts(row)], limit)


def pictures(data: Path, pack: Kept, some: Sequence[dict[str, Any]]) -> tuple[bytes, ...]:
    """The files of these rows."""
    return files(data / f"{pack.file}.bin", some)


def products(limit: int) -> list[Product]:
    """Drawn products of combinations that training never sees, no two alike, at most `limit`; 0 takes all."""
    unseen = len(shop.combinations("test"))
    return list(shop.draw(min(limit or unseen, unseen), seed=SHOP_SEED, split="test"))


def of_things(drawn: Sequence[Product]) -> Photos:
    """The products as pictures of things."""
    classes = tuple(sorted({thing for thing, _, _ in shop.combinations()}))
    return Photos("drawn shop: things", tuple(png(product) for product in drawn), tuple(product.thing for product in drawn), classes)


def png(product: Product) -> bytes:
    """The product's picture as a file."""
    file = io.BytesIO()
    product.image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def sample(rows: Sequence[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """`limit` rows in their order, the same each time; all where there are no more, or `limit` is 0."""
    if not limit or len(rows) <= limit:
        return list(rows)
    chosen = np.random.default_rng(SEED).choice(len(rows), limit, replace=False)
    return [rows[place] for place in sorted(chosen)]


def files(path: Path, rows: Sequence[dict[str, Any]]) -> tuple[bytes, ...]:
    """The pictures of these rows, one after another in a pack's file."""
    return tuple(_read(path, rows))


def _read(path: Path, rows: Sequence[dict[str, Any]]) -> Iterator[bytes]:
    with path.open("rb") as file:
        for row in rows:
            file.seek(row["offset"])
            yield file.read(row["length"])
