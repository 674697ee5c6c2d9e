"""How many held-out digits a model reads, with plain transformers: `python evaluate.py MODEL_FOLDER HELDOUT.jsonl`.

It knows nothing of Tuneyard. Its last line is one JSON object: {"accuracy", "num_correct", "num_rows"}.
"""

import base64
import json
import sys
from io import BytesIO
from pathlib import Path

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

BATCH_SIZE = 64


def read(path: Path) -> list[tuple[Image.Image, str, str]]:
    """Image, question and answer of every row."""
    rows = []
    for line in path.read_text().splitlines():
        asked, answered = json.loads(line)["messages"]
        image, text = asked["content"]
        encoded = image["image_url"]["url"].partition("base64,")[2]
        rows.append((Image.open(BytesIO(base64.b64decode(encoded))).convert("RGB"), text["text"], answered["content"]))
    return rows


@torch.inference_mode()
def answers(folder: str, rows: list[tuple[Image.Image, str, str]]) -> list[str]:
    """What the model says to each image and question."""
    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder).eval()
    said: list[str] = []
    for at in range(0, len(rows), BATCH_SIZE):
        batch = rows[at : at + BATCH_SIZE]
        prompts = [
            processor.apply_chat_template(
                [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}],
                add_generation_prompt=True,
            )
            for _, question, _ in batch
        ]
        images = [[image] for image, _, _ in batch]
        inputs = processor(text=prompts, images=images, padding=True, padding_side="left", return_tensors="pt")
        generated = model.generate(**inputs, max_new_tokens=4)
        new = generated[:, inputs["input_ids"].shape[1] :]
        said += processor.batch_decode(new, skip_special_tokens=True)
    return said


def main(folder: str, heldout: str) -> None:
    """Print the accuracy."""
    rows = read(Path(heldout))
    said = answers(folder, rows)
    num_correct = sum(answer.strip() == right for answer, (_, _, right) in zip(said, rows, strict=True))
    print(json.dumps({"accuracy": num_correct / len(rows), "num_correct": num_correct, "num_rows": len(rows)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
