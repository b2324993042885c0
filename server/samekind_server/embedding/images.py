"""Turns the bytes of an image file into RGB pixels, and pixels into what an image tower reads."""

import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from samekind.errors import BadImage, ImageTooLarge, SamekindError
from samekind.types import Floats
from samekind_server.embedding.kinds import kind_of, tiff_strips

Picture = Image.Image
ResizeMode = Literal["shortest", "longest", "squash"]

# Pillow warns of odd metadata, which is not read here, and of sizes, which ImageLimits decides.
# Filters set once are safe among threads; catch_warnings is not.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True)
class ImageLimits:
    """The largest image taken: bytes of the file, pixels it declares, and long side over short side."""

    max_bytes: int = 20 * 2**20
    max_pixels: int = 50_000_000
    max_aspect: int = 200


@dataclass(frozen=True)
class Preprocess:
    """How a model wants its pixels; every field means what it means in open_clip's `PreprocessCfg`. A size pair is (h, w)."""

    size: int | tuple[int, int] = 224
    mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    resize_mode: ResizeMode = "shortest"
    fill_color: int = 0

    @property
    def height_width(self) -> tuple[int, int]:
        """The size as a pair."""
        return self.size if isinstance(self.size, tuple) else (self.size, self.size)


def decode(data: bytes, limits: ImageLimits, *, at_least: int | None = None) -> Picture:
    """The upright RGB picture in `data`, transparency laid on white. Raises BadImage or ImageTooLarge.

    With `at_least` a JPEG may come smaller than it is, with both sides still at least twice that many pixels.
    """
    kind = _kind(data, limits)
    try:
        _check_strips(kind, data)
        picture = _OPENERS[kind](BytesIO(data))
        _check_shape(picture, limits)
        if at_least:
            picture.draft(None, (2 * at_least, 2 * at_least))
        return _rgb(_upright(picture))
    except _PILLOW_ERRORS as error:
        raise _unreadable(kind, error) from error


def prepare(picture: Picture, preprocess: Preprocess) -> Floats:
    """The model's input for an RGB picture, (3, h, w) float32, as open_clip's own evaluation transform makes it."""
    pixels = np.asarray(_FITS[preprocess.resize_mode](picture, preprocess))
    values = np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32)
    values /= np.float32(255)
    values -= np.array(preprocess.mean, np.float32)[:, None, None]
    values /= np.array(preprocess.std, np.float32)[:, None, None]
    return values


_OPENERS: dict[str, Callable[[BytesIO], ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WebP": WebPImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
}
_MOST_STRIPS = 100_000
_WANTED = "send a JPEG, PNG, WebP, GIF, BMP or TIFF file"

# All that Pillow is known to raise on hostile bytes; its bomb errors are raised for a GIF whose frame outgrows its screen.
_PILLOW_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    Warning,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def _kind(data: bytes, limits: ImageLimits) -> str:
    if not data:
        raise BadImage(f"the image is empty: it has 0 bytes; {_WANTED}")
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(
            f"the image file has {len(data):,} bytes, more than the {limits.max_bytes:,} taken; make the picture smaller or compress it more"
        )
    kind = kind_of(data)
    if kind not in _OPENERS:
        raise BadImage(f"not an image: the bytes look like {kind}; {_WANTED}")
    return kind


def _check_strips(kind: str, data: bytes) -> None:
    # Opening makes an object of each: five million of them take half a minute and more than a gigabyte.
    if kind == "TIFF" and (count := tiff_strips(data)) > _MOST_STRIPS:
        raise ImageTooLarge(f"the TIFF is cut into {count:,} strips or tiles, more than the {_MOST_STRIPS:,} taken; save it in larger ones")


def _check_shape(picture: ImageFile, limits: ImageLimits) -> None:
    width, height = picture.size
    if width * height > limits.max_pixels:
        raise ImageTooLarge(
            f"the image declares {width:,}×{height:,} pixels, more than the {limits.max_pixels:,} taken; make it smaller before sending it"
        )
    if max(width, height) > limits.max_aspect * min(width, height):
        raise ImageTooLarge(
            f"the image is {width:,}×{height:,} pixels, a shape longer than the {limits.max_aspect}:1 taken; cut it into pieces or crop it"
        )
    if isinstance(picture, TiffImageFile):
        _check_tile(picture, limits)


def _check_tile(picture: TiffImageFile, limits: ImageLimits) -> None:
    # A tile is unpacked whole, however little of it the picture shows.
    width, height = (int(picture.tag_v2.get(tag, 0)) for tag in (ExifTags.Base.TileWidth, ExifTags.Base.TileLength))
    if width * height > limits.max_pixels:
        raise ImageTooLarge(f"the TIFF has tiles of {width:,}×{height:,} pixels, more than the {limits.max_pixels:,} taken; save it in smaller tiles")


def _unreadable(kind: str, error: BaseException) -> SamekindError:
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return ImageTooLarge(f"the {kind} declares more pixels than are taken; make it smaller before sending it")
    what, way_out = next((answer for sign, *answer in _SIGNS if sign in str(error).lower()), _DAMAGED)
    return BadImage(f"the {kind} {what}; {way_out}")


# What Pillow's message holds, lower case, and what is told for it.
_SIGNS = (
    ("not identified by this driver", "has no pixels: its header gives no width, no height or no known pixel format", "save it again"),
    ("truncated", "is cut short: it ends before its picture does", "send the whole file"),
    ("max_text", "has a text or colour profile that unpacks to more than a megabyte", "save it without metadata"),
)
_DAMAGED = ("is damaged or incomplete and cannot be decoded", "send the whole file, or open it in an image program and save it again")


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(picture: ImageFile) -> Picture:
    picture.load()
    turn = _TURNS.get(_orientation(picture))
    return picture if turn is None else picture.transpose(turn)


def _orientation(picture: ImageFile) -> int:
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    except _PILLOW_ERRORS:
        return 1  # damaged metadata harms no pixel
    return orientation if isinstance(orientation, int) else 1


def _rgb(picture: Picture) -> Picture:
    if picture.mode.startswith(("I", "F")):
        return _eight_bits(picture).convert("RGB")
    if picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _eight_bits(picture: Picture) -> Picture:
    """Greyscale of 16 or 32 bits a pixel, or of floats, scaled and not clipped."""
    values = np.asarray(picture)
    if picture.mode.startswith("I;16"):
        return Image.fromarray((values >> 8).astype(np.uint8))
    lowest, highest = _range(values, (1, 255, 65_535) if picture.mode == "F" else (255, 65_535))
    shares = (np.nan_to_num(values.astype(np.float64), nan=lowest, posinf=highest, neginf=lowest) - lowest) / (highest - lowest)
    return Image.fromarray(np.rint(shares * 255).astype(np.uint8))


def _range(values: NDArray[np.generic], tops: tuple[int, ...]) -> tuple[float, float]:
    """The usual range that holds the values, from 0 to one of `tops`, else their own."""
    finite = values[np.isfinite(values)].astype(np.float64)
    lowest, highest = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    top = next((top for top in tops if lowest >= 0 and highest <= top), None)
    return (0.0, float(top)) if top else (lowest, max(highest, lowest + 1))


def _filter(preprocess: Preprocess) -> Image.Resampling:
    return Image.Resampling.BILINEAR if preprocess.interpolation == "bilinear" else Image.Resampling.BICUBIC


def _squash(picture: Picture, preprocess: Preprocess) -> Picture:
    height, width = preprocess.height_width
    return picture.resize((width, height), _filter(preprocess))


def _shortest(picture: Picture, preprocess: Preprocess) -> Picture:
    height, width = preprocess.height_width
    if height == width:
        scaled = _scaled_to_short_side(picture, preprocess)
    else:  # open_clip's transform is bicubic here whatever the interpolation
        scaled = _scaled(picture, min(picture.height / height, picture.width / width), Image.Resampling.BICUBIC)
    left, top = round((scaled.width - width) / 2), round((scaled.height - height) / 2)
    return scaled.crop((left, top, left + width, top + height))


def _scaled_to_short_side(picture: Picture, preprocess: Preprocess) -> Picture:
    side = preprocess.height_width[0]
    long_side = int(side * max(picture.size) / min(picture.size))
    size = (side, long_side) if picture.width <= picture.height else (long_side, side)
    return picture.resize(size, _filter(preprocess))


def _longest(picture: Picture, preprocess: Preprocess) -> Picture:
    height, width = preprocess.height_width
    scaled = _scaled(picture, max(picture.height / height, picture.width / width), _filter(preprocess))
    canvas = Image.new("RGB", (width, height), (preprocess.fill_color,) * 3)
    canvas.paste(scaled, ((width - scaled.width) // 2, (height - scaled.height) // 2))
    return canvas


def _scaled(picture: Picture, ratio: float, resampling: Image.Resampling) -> Picture:
    return picture.resize((max(1, round(picture.width / ratio)), max(1, round(picture.height / ratio))), resampling)


_FITS: dict[ResizeMode, Callable[[Picture, Preprocess], Picture]] = {"shortest": _shortest, "longest": _longest, "squash": _squash}
