"""The drawn shop: any number of little products, drawn alike from the same seed, for the demo, the tests and training."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Split = Literal["train", "test", "all"]
Point = tuple[float, float]
Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "red": (206, 32, 41),
    "orange": (242, 128, 24),
    "yellow": (247, 211, 38),
    "green": (40, 140, 62),
    "turquoise": (40, 190, 185),
    "blue": (35, 84, 190),
    "purple": (116, 50, 150),
    "pink": (245, 140, 180),
    "brown": (118, 72, 38),
    "black": (34, 34, 38),
    "grey": (140, 143, 148),
    "white": (246, 246, 243),
}
PATTERNS = ("plain", "striped", "dotted", "checked", "zigzag", "flowered", "starred")
INK, METAL, WOOD, PAPER, DARK = (52, 48, 50), (176, 182, 190), (150, 104, 62), (250, 248, 240), (60, 62, 70)
_PALE = ("white", "yellow")


@dataclass(frozen=True)
class Product:
    """One thing in the shop with its picture."""

    id: str
    thing: str
    colour: str
    pattern: str
    title: str
    price: float
    category: str
    description: str
    image: Image.Image = field(repr=False, hash=False)


def draw(count: int, *, seed: int = 0, size: int = 160, split: Split = "all") -> Iterator[Product]:
    """`count` products, `size` pixels square; the first of a longer row are those of a shorter one.

    Every combination of thing, colour and pattern in the split comes once before any comes again.
    """
    kinds = combinations(split)
    for number in range(count):
        turn, place = divmod(number, len(kinds))
        order = np.random.default_rng((seed, turn)).permutation(len(kinds))
        yield _product(number, kinds[order[place]], np.random.default_rng((seed, 1, number)), size)


def combinations(split: Split = "all") -> list[tuple[str, str, str]]:
    """Every (thing, colour, pattern) in a split; a fifth is "test", so that unseen combinations can be measured."""
    every = itertools.product(THINGS, COLOURS, PATTERNS)
    return [kind for kind in every if split == "all" or split == _split(kind)]


def title(thing: str, colour: str, pattern: str) -> str:
    """How the shop names a product: "red striped mug", "plain red mug"."""
    return f"plain {colour} {thing}" if pattern == "plain" else f"{colour} {pattern} {thing}"


def describe(thing: str, colour: str, pattern: str, style: int) -> str:
    """A sentence about a product, in one of several styles."""
    kind, name = THINGS[thing], title(thing, colour, pattern)
    article = "An" if name[0] in "aeiou" else "A"
    look = f"plain {colour}" if pattern == "plain" else f"{colour} and {pattern}"
    sentences = (
        f"{article} {name} {kind.use}, made of {kind.material}.",
        f"This {kind.material} {thing} is {look}: just right {kind.use}.",
        f"{article} {name} from our {kind.category} range, {kind.use}.",
    )
    return sentences[style % len(sentences)]


def _split(kind: tuple[str, str, str]) -> Split:
    return "test" if zlib.crc32(" ".join(kind).encode()) % 5 == 0 else "train"


def _product(number: int, kind: tuple[str, str, str], chance: np.random.Generator, size: int) -> Product:
    thing, colour, pattern = kind
    what = THINGS[thing]
    return Product(
        id=f"{thing}-{number:05d}",
        thing=thing,
        colour=colour,
        pattern=pattern,
        title=title(*kind),
        price=round(what.price * float(chance.uniform(0.6, 1.6))) + 0.99,
        category=what.category,
        description=describe(*kind, style=int(chance.integers(3))),
        image=_picture(what, colour, pattern, chance, size),
    )


def _picture(what: _Thing, colour: str, pattern: str, chance: np.random.Generator, size: int) -> Image.Image:
    edge = 2 * size
    scene = _background(COLOURS[colour], chance, edge)
    pen = _Pen(scene, _cloth(colour, pattern, chance, edge), chance)
    pen.shadow()
    what.draw(pen)
    return scene.resize((size, size), Image.Resampling.BOX)


def _background(avoid: Colour, chance: np.random.Generator, edge: int) -> Image.Image:
    """A wall that shades off, sometimes with a floor, of another colour than the product."""
    wall = _other_colour(avoid, chance)
    down, across = np.mgrid[0 : 1 : edge * 1j, 0 : 1 : edge * 1j]
    slope = chance.uniform(-0.12, 0.12, 2)
    light = 1 + slope[0] * (down - 0.5) + slope[1] * (across - 0.5)
    if chance.random() < 0.5:
        light = light * np.where(down > chance.uniform(0.6, 0.85), chance.uniform(0.75, 0.92), 1.0)
    grain = chance.normal(0, chance.uniform(0, 5), (edge // 4, edge // 4, 1)).repeat(4, 0).repeat(4, 1)
    pixels = wall * light[..., None] + np.resize(grain, (edge, edge, 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _other_colour(avoid: Colour, chance: np.random.Generator) -> np.ndarray:
    while True:
        tint = chance.uniform(0, 255, 3)
        wall: np.ndarray = tint + (chance.uniform(120, 250) - tint) * chance.uniform(0.5, 1.0)
        if float(np.linalg.norm(wall - np.array(avoid))) > 75:
            return wall


def _cloth(colour: str, pattern: str, chance: np.random.Generator, edge: int) -> Image.Image:
    """The stuff that a product is made of: its colour, shaded, with its pattern in a second colour."""
    main = np.array(COLOURS[colour]) + chance.normal(0, 7, 3)
    second = np.array(DARK if colour in _PALE else PAPER) + chance.normal(0, 6, 3)
    angle = chance.uniform(-0.3, 0.3) + (math.pi / 2 if chance.random() < 0.5 else 0)
    down, across = np.mgrid[0:edge, 0:edge] + chance.uniform(0, edge)
    period = edge * chance.uniform(0.085, 0.125)
    u = (across * math.cos(angle) + down * math.sin(angle)) / period
    v = (down * math.cos(angle) - across * math.sin(angle)) / period
    light = 1.06 - 0.2 * np.mgrid[0 : 1 : edge * 1j, 0 : 1 : edge * 1j][int(chance.integers(2))]
    pixels = np.where(_marks(pattern, u, v)[..., None], second, main) * light[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _marks(pattern: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Where the second colour lies; `u` and `v` count periods of the pattern."""
    if pattern == "plain":
        return np.zeros(u.shape, bool)
    if pattern == "striped":
        return u % 1 < 0.42
    if pattern == "checked":
        return (u // 0.75 + v // 0.75) % 2 < 1
    if pattern == "zigzag":
        return (v + np.abs(u % 1 - 0.5)) % 1 < 0.4
    scale = 1.0 if pattern == "dotted" else 0.72
    x, y = u * scale, v * scale
    x, y = (x + 0.5 * (np.floor(y) % 2)) % 1 - 0.5, y % 1 - 0.5
    radius, turn = np.hypot(x, y), np.arctan2(y, x)
    if pattern == "dotted":
        return radius < 0.28
    if pattern == "flowered":
        flower: np.ndarray = (radius < 0.27 + 0.15 * np.cos(5 * turn)) & (radius > 0.1)
        return flower
    star: np.ndarray = radius < 0.46 * (0.38 + 0.62 * np.abs((turn * 5 / (2 * math.pi)) % 1 * 2 - 1) ** 1.4)
    return star


class _Pen:
    """Draws shapes given in a unit square (x to the right, y down), moved, turned and stretched by chance."""

    def __init__(self, scene: Image.Image, cloth: Image.Image, chance: np.random.Generator) -> None:
        self._scene, self._cloth = scene, cloth
        self._edge = scene.width
        self._draw = ImageDraw.Draw(scene)
        angle, scale = chance.normal(0, 0.07), chance.uniform(0.66, 0.92)
        stretch = chance.uniform(0.92, 1.08)
        flip = -1 if chance.random() < 0.5 else 1
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        self._turn = turn @ np.diag([flip * scale * stretch, scale / stretch])
        self._scale = scale
        self._middle = 0.5 + chance.uniform(-1, 1, 2) * (0.97 - scale) / 2

    def shape(self, points: Sequence[Point], paint: Colour | None = None) -> None:
        """Fill a polygon with a colour, or with the product's cloth."""
        corners = self._place(points)
        if paint is None:
            mask = Image.new("L", self._scene.size)
            ImageDraw.Draw(mask).polygon(corners, fill=255)
            self._scene.paste(self._cloth, mask=mask)
        else:
            self._draw.polygon(corners, fill=paint)
        self._draw.line([*corners, corners[0]], fill=INK, width=self._width(0.012), joint="curve")

    def oval(self, x: float, y: float, width: float, height: float, paint: Colour | None = None) -> None:
        """Fill an ellipse about (x, y) with half axes `width` and `height`."""
        self.shape(arc(x, y, width, height), paint)

    def line(self, points: Sequence[Point], width: float, paint: Colour | None = None) -> None:
        """A thick line with an outline, in a colour or in the product's cloth."""
        corners, thick = self._place(points), self._width(width)
        self._draw.line(corners, fill=INK, width=thick + 2 * self._width(0.01), joint="curve")
        if paint is None:
            mask = Image.new("L", self._scene.size)
            ImageDraw.Draw(mask).line(corners, fill=255, width=thick, joint="curve")
            self._scene.paste(self._cloth, mask=mask)
        else:
            self._draw.line(corners, fill=paint, width=thick, joint="curve")

    def shadow(self) -> None:
        """A soft dark patch beneath the product."""
        mask = Image.new("L", (self._edge // 4, self._edge // 4))
        corners = [(x / 4, y / 4) for x, y in self._place(arc(0.5, 0.93, 0.42, 0.06))]
        ImageDraw.Draw(mask).polygon(corners, fill=90)
        soft = mask.filter(ImageFilter.GaussianBlur(self._edge / 100)).resize(self._scene.size)
        self._scene.paste((20, 20, 24), mask=soft)

    def _place(self, points: Sequence[Point]) -> list[Point]:
        placed = ((np.array(points) - 0.5) @ self._turn.T + self._middle) * self._edge
        return [(float(x), float(y)) for x, y in placed]

    def _width(self, width: float) -> int:
        return max(1, round(width * self._scale * self._edge))


def arc(x: float, y: float, width: float, height: float, start: float = 0, end: float = 360) -> list[Point]:
    """Points along an ellipse from `start` to `end` degrees; 0 is right, 90 down."""
    turns = np.radians(np.linspace(start, end, 40))
    return [(x + width * math.cos(turn), y + height * math.sin(turn)) for turn in turns]


def _box(left: float, top: float, right: float, bottom: float) -> list[Point]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _mug(pen: _Pen) -> None:
    pen.line(arc(0.7, 0.55, 0.2, 0.18, -80, 80), 0.07)
    pen.shape([(0.18, 0.22), *arc(0.45, 0.84, 0.25, 0.08, 180, 0), (0.72, 0.22)])
    pen.oval(0.45, 0.22, 0.27, 0.07, DARK)


def _teapot(pen: _Pen) -> None:
    pen.line(arc(0.2, 0.58, 0.15, 0.17, 60, 300), 0.055)
    pen.shape([(0.68, 0.7), (0.84, 0.5), (0.86, 0.32), (0.96, 0.34), (0.93, 0.56), (0.74, 0.84)])
    pen.oval(0.48, 0.62, 0.3, 0.27)
    pen.shape(arc(0.48, 0.39, 0.17, 0.09, 180, 360), METAL)
    pen.oval(0.48, 0.27, 0.045, 0.045, METAL)


def _bottle(pen: _Pen) -> None:
    pen.shape(_box(0.43, 0.03, 0.57, 0.14), DARK)
    neck = [
        (0.44, 0.14),
        (0.56, 0.14),
        (0.56, 0.28),
        (0.69, 0.42),
        (0.69, 0.94),
        (0.31, 0.94),
        (0.31, 0.42),
        (0.44, 0.28),
    ]
    pen.shape(neck)


def _vase(pen: _Pen) -> None:
    for x, y, paint in ((0.3, 0.14, (220, 70, 90)), (0.52, 0.08, (245, 200, 60)), (0.72, 0.16, (200, 110, 200))):
        pen.line([(0.5, 0.5), (x, y)], 0.018, (60, 130, 60))
        pen.oval(x, y, 0.075, 0.075, paint)
    left = [(0.4, 0.4), (0.42, 0.5), (0.28, 0.66), (0.3, 0.8), (0.4, 0.94)]
    pen.shape(left + [(1 - x, y) for x, y in reversed(left)])


def _shirt(pen: _Pen) -> None:
    left = [(0.4, 0.1), (0.24, 0.15), (0.02, 0.38), (0.16, 0.52), (0.27, 0.42), (0.26, 0.92)]
    pen.shape([*left, *((1 - x, y) for x, y in reversed(left)), *arc(0.5, 0.1, 0.1, 0.1, 0, 180)])


def _dress(pen: _Pen) -> None:
    left = [(0.36, 0.05), (0.34, 0.24), (0.4, 0.44), (0.14, 0.95)]
    pen.shape([*left, *((1 - x, y) for x, y in reversed(left)), (0.58, 0.05), (0.5, 0.18), (0.42, 0.05)])
    pen.line([(0.4, 0.44), (0.6, 0.44)], 0.03, DARK)


def _trousers(pen: _Pen) -> None:
    pen.shape([(0.27, 0.06), (0.73, 0.06), (0.84, 0.95), (0.6, 0.95), (0.5, 0.36), (0.4, 0.95), (0.16, 0.95)])
    pen.shape(_box(0.27, 0.06, 0.73, 0.13), DARK)


def _sock(pen: _Pen) -> None:
    foot = arc(0.8, 0.76, 0.13, 0.14, -90, 90)
    pen.shape([(0.3, 0.08), (0.58, 0.08), (0.6, 0.55), *foot, (0.42, 0.9), *arc(0.42, 0.76, 0.13, 0.14, 90, 180)])
    pen.shape(_box(0.29, 0.05, 0.59, 0.15), PAPER)


def _shoe(pen: _Pen) -> None:
    pen.shape([(0.06, 0.34), (0.3, 0.36), (0.42, 0.4), (0.62, 0.58), *arc(0.83, 0.7, 0.13, 0.11, -90, 30), (0.05, 0.76)])
    pen.shape([(0.04, 0.76), (0.97, 0.76), (0.95, 0.86), (0.05, 0.86)], PAPER)
    for step in range(3):
        x, y = 0.4 + 0.08 * step, 0.42 + 0.065 * step
        pen.line([(x - 0.06, y + 0.07), (x + 0.03, y - 0.01)], 0.025, PAPER)


def _hat(pen: _Pen) -> None:
    pen.oval(0.5, 0.7, 0.46, 0.13)
    pen.shape([(0.24, 0.68), *arc(0.5, 0.38, 0.22, 0.18, 180, 360), (0.76, 0.68), *arc(0.5, 0.68, 0.26, 0.07, 0, 180)])
    pen.line(arc(0.5, 0.62, 0.255, 0.06, 5, 175), 0.06, DARK)


def _bag(pen: _Pen) -> None:
    pen.line(arc(0.5, 0.4, 0.2, 0.3, 180, 360), 0.045, DARK)
    pen.shape([(0.16, 0.38), (0.84, 0.38), (0.92, 0.92), (0.08, 0.92)])
    pen.shape(_box(0.45, 0.38, 0.55, 0.52), METAL)


def _umbrella(pen: _Pen) -> None:
    pen.line([(0.5, 0.1), (0.5, 0.82), *arc(0.57, 0.84, 0.07, 0.09, 180, 0)], 0.03, WOOD)
    edge = [point for n in range(4) for point in arc(0.845 - 0.23 * n, 0.5, 0.115, 0.05, 0, -180)]
    pen.shape([*arc(0.5, 0.5, 0.46, 0.38, 180, 360), *edge])
    for x in (0.27, 0.5, 0.73):
        pen.line([(0.5, 0.12), (x, 0.5)], 0.006, INK)


def _chair(pen: _Pen) -> None:
    for x in (0.25, 0.4, 0.68, 0.83):
        pen.line([(x, 0.6), (x, 0.95 if x in (0.25, 0.68) else 0.86)], 0.04, WOOD)
    pen.shape([(0.24, 0.06), (0.4, 0.03), (0.42, 0.5), (0.26, 0.56)])
    pen.shape([(0.22, 0.58), (0.4, 0.48), (0.86, 0.5), (0.72, 0.62)])


def _sofa(pen: _Pen) -> None:
    for x in (0.12, 0.88):
        pen.line([(x, 0.76), (x, 0.86)], 0.05, WOOD)
    pen.shape(_box(0.12, 0.26, 0.88, 0.6))
    pen.shape(_box(0.1, 0.54, 0.5, 0.7))
    pen.shape(_box(0.5, 0.54, 0.9, 0.7))
    pen.shape(_box(0.08, 0.68, 0.92, 0.78))
    for x in (0.08, 0.92):
        pen.shape([(x - 0.07, 0.78), *arc(x, 0.48, 0.07, 0.07, 180, 360), (x + 0.07, 0.78)])


def _lamp(pen: _Pen) -> None:
    pen.line([(0.5, 0.45), (0.5, 0.88)], 0.045, METAL)
    pen.oval(0.5, 0.9, 0.2, 0.05, METAL)
    pen.shape([(0.36, 0.08), (0.64, 0.08), (0.84, 0.5), (0.16, 0.5)])


def _clock(pen: _Pen) -> None:
    pen.oval(0.5, 0.5, 0.45, 0.45)
    pen.oval(0.5, 0.5, 0.31, 0.31, PAPER)
    for hour in range(12):
        (x, y), *_ = arc(0.5, 0.5, 0.26, 0.26, 30 * hour, 30 * hour + 1)
        pen.oval(x, y, 0.012, 0.012, INK)
    pen.line([(0.5, 0.26), (0.5, 0.5), (0.64, 0.58)], 0.022, INK)


def _cushion(pen: _Pen) -> None:
    top = [(0.08, 0.14), (0.5, 0.2), (0.92, 0.14), (0.86, 0.5)]
    pen.shape(top + [(1 - x, 1 - y) for x, y in top])


def _book(pen: _Pen) -> None:
    pen.shape([(0.2, 0.94), (0.78, 0.94), (0.88, 0.86), (0.88, 0.1), (0.3, 0.1)], PAPER)
    pen.shape(_box(0.16, 0.06, 0.78, 0.9))
    pen.shape(_box(0.16, 0.06, 0.25, 0.9), DARK)
    pen.shape(_box(0.35, 0.2, 0.69, 0.36), PAPER)
    for y in (0.25, 0.3):
        pen.line([(0.4, y), (0.64, y)], 0.008, INK)


def _bicycle(pen: _Pen) -> None:
    for x in (0.22, 0.78):
        pen.line(arc(x, 0.66, 0.19, 0.19), 0.03, DARK)
        for start in (0, 60, 120):
            spoke = arc(x, 0.66, 0.18, 0.18, start, start + 180)
            pen.line([spoke[0], spoke[-1]], 0.004, METAL)
    pen.line([(0.22, 0.66), (0.36, 0.38), (0.68, 0.38), (0.46, 0.66), (0.22, 0.66)], 0.055)
    pen.line([(0.33, 0.3), (0.46, 0.66)], 0.055)
    pen.line([(0.78, 0.66), (0.66, 0.26)], 0.055)
    pen.line([(0.66, 0.26), (0.58, 0.22), (0.55, 0.27)], 0.03, DARK)
    pen.shape([(0.24, 0.25), (0.42, 0.27), (0.35, 0.32)], DARK)


def _guitar(pen: _Pen) -> None:
    pen.oval(0.5, 0.54, 0.18, 0.15)
    pen.oval(0.5, 0.76, 0.26, 0.2)
    pen.shape(arc(0.5, 0.55, 0.165, 0.135))
    pen.oval(0.5, 0.66, 0.085, 0.075, DARK)
    pen.shape(_box(0.46, 0.12, 0.54, 0.62), WOOD)
    pen.shape([(0.43, 0.01), (0.57, 0.01), (0.55, 0.13), (0.45, 0.13)], DARK)
    pen.line([(0.42, 0.84), (0.58, 0.84)], 0.03, DARK)


def _tent(pen: _Pen) -> None:
    pen.shape([(0.38, 0.16), (0.72, 0.12), (0.98, 0.8), (0.72, 0.88)])
    pen.shape([(0.38, 0.16), (0.72, 0.88), (0.04, 0.88)])
    pen.shape([(0.38, 0.34), (0.5, 0.88), (0.26, 0.88)], DARK)


def _kite(pen: _Pen) -> None:
    pen.line([(0.5, 0.7), (0.44, 0.78), (0.54, 0.86), (0.46, 0.97)], 0.014, INK)
    pen.shape([(0.5, 0.03), (0.84, 0.32), (0.5, 0.74), (0.16, 0.32)])
    pen.line([(0.5, 0.03), (0.5, 0.74)], 0.008, WOOD)
    pen.line([(0.16, 0.32), (0.84, 0.32)], 0.008, WOOD)
    for x, y in ((0.44, 0.79), (0.53, 0.87)):
        pen.shape([(x - 0.07, y - 0.035), (x + 0.07, y + 0.035), (x + 0.07, y - 0.035), (x - 0.07, y + 0.035)], DARK)


@dataclass(frozen=True)
class _Thing:
    draw: Callable[[_Pen], None]
    category: str
    price: float
    material: str
    use: str


THINGS: dict[str, _Thing] = {
    "mug": _Thing(_mug, "kitchen", 11, "ceramic", "for tea or coffee"),
    "teapot": _Thing(_teapot, "kitchen", 28, "porcelain", "for a quiet breakfast"),
    "bottle": _Thing(_bottle, "kitchen", 15, "glass", "for water on the way"),
    "vase": _Thing(_vase, "home", 24, "ceramic", "for cut flowers"),
    "lamp": _Thing(_lamp, "home", 45, "cotton and steel", "for reading in the evening"),
    "clock": _Thing(_clock, "home", 32, "plastic", "for the wall"),
    "cushion": _Thing(_cushion, "home", 19, "linen", "to lean on"),
    "chair": _Thing(_chair, "furniture", 79, "wood", "to sit at a table"),
    "sofa": _Thing(_sofa, "furniture", 490, "wool", "for two in the living room"),
    "shirt": _Thing(_shirt, "clothing", 18, "cotton", "for warm days"),
    "dress": _Thing(_dress, "clothing", 49, "viscose", "for a summer party"),
    "trousers": _Thing(_trousers, "clothing", 42, "cotton", "for every day"),
    "sock": _Thing(_sock, "clothing", 6, "wool", "for cold feet"),
    "shoe": _Thing(_shoe, "clothing", 69, "canvas", "for walking and running"),
    "hat": _Thing(_hat, "clothing", 22, "felt", "against the sun"),
    "bag": _Thing(_bag, "accessories", 55, "leather", "to carry things to work"),
    "umbrella": _Thing(_umbrella, "accessories", 21, "nylon", "for rainy days"),
    "book": _Thing(_book, "books", 14, "paper", "to read in bed"),
    "guitar": _Thing(_guitar, "music", 180, "spruce", "to play songs"),
    "bicycle": _Thing(_bicycle, "sports", 350, "steel", "for riding about town"),
    "tent": _Thing(_tent, "sports", 140, "nylon", "for camping in the mountains"),
    "kite": _Thing(_kite, "toys", 16, "nylon", "for windy days at the beach"),
}
