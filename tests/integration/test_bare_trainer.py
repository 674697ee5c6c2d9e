"""The model class under a bare Lightning `Trainer`: validated, saved, resumed, with an adapter beside 4-bit weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch.utils.data import DataLoader

from trainer_core.data.encoding import Encoder
from trainer_core.data.reader import Line
from trainer_core.data.rows import Row
from trainer_core.models.loading import load_processor
from trainer_core.module import HFAutoModelForImageTextToText


@pytest.fixture(scope="module")
def batches(starter_dir: Path, chat: Callable[..., dict[str, Any]]) -> Any:
    """Two batches of a picture each."""
    encoder = Encoder(load_processor(str(starter_dir)))
    rows = [encoder(Line(number, 0, 0), Row.model_validate(chat(str(number), shade=number))) for number in (1, 200)]
    return DataLoader(rows, batch_size=None)  # type: ignore[arg-type]  # a list is a dataset too


class Smooth(HFAutoModelForImageTextToText):
    """With an optimizer that has a state, but does not blow rounding errors up as Adam does."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.trainable_parameters(), lr=0.05, momentum=0.9)


def bare_trainer(max_steps: int) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu", max_steps=max_steps, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, log_every_n_steps=1,
    )  # fmt: skip


def add_lora(module: Any) -> None:
    """Put an adapter beside the model, as a `model_transform` does."""
    config = LoraConfig(r=2, lora_dropout=0.5, target_modules=["q_proj", "v_proj"])
    module.model = get_peft_model(module.freeze().model, config)


def weights_of(module: pl.LightningModule) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def test_it_is_trained_and_validated(starter_dir: Path, batches: Any) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir))
    module.configure_model()
    loaded, before = module.model, weights_of(module)
    trainer = bare_trainer(max_steps=2)

    trainer.fit(module, batches, batches)

    assert module.model is loaded
    assert any(not torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert {"train_loss", "val_loss"} <= trainer.callback_metrics.keys()


def test_its_validation_loss_is_the_mean_over_the_batches(starter_dir: Path, batches: Any) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir))

    [metrics] = bare_trainer(max_steps=1).validate(module, batches, verbose=False)

    with torch.no_grad():
        losses = torch.stack([module.loss(batch) for batch in batches])
    assert metrics["val_loss_epoch"] == pytest.approx(float(losses.mean()), rel=1e-5)


def test_a_checkpoint_holds_nothing_that_has_to_be_unpickled(starter_dir: Path, batches: Any, tmp_path: Path) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir), processor=load_processor(str(starter_dir)))
    trainer = bare_trainer(max_steps=1)
    trainer.fit(module, batches)

    trainer.save_checkpoint(tmp_path / "one.ckpt")

    kept = torch.load(tmp_path / "one.ckpt", weights_only=True)
    assert kept["state_dict"].keys() == module.state_dict().keys()


def test_a_resumed_run_ends_as_one_that_was_not_interrupted(starter_dir: Path, batches: Any, tmp_path: Path) -> None:
    # Always the same batch: in which order Lightning goes on is its own business.
    batch: Any = DataLoader([next(iter(batches))], batch_size=None)  # type: ignore[arg-type]
    whole = Smooth(str(starter_dir))
    bare_trainer(max_steps=4).fit(whole, batch)
    first = bare_trainer(max_steps=2)
    first.fit(Smooth(str(starter_dir)), batch)
    first.save_checkpoint(tmp_path / "two.ckpt")

    resumed = Smooth(str(starter_dir))
    bare_trainer(max_steps=4).fit(resumed, batch, ckpt_path=tmp_path / "two.ckpt")

    torch.testing.assert_close(weights_of(resumed), weights_of(whole))


def test_a_checkpoint_is_loaded_into_a_new_object(starter_dir: Path, batches: Any, tmp_path: Path) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir))
    trainer = bare_trainer(max_steps=1)
    trainer.fit(module, batches)
    trainer.save_checkpoint(tmp_path / "one.ckpt")

    loaded = HFAutoModelForImageTextToText.load_from_checkpoint(tmp_path / "one.ckpt", model_name=str(starter_dir))

    torch.testing.assert_close(weights_of(loaded), weights_of(module), rtol=0, atol=0)


def test_an_adapter_is_trained_beside_4_bit_weights(starter_dir: Path, batches: Any, tmp_path: Path) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir), load_in_4bit=True, model_transform=add_lora)
    module.configure_model()
    before = weights_of(module)

    bare_trainer(max_steps=2).fit(module, batches)

    after = weights_of(module)
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed
    assert all("lora_" in name for name in changed)
    module.save_pretrained(tmp_path)
    assert (tmp_path / "adapter_model.safetensors").exists()


def test_a_transform_that_freezes_leaves_no_module_in_evaluation_mode(starter_dir: Path) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir), model_transform=add_lora)

    module.configure_model()

    assert isinstance(module.model, PeftModel)
    assert [name for name, layer in module.named_modules() if not layer.training] == []
