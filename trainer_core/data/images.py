"""An image out of a data URL, upright and RGB; anything else is refused with a reason."""

import base64
import binascii
import re
import warnings
from io import BytesIO

from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_IMAGE_BYTES = 10 * 1024**2
MAX_IMAGE_PIXELS = 40_000_000
_DATA_URL = re.compile(r"data:image/(png|jpe?g|webp);base64,")
_WHITE = (255, 255, 255)

# Pillow warns above its limit and refuses at twice as much; `_open` refuses above ours.
Image.MAX_IMAGE_PIXELS = MAX_IMAGE_PIXELS
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class InvalidImage(ValueError):
    """It is no image that can be trained on."""


def decode(url: str) -> Image.Image:
    """The image in a data URL, turned upright, in RGB, on white where it was transparent.

    Raises:
        InvalidImage: It is no data URL, or not a whole PNG, JPEG or WebP image, or too large.
    """
    try:
        image = ImageOps.exif_transpose(_open(_bytes_of(url)))
        image.load()
    except InvalidImage:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise InvalidImage(f"not a whole {', '.join(FORMATS)} image: {error}") from error
    return _on_white(image)


def _bytes_of(url: str) -> bytes:
    match = _DATA_URL.match(url)
    if match is None:
        what = "an https URL" if url.startswith(("http://", "https://")) else f"{url[:40]!r}"
        raise InvalidImage(f"{what} is not read; give a data URL: data:image/png;base64,…")
    try:
        encoded = base64.b64decode(url[match.end() :], validate=True)
    except binascii.Error as error:
        raise InvalidImage(f"its base64 is broken: {error}") from error
    if len(encoded) > MAX_IMAGE_BYTES:
        raise InvalidImage(f"{len(encoded)} bytes; an image may have {MAX_IMAGE_BYTES}")
    return encoded


def _open(encoded: bytes) -> Image.Image:
    image = Image.open(BytesIO(encoded), formats=FORMATS)
    if image.width * image.height > MAX_IMAGE_PIXELS:
        raise InvalidImage(f"{image.width} x {image.height} pixels; an image may have {MAX_IMAGE_PIXELS}")
    return image


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    canvas = Image.new("RGB", image.size, _WHITE)
    pixels = image.convert("RGBA")
    canvas.paste(pixels, mask=pixels.getchannel("A"))
    return canvas
