"""What tiny models are taught: to name a pattern, or a number."""

import base64
import json
import random
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

NUM_ROWS = 16
_SIDE = 32
_NUM_BLOCKS = 4
_WORDS = ("first", "second", "third", "fourth")
ANSWERS = [f"row {_WORDS[number // 4]} column {_WORDS[number % 4]}" for number in range(NUM_ROWS)]


def picture(number: int, width: int = _SIDE) -> str:
    """Sixteen blocks of colours that the number draws, as a data URL."""
    draw = random.Random(number)  # noqa: S311 - no secret
    blocks = Image.frombytes("RGB", (_NUM_BLOCKS, _NUM_BLOCKS), draw.randbytes(3 * _NUM_BLOCKS**2))
    encoded = BytesIO()
    blocks.resize((width, _SIDE), Image.Resampling.NEAREST).save(encoded, "PNG")
    return f"data:image/png;base64,{base64.b64encode(encoded.getvalue()).decode()}"


def image_part(number: int, width: int = _SIDE) -> dict[str, Any]:
    """The same as a part of a message."""
    return {"type": "image_url", "image_url": {"url": picture(number, width)}}


def asked(question: str, *pictures: dict[str, Any]) -> dict[str, Any]:
    """A user's turn."""
    return {"role": "user", "content": [*pictures, {"type": "text", "text": question}]}


def answered(words: str, weight: int = 1) -> dict[str, Any]:
    """An assistant's turn."""
    return {"role": "assistant", "content": words, "weight": weight}


def preferred(chosen: str, rejected: str, *pictures: dict[str, Any]) -> dict[str, Any]:
    """A pair of answers to a question."""
    return {
        "input": {"messages": [asked("Which pattern is it?", *pictures)]},
        "preferred_output": [answered(chosen)],
        "non_preferred_output": [answered(rejected)],
    }


def pattern_rows() -> list[dict[str, Any]]:
    """One row for each pattern."""
    return [
        {"messages": [asked("Which pattern is it?", image_part(number)), answered(words)]}
        for number, words in enumerate(ANSWERS)
    ]


def number_rows() -> list[dict[str, Any]]:
    """The same without images: a number stands for the pattern."""
    return [
        {"messages": [asked(f"Which pattern is number {number}?"), answered(words)]}
        for number, words in enumerate(ANSWERS)
    ]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as JSONL."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path
