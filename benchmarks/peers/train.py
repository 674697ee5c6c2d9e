"""`python train.py JOB.json`: the job that Tuneyard is measured by, trained with TRL or with transformers' Trainer.

It runs in an environment of its own (`make bench-setup`) and knows nothing of Tuneyard. It tells of its steps as
Tuneyard's trainer does: JSON lines on stdout.
"""

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

import torch
from datasets import Dataset, Image, List
from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

ADAPTED = r".*text_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
"""The language model's linear layers."""
Job = dict[str, Any]


class Telling(TrainerCallback):
    """One line when training begins, one a step."""

    def __init__(self, told: TextIO) -> None:
        self._told = told

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Model and data are there."""
        del args, control
        self._tell(type="run_started", total_steps=state.max_steps)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **_: object
    ) -> None:
        """A step is done: the trainer logs each one."""
        del args, control
        if logs and "loss" in logs:
            self._tell(type="step_completed", step=state.global_step, loss=float(logs["loss"]))

    def _tell(self, **event: object) -> None:
        print(json.dumps(event), file=self._told, flush=True)


def read_rows(job: Job) -> Dataset:
    """The job's chats as prompts and completions with their images, in the order in which they are trained on."""
    lines = Path(job["rows"]).read_text(encoding="utf-8").splitlines()
    chats = [json.loads(lines[index])["messages"] for index in job["order"]]
    rows = [
        {
            "prompt": [{"role": "user", "content": _words(asked)}],
            "completion": [{"role": "assistant", "content": answered["content"]}],
            "images": [{"bytes": picture, "path": None} for picture in _pictures(asked)],
        }
        for asked, answered in chats
    ]
    return Dataset.from_list(rows).cast_column("images", List(Image()))


def _words(asked: dict[str, Any]) -> str:
    return "".join(part["text"] for part in asked["content"] if part["type"] == "text")


def _pictures(asked: dict[str, Any]) -> list[bytes]:
    urls = [part["image_url"]["url"] for part in asked["content"] if part["type"] == "image_url"]
    return [base64.b64decode(url.partition(",")[2]) for url in urls]


def settings(job: Job) -> dict[str, Any]:
    """What both trainers are asked for; the rest is as it comes."""
    return {
        "output_dir": job["output_dir"],
        "max_steps": job["max_steps"],
        "per_device_train_batch_size": job["batch_size"],
        "learning_rate": job["learning_rate"],
        "lr_scheduler_type": "constant",
        "train_sampling_strategy": "sequential",  # the rows come in the order of the job
        "gradient_checkpointing": job["gradient_checkpointing"],
        "bf16": False,
        "use_cpu": True,
        "seed": job["seed"],
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "remove_unused_columns": False,
    }


def make_trainer(job: Job, told: TextIO) -> Trainer:
    """The trainer that the job names."""
    lora = LoraConfig(
        r=job["rank"], lora_alpha=job["alpha"], lora_dropout=0.0, target_modules=ADAPTED, task_type="CAUSAL_LM"
    )
    processor, rows = AutoProcessor.from_pretrained(job["model"]), read_rows(job)
    set_seed(job["seed"])
    model = AutoModelForImageTextToText.from_pretrained(job["model"], dtype=torch.float32)
    parts: dict[str, Any] = {"train_dataset": rows, "processing_class": processor, "callbacks": [Telling(told)]}
    if job["library"] == "trl":
        trainer: Trainer = SFTTrainer(model, SFTConfig(**settings(job), max_length=None), peft_config=lora, **parts)
        return trainer
    return Trainer(
        get_peft_model(model, lora),
        TrainingArguments(**settings(job)),
        # TRL's, so that both read the same batches.
        data_collator=DataCollatorForVisionLanguageModeling(processor, completion_only_loss=True),
        **parts,
    )


def main() -> None:
    """Train; stdout is for events alone."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    make_trainer(job, told).train()


if __name__ == "__main__":
    main()
