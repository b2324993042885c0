"""Any picture file becomes the pixels open_clip would see, and what is no picture becomes one clear error."""

import io
import random
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any, get_args

import numpy as np
import open_clip.transform
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageOps

from samekind.errors import BadImage, ImageTooLarge
from samekind_server.embedding.images import ImageLimits, Picture, Preprocess, ResizeMode, decode, prepare

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")  # as images.py has it when it serves

LIMITS = ImageLimits()
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
LOSSLESS = ("PNG", "BMP", "TIFF")
WANTED = "send a JPEG, PNG, WebP, GIF, BMP or TIFF file"
INCOMPLETE = "is damaged or incomplete and cannot be decoded; send the whole file, or open it in an image program and save it again"


def _picture(width: int, height: int, mode: str = "RGB", seed: int = 0) -> Picture:
    """Noise over soft colours, so that every resampling shows."""
    rng = np.random.default_rng(seed)
    soft = Image.fromarray(rng.integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), np.uint8)).resize((width, height))
    noise = Image.fromarray(rng.integers(0, 24, (height, width, 3), np.uint8))
    return ImageChops.add(soft, noise).convert(mode)


def _file(picture: Picture, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def _grey(values: list[Any], dtype: str, form: str) -> list[int]:
    """The greys that a file of one row of `values` is decoded to."""
    decoded = decode(_file(Image.fromarray(np.array([values], dtype)), form), LIMITS)
    assert decoded.mode == "RGB"
    return np.asarray(decoded)[0, :, 0].tolist()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(width: int, height: int, *extra: bytes) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"".join([b"\x89PNG\r\n\x1a\n", header, *extra, _chunk(b"IDAT", zlib.compress(b"\0\1\2\3")), _chunk(b"IEND", b"")])


def _tiff(width: int, height: int, *entries: tuple[int, int, int, int], tail: bytes = b"") -> bytes:
    """A TIFF of one grey byte a pixel with these directory entries: tag, type, count, value."""
    tags = sorted([(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1), *entries])
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + b"\0\0\0\0" + tail


def _error(data: bytes, limits: ImageLimits = LIMITS) -> tuple[type, str]:
    with pytest.raises((BadImage, ImageTooLarge)) as raised:
        decode(data, limits)
    return raised.type, raised.value.message


# What the model sees.


@pytest.mark.parametrize("mode", get_args(ResizeMode))
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [224, 33, (48, 96), (97, 64)])
def test_prepare_gives_the_very_floats_of_open_clips_transform(mode: ResizeMode, interpolation: Any, size: int | tuple[int, int]) -> None:
    ours = Preprocess(size, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.7), interpolation=interpolation, resize_mode=mode, fill_color=7)
    theirs = open_clip.transform.PreprocessCfg(size, "RGB", ours.mean, ours.std, interpolation, mode, fill_color=7)
    transform = open_clip.transform.image_transform_v2(theirs, is_train=False)
    for shape in [(640, 480), (333, 517), (224, 224), (225, 224), (1, 1), (2, 3), (7, 300), (301, 5), (48, 96)]:
        picture = _picture(*shape)
        assert np.array_equal(prepare(picture, ours), transform(picture).numpy()), shape


@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from(get_args(ResizeMode)), st.integers(16, 256))
@settings(max_examples=100, deadline=None)
def test_prepare_agrees_with_open_clip_on_any_size(width: int, height: int, mode: ResizeMode, size: int) -> None:
    picture = Image.new("RGB", (width, height), (200, 100, 50)) if width * height > 90_000 else _picture(width, height)
    assume(mode != "longest" or size * min(width, height) >= max(width, height))  # else open_clip's own resize fails
    theirs = open_clip.transform.image_transform(size, is_train=False, resize_mode=mode)
    assert np.array_equal(prepare(picture, Preprocess(size, resize_mode=mode)), theirs(picture).numpy())


def test_prepare_keeps_a_sliver_where_the_short_side_would_vanish() -> None:
    prepared = prepare(_picture(400, 2), Preprocess(32, resize_mode="longest"))
    assert prepared.shape == (3, 32, 32)
    assert prepared.dtype == np.float32
    assert prepared.flags.c_contiguous


def test_the_default_preprocessing_is_open_clips() -> None:
    ours, theirs = Preprocess(), open_clip.transform.PreprocessCfg()
    assert all(getattr(ours, name) == getattr(theirs, name) for name in vars(ours))


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_is_decoded_to_pillows_pixels(form: str) -> None:
    data = _file(_picture(61, 47), form)
    decoded = decode(data, LIMITS)
    assert (decoded.mode, decoded.size) == ("RGB", (61, 47))
    assert np.array_equal(np.asarray(decoded), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


@pytest.mark.parametrize("form", LOSSLESS)
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_black_and_white_grey_palette_and_colour_keep_their_pixels(form: str, mode: str) -> None:
    picture = _picture(40, 30, mode)
    assert np.array_equal(np.asarray(decode(_file(picture, form), LIMITS)), np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_deflate", "packbits", "jpeg"])
def test_compressed_tiffs_are_decoded(compression: str) -> None:
    picture = _picture(64, 48)
    decoded = decode(_file(picture, "TIFF", compression=compression), LIMITS)
    assert np.abs(np.asarray(decoded, int) - np.asarray(picture, int)).mean() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_picture_stands_upright_by_its_exif_orientation(form: str, orientation: int) -> None:
    picture = _picture(40, 24)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = _file(picture, form, exif=exif, **({"lossless": True} if form == "WEBP" else {}))
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    decoded = decode(data, LIMITS)
    assert decoded.size == ((24, 40) if orientation >= 5 else (40, 24))
    assert np.array_equal(np.asarray(decoded), np.asarray(expected))


def test_damaged_exif_harms_no_pixel() -> None:
    picture = _picture(20, 10)
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 40
    assert decode(_file(picture, "PNG", exif=exif), LIMITS).tobytes() == picture.tobytes()


@pytest.mark.parametrize(("mode", "form"), [("RGBA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF"), ("LA", "PNG"), ("LA", "TIFF")])
def test_transparency_is_laid_on_white(mode: str, form: str) -> None:
    picture = Image.new(mode, (4, 1), (0, 0, 0, 0)[-len(mode) :])
    picture.putpixel((1, 0), (0, 0, 0, 255)[-len(mode) :])
    picture.putpixel((2, 0), (0, 0, 0, 128)[-len(mode) :])
    data = _file(picture, form, **({"lossless": True, "exact": True} if form == "WEBP" else {}))
    assert np.asarray(decode(data, LIMITS))[0, :, 0].tolist() == [255, 0, 127, 255]


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_a_palettes_transparent_colour_is_white(form: str) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    decoded = decode(_file(picture, form, transparency=0), LIMITS)
    assert np.asarray(decoded)[0].tolist() == [[255, 255, 255], [40, 50, 60]]


def test_a_palette_with_degrees_of_transparency_is_laid_on_white() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([0, 0, 0, 0, 0, 0])
    picture.putpixel((1, 0), 1)
    assert np.asarray(decode(_file(picture, "PNG", transparency=bytes([128, 255])), LIMITS))[0, :, 0].tolist() == [127, 0]


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk_is_not_inverted(form: str) -> None:
    ink = Image.new("CMYK", (16, 16), (0, 200, 255, 20))
    decoded = np.asarray(decode(_file(ink, form), LIMITS), int)
    assert np.abs(decoded - np.asarray(ink.convert("RGB"), int)).max() <= 3


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(form: str) -> None:
    assert _grey([0, 255, 256, 32_768, 65_535], "uint16", form) == [0, 0, 1, 128, 255]


def test_big_endian_sixteen_bit_grey_is_scaled_too() -> None:
    row = Image.frombytes("I;16B", (2, 1), b"\x80\0\xff\xff")
    data = _file(row, "TIFF")
    assert data.startswith(b"MM")
    assert np.asarray(decode(data, LIMITS))[0, :, 0].tolist() == [128, 255]


@pytest.mark.parametrize(
    ("values", "greys"),
    [
        ([0, 128, 255], [0, 128, 255]),
        ([0, 32_768, 65_535], [0, 128, 255]),
        ([-1_000, 0, 1_000], [0, 128, 255]),
        ([0, 2**31 - 1], [0, 255]),
        ([300_000, 300_000], [0, 0]),
    ],
)
def test_thirty_two_bit_grey_is_scaled_by_the_range_it_uses(values: list[int], greys: list[int]) -> None:
    assert _grey(values, "int32", "TIFF") == greys


@pytest.mark.parametrize(
    ("values", "greys"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 127.0, 255.0], [0, 127, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([float("nan"), 0.0, float("inf"), 1.0], [0, 0, 255, 255]),
        ([float("nan")] * 2, [0, 0]),
        ([3e38, -3e38], [255, 0]),
    ],
)
def test_float_grey_is_scaled_by_the_range_it_uses(values: list[float], greys: list[int]) -> None:
    assert _grey(values, "float32", "TIFF") == greys


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_many_frames_the_first_is_taken(form: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    data = _file(frames[0], form, save_all=True, append_images=frames[1:], **({"lossless": True} if form == "WEBP" else {}))
    assert decode(data, LIMITS).getpixel((4, 4)) == (255, 0, 0)


def test_a_jpeg_may_come_scaled_down_but_never_below_twice_the_side_needed() -> None:
    data = _file(_picture(1600, 1200), "JPEG")
    assert decode(data, LIMITS, at_least=224).size == (800, 600)
    assert decode(data, LIMITS, at_least=32).size == (200, 150)
    assert decode(data, LIMITS, at_least=700).size == (1600, 1200)


def test_only_a_jpeg_comes_scaled_down() -> None:
    assert decode(_file(_picture(800, 600), "PNG"), LIMITS, at_least=32).size == (800, 600)


def test_many_threads_decode_alike() -> None:
    files = [_file(_picture(90, 70, seed=seed), form) for seed in range(4) for form in FORMATS]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda data: decode(data, LIMITS).tobytes(), files * 4))
    assert together == [decode(data, LIMITS).tobytes() for data in files] * 4


# What is no picture.


@pytest.mark.parametrize(
    ("data", "looks_like"),
    [
        (b"a text renamed .jpg\n", "text"),
        ("ein Text, grün".encode(), "text"),
        (b"BM is how this text begins", "text"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"<!DOCTYPE html><html></html>", "an HTML page"),
        (b"/9j/4AAQSkZJRgABAQAAAQ==", "base64 text, which is to be decoded first"),
        (b"data:image/png;base64,iVBORw0KGgo=", "a data: URL, which is to be decoded first"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF"),
        (b"\0\0\0\x1cftypheic\0\0\0\0", "a HEIC image"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "an AVIF image"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "an MP4 or QuickTime video"),
        (b"PK\3\4\x14\0\0\0\x08\0", "a zip archive or an office document"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "a gzip archive"),
        (b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0", "a BigTIFF"),
        (b"\0\x01\x02\x03", "nothing known"),
        (b"\xff", "nothing known"),
    ],
)
def test_what_is_not_an_image_is_told_by_what_it_looks_like(data: bytes, looks_like: str) -> None:
    assert _error(data) == (BadImage, f"not an image: the bytes look like {looks_like}; {WANTED}")


def test_an_empty_image_is_told() -> None:
    assert _error(b"") == (BadImage, f"the image is empty: it has 0 bytes; {WANTED}")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP"])
@pytest.mark.parametrize("share", [0.4, 0.7, 0.95])
def test_a_file_cut_short_is_an_error_and_not_a_grey_half(form: str, share: float) -> None:
    data = _file(_picture(120, 90), form)
    assert _error(data[: int(len(data) * share)]) == (BadImage, f"the {form} is cut short: it ends before its picture does; send the whole file")


@pytest.mark.parametrize(("form", "options"), [("WEBP", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})])
@pytest.mark.parametrize("share", [0.4, 0.7, 0.95])
def test_a_cut_webp_or_tiff_is_an_error_too(form: str, options: dict[str, Any], share: float) -> None:
    data = _file(_picture(120, 90), form, **options)
    kind, message = _error(data[: int(len(data) * share)])
    assert kind is BadImage
    assert "cut short" in message or "incomplete" in message


@pytest.mark.parametrize("form", FORMATS)
def test_a_header_alone_is_an_error(form: str) -> None:
    data = _file(_picture(120, 90), form)
    assert {_error(data[:length])[0] for length in range(1, 40)} == {BadImage}


def test_damaged_data_is_told() -> None:
    data = _file(_picture(120, 90), "PNG")
    damaged = data[:2000] + bytes(200) + data[2200:]
    assert _error(damaged) == (BadImage, f"the PNG {INCOMPLETE}")


def test_too_many_bytes_are_told_before_anything_is_read() -> None:
    assert _error(bytes(1_001), ImageLimits(max_bytes=1_000)) == (
        ImageTooLarge,
        "the image file has 1,001 bytes, more than the 1,000 taken; make the picture smaller or compress it more",
    )


@pytest.mark.parametrize("form", FORMATS)
def test_too_many_pixels_are_told(form: str) -> None:
    data = _file(_picture(101, 100), form)
    assert _error(data, ImageLimits(max_pixels=10_099)) == (
        ImageTooLarge,
        "the image declares 101×100 pixels, more than the 10,099 taken; make it smaller before sending it",
    )
    assert decode(data, ImageLimits(max_pixels=10_100)).size == (101, 100)


def test_too_long_a_shape_is_told() -> None:
    limits = ImageLimits(max_aspect=50)
    assert decode(_file(_picture(2, 100), "PNG"), limits).size == (2, 100)
    assert _error(_file(_picture(101, 2), "PNG"), limits) == (
        ImageTooLarge,
        "the image is 101×2 pixels, a shape longer than the 50:1 taken; cut it into pieces or crop it",
    )


def test_an_image_without_pixels_is_told() -> None:
    message = "the PNG has no pixels: its header gives no width, no height or no known pixel format; save it again"
    assert _error(_png(0, 5)) == (BadImage, message)


def test_metadata_that_unpacks_to_a_bomb_is_told() -> None:
    bomb = b"a\0\0" + zlib.compress(bytes(30_000_000))
    message = "the PNG has a text or colour profile that unpacks to more than a megabyte; save it without metadata"
    assert [_error(_png(1, 1, _chunk(name, bomb))) for name in (b"zTXt", b"iCCP")] == [(BadImage, message)] * 2


def test_a_tiff_of_countless_strips_is_told_before_it_is_opened() -> None:
    assert _error(_tiff(7_000, 7_000, (273, 4, 4_900_000, 122), (278, 4, 1, 1))) == (
        ImageTooLarge,
        "the TIFF is cut into 4,900,000 strips or tiles, more than the 100,000 taken; save it in larger ones",
    )


def test_a_tiff_of_tiles_larger_than_any_picture_is_told() -> None:
    assert _error(_tiff(16, 16, (322, 4, 1, 26_000), (323, 4, 1, 26_000), (324, 4, 1, 8), (325, 4, 1, 9))) == (
        ImageTooLarge,
        "the TIFF has tiles of 26,000×26,000 pixels, more than the 50,000,000 taken; save it in smaller tiles",
    )


def _frame_beyond_its_screen(side: int) -> bytes:
    return b"GIF89a\1\0\1\0\x80\0\0" + bytes(6) + b"," + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x02\x44\x01\0;"


def test_a_gif_whose_frame_outgrows_its_screen_is_told() -> None:
    message = "the GIF declares more pixels than are taken; make it smaller before sending it"
    assert _error(_frame_beyond_its_screen(65_535)) == (ImageTooLarge, message)


BOMBS = """
import resource, sys, struct, zlib
from samekind.errors import SamekindError
from samekind_server.embedding.images import ImageLimits, decode
data = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode(data, ImageLimits())
except SamekindError as error:
    print(error.reason, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000)
else:
    print("decoded")
"""


def _in_a_fresh_process(data: bytes) -> tuple[str, str]:
    done = subprocess.run([sys.executable, "-W", "default", "-c", BOMBS], input=data, capture_output=True, check=True)
    return done.stdout.decode().strip(), done.stderr.decode()


@pytest.mark.parametrize(
    "data",
    [_png(50_000, 50_000), _frame_beyond_its_screen(12_000), _tiff(40_000, 40_000, (273, 4, 1, 8))],
    ids=["png", "gif", "tiff"],
)
def test_a_decompression_bomb_costs_no_memory_and_no_warning(data: bytes) -> None:
    assert _in_a_fresh_process(data) == ("IMAGE_TOO_LARGE True", "")


def test_odd_metadata_leaks_no_warning() -> None:
    odd = _tiff(1, 1, (273, 4, 1, 8), (278, 4, 1, 1), (279, 4, 1, 1), (270, 2, 99_999, 8), (305, 2, 9, 10**6))
    assert _in_a_fresh_process(odd) == ("decoded", "")


# Hostile bytes.


def _decodes_or_is_told(data: bytes) -> None:
    try:
        outcome = decode(data, LIMITS).mode
    except (BadImage, ImageTooLarge) as error:
        outcome = "told" if len(error.message.splitlines()) == 1 else error.message
    assert outcome in {"RGB", "told"}


def _seeds() -> list[bytes]:
    exif = Image.Exif()
    exif[0x0112] = 6
    plain = [_file(_picture(24, 18), form) for form in FORMATS]
    odd = [
        _file(_picture(24, 18), "JPEG", progressive=True, exif=exif),
        _file(_picture(24, 18, "CMYK"), "JPEG"),
        _file(_picture(24, 18, "RGBA"), "PNG", exif=exif),
        _file(_picture(24, 18, "P"), "PNG", transparency=b"\1\2\3"),
        _file(_picture(24, 18), "WEBP", lossless=True, exif=exif),
        _file(_picture(24, 18, "P"), "GIF", save_all=True, append_images=[_picture(24, 18, "P", 1)], transparency=0),
        *(_file(_picture(24, 18), "TIFF", compression=name) for name in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits")),
        _file(Image.fromarray(np.arange(432, dtype=np.uint16).reshape(18, 24)), "TIFF"),
        _file(Image.fromarray(np.arange(432, dtype=np.float32).reshape(18, 24)), "TIFF"),
    ]
    return plain + odd


SEEDS = _seeds()


@given(st.binary(max_size=300), st.sampled_from(SEEDS), st.integers(0, 40))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_random_bytes_after_a_true_beginning_decode_or_are_told(tail: bytes, seed: bytes, kept: int) -> None:
    _decodes_or_is_told(seed[:kept] + tail)


@pytest.mark.parametrize("place", range(len(SEEDS)))
def test_mutations_of_a_file_decode_or_are_told(place: int) -> None:
    chance = random.Random(place)
    for _ in range(60):
        data = bytearray(SEEDS[place])
        for _ in range(chance.choice((1, 2, 8, 40))):
            data[chance.randrange(min(len(data), chance.choice((60, 400, 10_000))))] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
        _decodes_or_is_told(bytes(data))


@pytest.mark.parametrize("place", range(len(SEEDS)))
def test_truncations_of_a_file_decode_or_are_told(place: int) -> None:
    data = SEEDS[place]
    for length in range(0, len(data), max(1, len(data) // 60)):
        _decodes_or_is_told(data[:length])
