"""Draws docs/picture.png: the demo's pictures, each with what a running server answers: `python docs/picture.py ADDRESS`."""

import sys
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont, ImageOps

import samekind
from samekind import demo, shop
from samekind.types import Answer, Image

SIDE, CAPTION, GAP, COLUMNS = 180, 30, 10, 5
INK, FAINT, PAPER = (30, 30, 34), (110, 112, 118), (255, 255, 255)


def main(address: str) -> None:
    """Asks the server at `address` and writes the picture beside this file."""
    photos = [Pillow.open(demo.sample(name)).convert("RGB") for name in demo.PHOTOS]
    drawn = [product.image for product in shop.draw(demo.DRAWN, seed=7, split="test", size=SIDE)]
    with samekind.connect(address) as sk:
        answers = sk.classify([Image(photo) for photo in photos], demo.SCENES)
        answers += sk.classify([Image(picture) for picture in drawn], sorted({thing for thing, _, _ in shop.combinations()}))
    sheet([*photos, *drawn], answers).quantize(192).save(Path(__file__).parent / "picture.png", optimize=True)


def sheet(pictures: list[Pillow.Image], answers: list[Answer]) -> Pillow.Image:
    """The pictures in rows, each with its answer below."""
    rows = -(-len(pictures) // COLUMNS)
    canvas = Pillow.new("RGB", (COLUMNS * (SIDE + GAP) + GAP, rows * (SIDE + CAPTION + GAP) + GAP), PAPER)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(16)
    for place, (picture, answer) in enumerate(zip(pictures, answers, strict=True)):
        left, top = GAP + place % COLUMNS * (SIDE + GAP), GAP + place // COLUMNS * (SIDE + CAPTION + GAP)
        canvas.paste(ImageOps.fit(picture, (SIDE, SIDE)), (left, top))
        draw.text((left, top + SIDE + 5), answer.top, INK, font)
        draw.text((left + SIDE, top + SIDE + 5), f"{answer.scores[0].probability:.0%}", FAINT, font, anchor="ra")
    return canvas


if __name__ == "__main__":
    main(sys.argv[1])
