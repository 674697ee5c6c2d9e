"""Job specs that /docs shows; a test submits each of them."""

from fastapi.openapi.models import Example

SPECS: dict[str, Example] = {
    "shortest": Example(summary="Every default", value={"base_model": "starter", "train_dataset": "file-01k0"}),
    "lora": Example(
        summary="LoRA on a hub model, evaluated on a tenth of the rows",
        value={
            "base_model": "HuggingFaceTB/SmolVLM-256M-Instruct",
            "train_dataset": "file-01k0",
            "eval_dataset": {"fraction": 0.1},
            "method": {"type": "lora", "rank": 16, "alpha": 32, "quantization": "nf4"},
            "hyperparameters": {"num_epochs": 3, "batch_size": 4, "learning_rate": 0.0002},
            "checkpointing": {"every": 100, "keep_last": 2},
            "suffix": "receipts",
            "metadata": {"ticket": "ML-12"},
            "priority": 10,
        },
    ),
}
