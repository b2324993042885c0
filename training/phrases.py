"""The phrases that the text tower learns from: names, titles, captions, descriptions and phrases put together."""

from __future__ import annotations

import gzip
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from open_clip import IMAGENET_CLASSNAMES, OPENAI_IMAGENET_TEMPLATES, SIMPLE_IMAGENET_TEMPLATES

from samekind import shop
from training import data as packs

PLAIN = ("{}",)
PHOTO = (
    "a photo of a {}.",
    "a photo of the {}.",
    "a close-up photo of a {}.",
    "a picture of a {}.",
    "a good photo of a {}.",
    "a photo of one {}.",
)
# What samekind serves as its set `photo`.
SERVED = tuple(make("{}") for make in SIMPLE_IMAGENET_TEMPLATES)
TEMPLATES = tuple(dict.fromkeys([*PHOTO, *(make("{}") for make in OPENAI_IMAGENET_TEMPLATES), "{}.", "the {}", "an image of {}"]))
# WordNet 3.0 numbers its nouns by subject: animals, artefacts, bodies, food, places and objects, people, plants, stuffs.
_PHYSICAL = (
    (1310000, 2670000),
    (2670000, 4620000),
    (5210000, 5600000),
    (7555000, 7940000),
    (9180000, 9500000),
    (9600000, 10780000),
    (11530000, 13200000),
    (14580000, 15100000),
)
_LOOKS = (*shop.COLOURS, *shop.PATTERNS, "big", "small", "old", "new", "wooden", "metal", "broken", "shiny", "dirty", "cute")
_KINDS = ("cheap", "elegant", "modern", "vintage", "warm", "soft", "plastic", "glass", "leather", "round", "fluffy", "wild")
_PLACES = (
    "on a table",
    "on a white background",
    "in the grass",
    "in the snow",
    "on the street",
    "in a kitchen",
    "in the water",
    "by the sea",
    "in a forest",
    "at night",
    "in a shop",
    "held in a hand",
    "on a shelf",
    "for children",
    "for winter",
    "for summer",
)


@dataclass(frozen=True)
class Phrases:
    """Phrases by group; a group's share in training is set by the text tower."""

    physical: list[str]
    abstract: list[str]
    visual: list[str]
    captions: list[str]
    composed: list[str]

    def all(self) -> list[str]:
        """Every phrase once, in a fixed order."""
        groups = (self.visual, self.captions, self.physical, self.abstract, self.composed)
        return list(dict.fromkeys(phrase for group in groups for phrase in group))


def gather(data: Path, *, seed: int = 0) -> Phrases:
    """All phrases that the packs, WordNet, CLIP's names and the drawn shop give."""
    chance = random.Random(seed)
    physical, abstract = wordnet(data)
    visual = visual_names(data)
    captions = sorted(set(fashion_captions(data)) | set(shop_captions()))
    things = [*visual * 3, *chance.sample(physical, 20_000)]
    composed = sorted({_compose(things, chance) for _ in range(40_000)})
    return Phrases(physical, abstract, visual, captions, composed)


def synsets(data: Path) -> list[tuple[int, list[str]]]:
    """WordNet's noun synsets in the order of their numbers, each with its names."""
    with gzip.open(data / "wordnet-nouns.tsv.gz", "rt", encoding="utf-8") as lines:
        rows = (line.rstrip("\n").split("\t") for line in lines)
        return sorted((int(synset[1:]), spellings.split(", ")) for synset, spellings in rows)


def wordnet(data: Path) -> tuple[list[str], list[str]]:
    """Names of physical things and all other nouns of WordNet."""
    names: dict[bool, dict[str, None]] = {True: {}, False: {}}
    for number, spellings in synsets(data):
        physical = any(low <= number < high for low, high in _PHYSICAL)
        names[physical].update(dict.fromkeys(spellings))
    return list(names[True]), [name for name in names[False] if name not in names[True]]


def visual_names(data: Path) -> list[str]:
    """Names of what photos show: CLIP's, ImageNet's and the classes of the packs that training may see."""
    with np.load(data / "clip-vit-b32-text-vectors.npz") as arrays:
        clip = [spelling for names in arrays["synonyms"] for spelling in str(names).split("|")]
    classes = [
        name
        for pack in ("tinyimagenet-train", "cifar100-train", "caltech101")
        for row in packs.for_training(data, pack).rows
        for name in row["names"]
    ]
    return list(dict.fromkeys([*clip, *IMAGENET_CLASSNAMES, *classes, *shop.THINGS]))


def fashion_captions(data: Path) -> list[str]:
    """Titles of the fashion rows that training may see, and short captions made of their fields."""
    captions = []
    for row in packs.for_training(data, "fashion").rows:
        captions.append(row["productDisplayName"])
        captions.extend(fashion_fields(row))
    return captions


def fashion_fields(row: packs.Row) -> list[str]:
    """Captions of a fashion photo: its kind, colour, for whom and for when."""
    kind, colour, whom = row["articleType"].lower(), row["baseColour"].lower(), row["gender"].lower()
    return [
        kind,
        f"{colour} {kind}",
        f"{whom} {kind}",
        f"{colour} {kind} for {whom}",
        f"{row['usage']} {colour} {kind} for {row['season']}".lower(),
    ]


def shop_captions() -> list[str]:
    """Titles and descriptions of the drawn shop's training combinations."""
    kinds = shop.combinations("train")
    return [shop.title(*kind) for kind in kinds] + [shop.describe(*kind, style) for kind in kinds for style in range(3)]


def _compose(things: list[str], chance: random.Random) -> str:
    """A phrase about a thing or two, as people search."""
    one, two = chance.choice(things), chance.choice(things)
    look, kind, place = chance.choice(_LOOKS), chance.choice(_KINDS), chance.choice(_PLACES)
    return chance.choice(
        (
            f"{look} {one}",
            f"{look} {one}",
            f"{kind} {one}",
            f"{look} {kind} {one}",
            f"{one} {place}",
            f"{look} {one} {place}",
            f"{one} and {two}",
            f"{one} with {two}",
            f"{look} {one} and {kind} {two}",
        )
    )
