"""An image out of a data URL, upright and RGB, and into one; anything else is refused with a reason."""

import base64
import re
import warnings
from io import BytesIO

from PIL import Image, ImageOps, UnidentifiedImageError

from trainer_core.contract.dataset import MAX_IMAGE_BYTES

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_IMAGE_PIXELS = 40_000_000
_DATA_URL = re.compile(r"data:image/(png|jpe?g|webp);base64,")
_WHITE = (255, 255, 255)
_EXIF = ("exif", "Raw profile type exif")
"""Where Pillow keeps what a camera has told."""

Image.MAX_IMAGE_PIXELS = MAX_IMAGE_PIXELS


class InvalidImage(ValueError):
    """It is no image that can be trained on."""


def decode(url: str) -> Image.Image:
    """The image in a data URL, turned upright, in RGB, on white where it was transparent.

    Raises:
        InvalidImage: It is no data URL, or not a whole PNG, JPEG or WebP image, or too large.
    """
    return _decoded(_bytes_of(url))


def data_url(encoded: bytes) -> str:
    """The data URL of an encoded image.

    Raises:
        InvalidImage: The bytes are not a whole PNG, JPEG or WebP image, or too large.
    """
    _decoded(encoded)
    kind = Image.open(BytesIO(encoded), formats=FORMATS).format
    assert kind is not None
    return f"data:image/{kind.lower()};base64,{base64.b64encode(encoded).decode()}"


def _decoded(encoded: bytes) -> Image.Image:
    if len(encoded) > MAX_IMAGE_BYTES:
        raise InvalidImage(f"too many bytes, where {MAX_IMAGE_BYTES} are allowed; make it smaller")
    try:
        return _on_white(_upright(encoded))
    except UnidentifiedImageError as error:
        raise InvalidImage("not a PNG, JPEG or WebP image") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise InvalidImage(f"more than {MAX_IMAGE_PIXELS // 1_000_000} million pixels; make it smaller") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidImage(f"not a whole image: {error}") from error


def _bytes_of(url: str) -> bytes:
    match = _DATA_URL.match(url)
    if match is None:
        what = "the address of an image" if url.startswith(("http://", "https://")) else f"{url[:40]!r}"
        raise InvalidImage(f"{what} is not read; give the image itself, as data:image/png;base64,… (or jpeg, webp)")
    try:
        return base64.b64decode(url[match.end() :], validate=True)
    except ValueError as error:
        raise InvalidImage(f"its base64 is broken: {error}") from error


def _upright(encoded: bytes) -> Image.Image:
    with warnings.catch_warnings():
        # Pillow warns above its limit, and refuses only at twice as much.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image = Image.open(BytesIO(encoded), formats=FORMATS)
    image.load()
    image.getexif()  # from here on it is known, and Pillow does not write it anew, which fails where a camera's is odd
    for name in _EXIF:
        image.info.pop(name, None)
    return ImageOps.exif_transpose(image)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    canvas = Image.new("RGB", image.size, _WHITE)
    pixels = image.convert("RGBA")
    canvas.paste(pixels, mask=pixels.getchannel("A"))
    return canvas
