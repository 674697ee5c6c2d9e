"""A sample as a person can read it: its text, what of it is trained on, and what is left of its images.

T tokens of the sample.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from trainer_core.contract.report import PreviewImage, PreviewPiece, PreviewSample
from trainer_core.data.encoding import IGNORED, Encoded


def preview(encoded: Encoded, line: int, tokenizer: Any) -> PreviewSample:
    """Show an encoded sample."""
    labels = encoded.tensors["labels"][0]
    return PreviewSample(
        line=line,
        num_tokens=len(labels),
        num_supervised_tokens=int((labels != IGNORED).sum()),
        pieces=tuple(_pieces(encoded, tokenizer)),
        images=tuple(_images(encoded)),
    )


def _pieces(encoded: Encoded, tokenizer: Any) -> Iterator[PreviewPiece]:
    ids: list[int] = encoded.tensors["input_ids"][0].tolist()
    is_target = [False, *(label != IGNORED for label in encoded.tensors["labels"][0, :-1].tolist())]
    kinds = zip(encoded.is_image.tolist(), is_target, strict=True)
    for (is_image, is_trained), group in groupby(zip(kinds, ids, strict=True), key=lambda one: one[0]):
        chosen = [token for _, token in group]
        text = f"<image*{len(chosen)}>" if is_image else tokenizer.decode(chosen, skip_special_tokens=False)
        yield PreviewPiece(text=text, is_trained=is_trained)


def _images(encoded: Encoded) -> Iterator[PreviewImage]:
    """Tokens and pixels of several images are told in equal parts, since processors do not tell them apart."""
    num_images = len(encoded.sizes)
    for size, original in zip(encoded.sizes, encoded.original_sizes, strict=True):
        yield PreviewImage(
            width=original[0],
            height=original[1],
            used_width=size[0],
            used_height=size[1],
            num_tokens=int(encoded.is_image.sum()) // num_images,
            pixels_kept=pixels_kept(encoded),
        )


def pixels_kept(encoded: Encoded) -> float:
    """Which part of the pictures' pixels the model is given; small text is lost where it is far below 1."""
    pixels = encoded.tensors.get("pixel_values")
    num_original = sum(width * height for width, height in encoded.original_sizes)
    if pixels is None or not num_original:
        return 1.0
    return min(1.0, pixels.numel() / 3 / num_original)
