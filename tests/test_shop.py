"""The drawn shop is varied, and the same for everyone."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from PIL import Image

from samekind import shop


def _pixels(picture: Image.Image) -> bytes:
    return picture.tobytes()


def test_the_same_seed_draws_the_same_products() -> None:
    first, second = list(shop.draw(6, seed=4)), list(shop.draw(6, seed=4))
    assert first == second
    assert list(map(_pixels, (p.image for p in first))) == list(map(_pixels, (p.image for p in second)))


def test_another_seed_draws_other_products() -> None:
    assert [p.title for p in shop.draw(6, seed=1)] != [p.title for p in shop.draw(6, seed=2)]


def test_a_longer_row_begins_with_the_shorter_one() -> None:
    assert list(shop.draw(5, seed=9))[:3] == list(shop.draw(3, seed=9))


def test_no_two_pictures_are_alike() -> None:
    assert len({_pixels(p.image) for p in shop.draw(60, size=32)}) == 60


def test_ids_are_unique() -> None:
    assert len({p.id for p in shop.draw(300, size=8)}) == 300


def test_every_combination_comes_once_before_any_comes_again() -> None:
    kinds = shop.combinations("test")
    drawn = [(p.thing, p.colour, p.pattern) for p in shop.draw(len(kinds), size=8, split="test")]
    assert sorted(drawn) == sorted(kinds)


def test_train_and_test_share_no_combination_and_miss_none() -> None:
    train, test = set(shop.combinations("train")), set(shop.combinations("test"))
    assert not train & test
    assert train | test == set(shop.combinations())
    assert all(zlib.crc32(" ".join(kind).encode()) % 5 == 0 for kind in test)


@pytest.mark.parametrize("split", ["train", "test"])
def test_each_split_knows_every_thing_colour_and_pattern(split: shop.Split) -> None:
    things, colours, patterns = map(set, zip(*shop.combinations(split), strict=True))
    assert (things, colours, patterns) == (set(shop.THINGS), set(shop.COLOURS), set(shop.PATTERNS))


@pytest.mark.parametrize("thing", list(shop.THINGS))
def test_each_thing_stands_out_from_its_background(thing: str) -> None:
    product = next(p for p in shop.draw(400, size=48) if p.thing == thing)
    assert np.asarray(product.image).reshape(-1, 3).std(axis=0).max() > 12


def test_pictures_have_the_size_asked_for() -> None:
    assert {(p.image.size, p.image.mode) for p in shop.draw(3, size=96)} == {((96, 96), "RGB")}


def test_titles_and_descriptions_tell_what_is_drawn() -> None:
    for product in shop.draw(50, size=8):
        assert {product.thing, product.colour, product.pattern} == set(product.title.split())
        assert product.thing in product.description and product.colour in product.description


def test_prices_are_above_zero() -> None:
    assert min(p.price for p in shop.draw(100, size=8)) > 0
