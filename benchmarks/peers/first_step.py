"""A plain fine-tuning script: `python first_step.py MODEL ROWS.jsonl lora|full` prints when its first step ended.

It knows nothing of Tuneyard; images are decoded and rows encoded as batches need them.
"""

import base64
import json
import sys
import time
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from peft import LoraConfig, get_peft_model
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, Trainer, TrainerCallback, TrainingArguments


class Clock(TrainerCallback):
    """Tells when a step ended."""

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Print the time of day, in seconds."""
        print(f"first step ended at {time.time()}", flush=True)


def main(model_dir: str, rows_path: str, method: str) -> None:
    """Train one step."""
    processor: Any = AutoProcessor.from_pretrained(model_dir)
    model: Any = AutoModelForImageTextToText.from_pretrained(model_dir)
    if method == "lora":
        model = get_peft_model(model, LoraConfig(r=16, target_modules="all-linear"))

    def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
        texts, images = [], []
        for row in rows:
            asked, answered = row["messages"]
            [picture, question] = asked["content"]
            url = picture["image_url"]["url"]
            images.append([Image.open(BytesIO(base64.b64decode(url.partition("base64,")[2]))).convert("RGB")])
            answer = {"role": "assistant", "content": [{"type": "text", "text": answered["content"]}]}
            user = {"role": "user", "content": [{"type": "image"}, question]}
            texts.append(processor.apply_chat_template([user, answer], tokenize=False))
        batch = processor(text=texts, images=images, return_tensors="pt", padding=True)
        labels = batch["input_ids"].clone()
        labels[batch["attention_mask"] == 0] = -100
        return {**batch, "labels": labels}

    rows: Any = [json.loads(line) for line in Path(rows_path).read_text().splitlines()]
    with TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            max_steps=1,
            per_device_train_batch_size=32,
            learning_rate=1e-3,
            remove_unused_columns=False,
            report_to="none",
            save_strategy="no",
        )
        Trainer(model, arguments, data_collator=collate, train_dataset=rows, callbacks=[Clock()]).train()


if __name__ == "__main__":
    main(*sys.argv[1:])
