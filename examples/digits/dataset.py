"""Real handwritten digits as chats: `python dataset.py FOLDER` writes 1,400 to train on and 397 that are held out.

The digits are scikit-learn's (UCI ML hand-written digits, 8 by 8 pixels), in OpenAI's format for fine-tuning on images.
"""

import base64
import json
import sys
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

NUM_TRAIN_ROWS = 1400
SEED = 0
SIDE = 32
"""Pixels of the written pictures."""
DARKEST = 16
"""What the digits count as full ink."""
QUESTION = "Which digit is this?"


def data_url(pixels: Any) -> str:
    """A digit as a PNG in a data URL."""
    image = Image.fromarray((pixels * (255 / DARKEST)).astype("uint8")).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    encoded = BytesIO()
    image.save(encoded, "PNG")
    return f"data:image/png;base64,{base64.b64encode(encoded.getvalue()).decode()}"


def row(pixels: Any, digit: int) -> str:
    """One conversation about one digit."""
    picture = {"type": "image_url", "image_url": {"url": data_url(pixels)}}
    asked = {"role": "user", "content": [picture, {"type": "text", "text": QUESTION}]}
    return json.dumps({"messages": [asked, {"role": "assistant", "content": str(digit)}]})


def write(path: Path, images: Iterable[Any], digits: Iterable[int]) -> None:
    """Write one conversation a line."""
    path.write_text("".join(f"{row(pixels, digit)}\n" for pixels, digit in zip(images, digits, strict=True)))


def main(folder: Path) -> None:
    """Write `train.jsonl` and `heldout.jsonl`, each with its share of every digit."""
    found = load_digits()
    train_images, heldout_images, train_digits, heldout_digits = train_test_split(
        found.images, found.target, train_size=NUM_TRAIN_ROWS, random_state=SEED, stratify=found.target
    )
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "train.jsonl", train_images, train_digits)
    write(folder / "heldout.jsonl", heldout_images, heldout_digits)
    print(f"{len(train_images)} digits to train on and {len(heldout_images)} held out in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
