"""Chats about handwritten digits, as long as a benchmark wants them, in OpenAI's format."""

import base64
import json
import random
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from sklearn.datasets import load_digits

from benchmarks.smolvlm import IMAGE_SIDE

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FILLERS = NUMBERS[1:]
"""Those that are a token each."""
DARKEST = 16
"""What the digits count as full ink."""


def write_rows(path: Path, num_rows: int, *, question_words: int = 4, answer_words: int = 1) -> None:
    """Write rows of one image each, no two alike; a further word of question or answer is a token."""
    digits: Any = load_digits()
    chance = random.Random(0)  # noqa: S311 - words to fill rows with
    with path.open("w", encoding="utf-8") as file:
        for pixels, digit in zip(digits.images[:num_rows], digits.target[:num_rows], strict=True):
            asked = " ".join(["Which number is it?", *chance.choices(FILLERS, k=question_words - 4)])
            answer = " ".join([NUMBERS[digit], *chance.choices(FILLERS, k=answer_words - 1)])
            file.write(_row(_data_url(pixels), asked, answer) + "\n")


def _row(picture: str, asked: str, answer: str) -> str:
    parts = [{"type": "image_url", "image_url": {"url": picture}}, {"type": "text", "text": asked}]
    return json.dumps({"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": answer}]})


def _data_url(pixels: Any) -> str:
    drawn = Image.fromarray((pixels * (255 / DARKEST)).astype("uint8")).convert("RGB")
    encoded = BytesIO()
    drawn.resize((IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.BICUBIC).save(encoded, "PNG")
    return f"data:image/png;base64,{base64.b64encode(encoded.getvalue()).decode()}"
