"""Adapters of earlier jobs become a base model that computes what they did."""

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from trainer_core.contract.sources import ModelSource
from trainer_core.contract.spec import JobSpec, Lora
from trainer_core.models.adapters import add_adapter
from trainer_core.models.assembly import assemble
from trainer_core.models.loading import load_model, load_processor
from trainer_core.training.continuing import on_adapters

IDS = torch.tensor([[5, 6, 7, 8]])


def adapter(source: ModelSource, folder: Path, seed: int) -> ModelSource:
    """An adapter that changes what a model computes, on top of all before."""
    torch.manual_seed(seed)
    base: Any = assemble(source, torch.float32)
    merged = base.merge_and_unload() if isinstance(base, PeftModel) else base
    model = add_adapter(merged, Lora(rank=2, dropout=0.0), None)
    for name, weight in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.2)
    model.save_pretrained(str(folder))
    return source.model_copy(update={"adapters": (*source.adapters, str(folder))})


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(input_ids=IDS).logits
    return found


def test_adapters_on_adapters_are_merged_in_their_order(starter_dir: Path, tmp_path: Path) -> None:
    base = ModelSource(base_model=str(starter_dir))
    source = adapter(adapter(base, tmp_path / "first", 1), tmp_path / "second", 2)
    spec = JobSpec(base_model=str(starter_dir), train_dataset="rows.jsonl")

    made = on_adapters(spec, [Path(one) for one in source.adapters], tmp_path / "run" / "base")

    merged, beside, before = (
        logits(model)
        for model in (
            load_model(made.base_model, dtype=torch.float32),
            assemble(source, torch.float32),
            assemble(base, torch.float32),
        )
    )
    torch.testing.assert_close(merged, beside, atol=1e-3, rtol=1e-3)
    assert (merged - before).abs().max() > 0.1
    assert load_processor(made.base_model).chat_template


def test_a_base_model_that_is_there_is_not_made_again(starter_dir: Path, tmp_path: Path) -> None:
    source = adapter(ModelSource(base_model=str(starter_dir)), tmp_path / "adapter", 1)
    spec = JobSpec(base_model=str(starter_dir), train_dataset="rows.jsonl")
    adapters = [Path(one) for one in source.adapters]
    made = on_adapters(spec, adapters, tmp_path / "base")
    before = (Path(made.base_model) / "model.safetensors").stat().st_mtime_ns

    again = on_adapters(spec, adapters, tmp_path / "base")

    assert again == made
    assert (Path(made.base_model) / "model.safetensors").stat().st_mtime_ns == before
