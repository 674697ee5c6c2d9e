"""Images out of data URLs."""

import base64
import struct
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from trainer_core.data import images
from trainer_core.data.images import InvalidImage, decode


def url_of(image: Image.Image, **how: object) -> str:
    encoded = BytesIO()
    image.save(encoded, "PNG", **how)
    return f"data:image/png;base64,{base64.b64encode(encoded.getvalue()).decode()}"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_three_formats_are_read(png_url: Callable[..., str], kind: str) -> None:
    image = decode(png_url(size=(5, 3), kind=kind))

    assert (image.mode, image.size) == ("RGB", (5, 3))


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "I;16"])
def test_every_colour_mode_becomes_rgb(mode: str) -> None:
    assert decode(url_of(Image.new(mode, (2, 2)))).mode == "RGB"


def test_an_image_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: a quarter turn

    image = decode(url_of(Image.new("RGB", (5, 3)), exif=exif))

    assert image.size == (3, 5)


def test_an_image_is_turned_upright_whatever_else_its_camera_told() -> None:
    turned = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    odd = struct.pack("<HHI4s", 0x011A, 2, 4, b"odd\0")  # a resolution that is a text
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + turned + odd + struct.pack("<I", 0)

    image = decode(url_of(Image.new("RGB", (5, 3)), exif=exif))

    assert image.size == (3, 5)


def test_what_is_transparent_becomes_white() -> None:
    image = decode(url_of(Image.new("RGBA", (1, 1), (0, 0, 0, 0))))

    assert image.getpixel((0, 0)) == (255, 255, 255)


def test_too_many_pixels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)

    with pytest.raises(InvalidImage, match="million pixels"):
        decode(url_of(Image.new("1", (11, 11))))


def test_too_many_bytes_are_refused(png_url: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_IMAGE_BYTES", 50)

    with pytest.raises(InvalidImage, match="where 50 are allowed"):
        decode(png_url())


def test_a_cut_image_is_refused() -> None:
    head, _, encoded = url_of(Image.effect_noise((64, 64), 50)).partition(",")

    with pytest.raises(InvalidImage, match="not a whole image"):
        decode(f"{head},{encoded[:1000]}")


def test_a_format_is_not_believed() -> None:
    encoded = BytesIO()
    Image.new("P", (4, 4)).save(encoded, "GIF")

    with pytest.raises(InvalidImage, match="not a PNG"):
        decode(f"data:image/png;base64,{base64.b64encode(encoded.getvalue()).decode()}")
