"""Low-rank adapters, by peft: on the language model unless the spec names other layers."""

from pathlib import Path

from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training
from transformers import PreTrainedModel

from trainer_core.contract.spec import Lora
from trainer_core.models.parts import language_model, linear_names


def add_adapter(model: PreTrainedModel, lora: Lora, checkpoint: Path | None) -> PeftModel:
    """Freeze the model and put an adapter beside it: a new one, or that of a checkpoint.

    Raises:
        ValueError: The spec names layers that the model does not have.
    """
    if lora.quantization != "none":
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    if checkpoint is not None:
        return PeftModel.from_pretrained(model, checkpoint, is_trainable=True)
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.target_modules or linear_names(model, language_model(model))),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)
