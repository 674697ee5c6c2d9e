"""What fields are called where people see them: the `title` in the OpenAPI document, and so the label in a form.

A field is called by its name in words, unless a better one stands here.
"""

from pydantic.fields import ComputedFieldInfo, FieldInfo

TITLES = {
    "train_dataset": "Training rows",
    "eval_dataset": "Held-out rows",
    "suffix": "Name",
    "push_to_hub": "Push to the hub",
    "repo_id": "Repository",
    "rslora": "rsLoRA",
    "dora": "DoRA",
    "parts": "Adapted parts",
    "target_modules": "Adapted layers",
    "fraction": "Part of the rows",
    "num_epochs": "Epochs",
    "max_steps": "Most steps",
    "max_batch_tokens": "Most tokens in a batch",
    "gradient_accumulation_steps": "Gradient accumulation",
    "vision_learning_rate": "Learning rate of the image tower",
    "projector_learning_rate": "Learning rate of the projector",
    "warmup_ratio": "Warm-up",
    "max_grad_norm": "Gradient clipping",
    "neftune_noise_alpha": "NEFTune noise",
    "max_tokens": "Most tokens in a row",
    "group_by_length": "Group rows by length",
    "freeze_language_model": "Freeze the language model",
    "freeze_vision_model": "Freeze the image tower",
    "freeze_projector": "Freeze the projector",
    "generation": "Written answers",
    "max_rows": "Most rows asked",
    "max_new_tokens": "Most tokens in an answer",
    "num_samples": "Answers kept to look at",
    "min_delta": "Least improvement",
    "every": "How often",
    "every_minutes": "Minutes between two, at most",
    "keep_last": "Newest kept",
    "keep_best": "Keep the best",
    "state": "Which state",
    "merged": "Merged model",
    "gpus": "GPUs",
    "cpu_processes": "Processes on the CPU",
    "shard_model": "Shard the model",
    "num_loader_workers": "Processes that load",
    "max_runtime_seconds": "Longest run in seconds",
}
"""By the field's name."""


def title_of(name: str, _: FieldInfo | ComputedFieldInfo) -> str:
    """`learning_rate` → `Learning rate`."""
    return TITLES.get(name, name.replace("_", " ").capitalize())
