"""`HFAutoModelForImageTextToText` on real, tiny models, and its loss."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from bitsandbytes.nn import Linear4bit
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from transformers import AutoModelForImageTextToText, AutoProcessor, GPT2Config, LlavaProcessor

import trainer_core
from trainer_core.data.encoding import Encoder
from trainer_core.data.reader import Line
from trainer_core.data.rows import Row
from trainer_core.models.parts import language_model, vision_model
from trainer_core.module import HFAutoModelForImageTextToText, masked_cross_entropy

Chat = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def module(starter_dir: Path) -> HFAutoModelForImageTextToText:
    """The starter, loaded; tests leave it as it is."""
    module = HFAutoModelForImageTextToText(str(starter_dir))
    module.configure_model()
    return module


@pytest.fixture(scope="module")
def batch(module: HFAutoModelForImageTextToText, chat: Chat) -> dict[str, torch.Tensor]:
    return Encoder(module.processor)(Line(1, 0, 0), Row.model_validate(chat("seven")))


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(6, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)


@pytest.fixture
def targets() -> torch.Tensor:
    return torch.tensor([0, 1, 2, 3, 4, 0])


def test_class_and_loss_are_exported_by_the_package() -> None:
    exported = (trainer_core.HFAutoModelForImageTextToText, trainer_core.masked_cross_entropy)

    assert exported == (HFAutoModelForImageTextToText, masked_cross_entropy)


def test_loss_without_a_mask_is_cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> None:
    assert torch.equal(masked_cross_entropy(logits, targets), cross_entropy(logits, targets))


def test_masked_positions_do_not_count(logits: torch.Tensor, targets: torch.Tensor) -> None:
    mask = torch.tensor([1, 0, 1, 0, 0, 1])

    loss = masked_cross_entropy(logits, targets, mask)

    assert torch.allclose(loss, cross_entropy(logits[mask == 1], targets[mask == 1]))


def test_loss_takes_batches_as_they_are(logits: torch.Tensor, targets: torch.Tensor) -> None:
    mask = torch.tensor([[1, 1, 0], [0, 1, 1]])

    loss = masked_cross_entropy(logits.view(2, 3, 5), targets.view(2, 3), mask)

    assert torch.equal(loss, masked_cross_entropy(logits, targets, mask.view(-1)))


def test_loss_of_nothing_is_zero_with_a_gradient(logits: torch.Tensor, targets: torch.Tensor) -> None:
    loss = masked_cross_entropy(logits, torch.full_like(targets, -100))

    (gradient,) = torch.autograd.grad(loss, logits)

    assert loss == 0
    assert torch.equal(gradient, torch.zeros_like(logits))


def test_loss_leaves_the_targets_alone(logits: torch.Tensor, targets: torch.Tensor) -> None:
    before = targets.clone()

    masked_cross_entropy(logits, targets, torch.zeros(6))

    assert torch.equal(targets, before)


def test_loss_of_half_precision_is_computed_in_full(logits: torch.Tensor, targets: torch.Tensor) -> None:
    assert masked_cross_entropy(logits.bfloat16(), targets).dtype == torch.float32


def test_shifted_labels_give_the_loss_of_transformers(
    module: HFAutoModelForImageTextToText, batch: dict[str, torch.Tensor]
) -> None:
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    unshifted = torch.nn.functional.pad(batch["labels"][:, :-1], (1, 0), value=-100)

    theirs = module.model(**inputs, labels=unshifted).loss

    assert torch.allclose(module.loss(batch), theirs)


def test_a_step_leaves_its_batch_alone(module: HFAutoModelForImageTextToText, batch: dict[str, torch.Tensor]) -> None:
    before = {name: value.clone() for name, value in batch.items()}

    module.loss(batch)

    assert batch.keys() == before.keys()
    assert all(torch.equal(batch[name], before[name]) for name in batch)


def test_labels_of_another_length_are_refused(
    module: HFAutoModelForImageTextToText, batch: dict[str, torch.Tensor]
) -> None:
    with pytest.raises(ValueError, match="logits are for"):
        module.loss({**batch, "labels": batch["labels"][:, 1:]})


def test_forward_takes_one_batch(module: HFAutoModelForImageTextToText, batch: dict[str, torch.Tensor]) -> None:
    inputs = {name: value for name, value in batch.items() if name != "labels"}

    logits = module(inputs).logits

    assert logits.shape[:2] == batch["input_ids"].shape


def test_a_bare_lightning_trainer_trains_and_validates(starter_dir: Path, batch: dict[str, torch.Tensor]) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir))
    module.configure_model()
    loaded = module.model
    before = next(module.model.parameters()).clone()
    trainer = pl.Trainer(
        accelerator="cpu", max_steps=2, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, log_every_n_steps=1,
    )  # fmt: skip
    batches: Any = DataLoader([batch, batch], batch_size=None)  # type: ignore[arg-type]  # a list is a dataset too

    trainer.fit(module, batches, batches)

    assert module.model is loaded
    assert not torch.equal(next(module.model.parameters()), before)
    assert {"train_loss", "val_loss"} <= trainer.callback_metrics.keys()


def test_processor_is_loaded_when_first_asked_for(starter_dir: Path) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir))
    assert module.tokenizer is None

    processor = module.processor

    assert isinstance(processor, LlavaProcessor)
    assert module.processor is processor
    assert module.tokenizer is processor.tokenizer


def test_processor_can_be_set(starter_dir: Path, module: HFAutoModelForImageTextToText) -> None:
    other = HFAutoModelForImageTextToText(str(starter_dir))

    other.processor = module.processor

    assert other.processor is module.processor


def test_a_text_model_is_loaded_with_its_head(text_model_dir: Path) -> None:
    module = HFAutoModelForImageTextToText(str(text_model_dir))

    module.configure_model()

    assert type(module.model).__name__ == "LlamaForCausalLM"


def test_random_weights_have_the_default_dtype(tmp_path: Path) -> None:
    GPT2Config(n_layer=1, n_embd=8, n_head=1, vocab_size=10).save_pretrained(tmp_path)
    module = HFAutoModelForImageTextToText(str(tmp_path), load_pretrained_weights=False)

    module.configure_model()

    assert {parameter.dtype for parameter in module.model.parameters()} == {torch.bfloat16}


def test_pretrained_weights_keep_their_dtype(module: HFAutoModelForImageTextToText) -> None:
    assert {parameter.dtype for parameter in module.model.parameters()} == {torch.float32}


def test_transform_is_given_the_module(starter_dir: Path) -> None:
    seen: list[pl.LightningModule] = []
    module = HFAutoModelForImageTextToText(str(starter_dir), model_transform=seen.append)

    module.configure_model()

    assert seen == [module]


def test_saved_model_is_plain_transformers(
    module: HFAutoModelForImageTextToText, batch: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    module.save_pretrained(str(tmp_path))

    model = AutoModelForImageTextToText.from_pretrained(tmp_path)

    assert torch.equal(model(**inputs).logits, module.model.eval()(**inputs).logits)
    assert AutoProcessor.from_pretrained(tmp_path).chat_template == module.processor.chat_template


def test_a_state_dict_is_saved_in_place_of_the_weights(module: HFAutoModelForImageTextToText, tmp_path: Path) -> None:
    zeros = {name: torch.zeros_like(value) for name, value in module.state_dict().items()}

    module.save_pretrained(tmp_path, zeros)

    saved = AutoModelForImageTextToText.from_pretrained(tmp_path)
    assert not any(parameter.any() for parameter in saved.parameters())


def test_there_must_be_a_model_to_save(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="configure_model"):
        HFAutoModelForImageTextToText().save_pretrained(tmp_path)


def test_known_special_tokens_are_found(module: HFAutoModelForImageTextToText) -> None:
    tokenizer = module.processor.tokenizer

    found = HFAutoModelForImageTextToText.extract_skipped_token_ids(module.processor)

    assert found.dtype == torch.int32
    assert sorted(tokenizer.convert_ids_to_tokens(found.tolist())) == ["<image>", "<pad>"]


def test_without_a_tokenizer_no_special_token_is_found() -> None:
    assert HFAutoModelForImageTextToText.extract_skipped_token_ids(None).tolist() == []


def trained(part: torch.nn.Module | None) -> Iterator[bool]:
    assert part is not None
    return (parameter.requires_grad for parameter in part.parameters())


def test_frozen_vision_model_is_not_trained(starter_dir: Path) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir), freeze_vision_model=True)

    module.configure_model()

    assert not any(trained(vision_model(module.model)))
    assert all(trained(language_model(module.model)))


def test_frozen_language_model_is_not_trained(starter_dir: Path) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir), freeze_language_model=True)

    module.configure_model()

    assert not any(trained(language_model(module.model)))
    assert all(trained(vision_model(module.model)))


def test_freezing_what_is_not_there_is_refused(text_model_dir: Path) -> None:
    module = HFAutoModelForImageTextToText(str(text_model_dir), freeze_vision_model=True)

    with pytest.raises(ValueError, match="no image tower"):
        module.configure_model()


def test_four_bits_hold_the_language_model_alone(starter_dir: Path) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir), load_in_4bit=True)

    module.configure_model()

    quantised = {name for name, layer in module.model.named_modules() if isinstance(layer, Linear4bit)}
    linear = {name for name, layer in module.model.named_modules() if isinstance(layer, torch.nn.Linear)}
    assert quantised == {name for name in linear if "language_model" in name}
    assert quantised
