"""`HFAutoModelForImageTextToText` on real, tiny models, and its loss."""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch.nn.functional import cross_entropy
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    GPT2Config,
    LlavaProcessor,
    PreTrainedTokenizerBase,
)

import trainer_core
from trainer_core.data.collation import collate
from trainer_core.data.encoding import Encoder
from trainer_core.data.reader import Line
from trainer_core.data.rows import Row
from trainer_core.models.recording import IOMixin
from trainer_core.models.walking import FNMixin
from trainer_core.module import HFAutoModelForImageTextToText, masked_cross_entropy

Chat = Callable[..., dict[str, Any]]
SEED_PARAMETERS = {
    "model_name": "gpt2",
    "load_pretrained_weights": True,
    "processor": None,
    "loss_fn": masked_cross_entropy,
    "model_transform": None,
    "trust_remote_code": False,
    "default_dtype": torch.bfloat16,
    "load_in_4bit": False,
}
"""Of the class that this one stands for, in its order."""


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


def test_the_class_is_a_lightning_module_with_both_mixins() -> None:
    assert issubclass(HFAutoModelForImageTextToText, pl.LightningModule)
    assert issubclass(HFAutoModelForImageTextToText, IOMixin)
    assert issubclass(HFAutoModelForImageTextToText, FNMixin)


def test_parameters_and_defaults_are_those_of_the_original() -> None:
    parameters = inspect.signature(HFAutoModelForImageTextToText).parameters.values()

    assert [(one.name, one.default) for one in parameters][:8] == list(SEED_PARAMETERS.items())


def test_every_argument_is_an_attribute() -> None:
    module = HFAutoModelForImageTextToText()

    attributes = {name: getattr(module, name) for name in SEED_PARAMETERS if name != "processor"}

    assert attributes == {name: value for name, value in SEED_PARAMETERS.items() if name != "processor"}
    assert (vars(module)["_processor"], module.tokenizer, module.model) == (None, None, None)
    assert module.is_hf_model


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


def test_shifted_labels_give_the_loss_of_transformers_for_text(text_model_dir: Path, chat: Chat) -> None:
    module = HFAutoModelForImageTextToText(str(text_model_dir))
    module.configure_model()
    batch = Encoder(module.processor)(Line(1, 0, 0), Row.model_validate(chat("seven", shade=None)))
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    unshifted = torch.nn.functional.pad(batch["labels"][:, :-1], (1, 0), value=-100)

    theirs = module.model(**inputs, labels=unshifted).loss

    assert torch.allclose(module.loss(batch), theirs)


def test_a_mask_covers_every_row_of_a_batch(
    module: HFAutoModelForImageTextToText, batch: dict[str, torch.Tensor], chat: Chat
) -> None:
    other = Encoder(module.processor)(Line(2, 0, 0), Row.model_validate(chat("a longer answer", shade=9)))
    both = collate([batch, other], module.processor.tokenizer.pad_token_id)
    mask = torch.ones_like(both["labels"])
    mask[1] = 0

    loss = module.loss({**both, "loss_mask": mask})

    assert torch.allclose(loss, module.loss(batch), atol=1e-5)


def test_labels_may_be_a_slice_of_others(module: HFAutoModelForImageTextToText, batch: dict[str, torch.Tensor]) -> None:
    wide = torch.cat([batch["labels"], batch["labels"]], dim=1)
    sliced = torch.cat([wide, wide])[:, : batch["labels"].shape[1]]
    twice = collate([batch, batch], 0)

    loss = module.loss({**twice, "labels": sliced})

    assert not sliced.is_contiguous()
    assert torch.allclose(loss, module.loss(batch), atol=1e-5)


def test_a_batch_without_a_target_has_a_loss_of_0_with_gradients(
    starter_dir: Path, batch: dict[str, torch.Tensor]
) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir))
    module.configure_model()

    loss = module.loss({**batch, "labels": torch.full_like(batch["labels"], -100)})
    torch.autograd.backward(loss)

    assert loss == 0
    assert all(not weight.grad.any() for weight in module.parameters() if weight.grad is not None)
    assert any(weight.grad is not None for weight in module.parameters())


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


def test_processor_can_be_set_again(starter_dir: Path, text_model_dir: Path) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir))
    tokenizer = HFAutoModelForImageTextToText.configure_processor(str(text_model_dir))
    assert module.processor is not tokenizer

    module.processor = tokenizer

    assert module.processor is tokenizer
    assert module.tokenizer is tokenizer


def test_what_is_wrong_with_a_processor_is_told(own_starter_dir: Path) -> None:
    (own_starter_dir / "processor_config.json").write_text("[]")
    module = HFAutoModelForImageTextToText(str(own_starter_dir))

    with pytest.raises(RuntimeError, match=r"the processor of .* cannot be loaded: 'list' object"):
        _ = module.processor


def test_a_text_model_has_its_tokenizer_for_a_processor(text_model_dir: Path) -> None:
    module = HFAutoModelForImageTextToText(str(text_model_dir))

    assert isinstance(module.processor, PreTrainedTokenizerBase)
    assert module.tokenizer is module.processor


def test_a_text_model_is_loaded_with_its_head(text_model_dir: Path) -> None:
    module = HFAutoModelForImageTextToText(str(text_model_dir))

    module.configure_model()

    assert type(module.model).__name__ == "LlamaForCausalLM"


def test_random_weights_have_the_default_dtype(tmp_path: Path) -> None:
    GPT2Config(n_layer=1, n_embd=8, n_head=1, vocab_size=10).save_pretrained(tmp_path)
    module = HFAutoModelForImageTextToText(str(tmp_path), load_pretrained_weights=False)

    module.configure_model()

    assert {parameter.dtype for parameter in module.model.parameters()} == {torch.bfloat16}


def test_random_weights_take_further_arguments(starter_dir: Path) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir), load_pretrained_weights=False, attn_implementation="eager")

    module.configure_model()

    assert module.model.config.get_text_config()._attn_implementation == "eager"  # noqa: SLF001 - nothing else tells it


def test_pretrained_weights_take_the_default_dtype_where_none_is_named(own_starter_dir: Path) -> None:
    path = own_starter_dir / "config.json"
    config = json.loads(path.read_text())
    for part in (config, config["text_config"], config["vision_config"]):
        part.pop("dtype", None)
    path.write_text(json.dumps(config))
    module = HFAutoModelForImageTextToText(str(own_starter_dir), default_dtype=torch.float16)

    module.configure_model()

    assert {parameter.dtype for parameter in module.model.parameters()} == {torch.float16}


def test_pretrained_weights_keep_their_dtype(module: HFAutoModelForImageTextToText) -> None:
    assert {parameter.dtype for parameter in module.model.parameters()} == {torch.float32}


def test_transform_is_given_the_module(starter_dir: Path) -> None:
    seen: list[pl.LightningModule] = []
    module = HFAutoModelForImageTextToText(str(starter_dir), model_transform=seen.append)

    module.configure_model()

    assert seen == [module]


def test_it_can_be_made_afresh(starter_dir: Path) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir), default_dtype=torch.float16, attn_implementation="eager")
    module.configure_model()

    again = module.reinit()

    assert again.model is None
    assert (again.model_name, again.default_dtype) == (str(starter_dir), torch.float16)
    assert again.kwargs == {"attn_implementation": "eager"}


def test_it_can_be_written_down_and_read_back(starter_dir: Path, tmp_path: Path) -> None:
    processor = HFAutoModelForImageTextToText.configure_processor(str(starter_dir))
    module = HFAutoModelForImageTextToText(str(starter_dir), processor=processor, loss_fn=cross_entropy)
    module.io_dump(tmp_path)

    again = HFAutoModelForImageTextToText.load(tmp_path)

    assert {**again.arguments, "processor": None} == {**module.arguments, "processor": None}
    assert isinstance(again.processor, LlavaProcessor)


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


def test_saving_leaves_the_weights_that_it_is_given_alone(
    module: HFAutoModelForImageTextToText, tmp_path: Path
) -> None:
    weights = dict(module.state_dict())
    names = list(weights)

    module.save_pretrained(tmp_path, weights)

    assert list(weights) == names


def test_the_processor_is_saved_even_if_nobody_has_asked_for_it(starter_dir: Path, tmp_path: Path) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir))
    module.configure_model()

    module.save_pretrained(tmp_path)

    assert isinstance(AutoProcessor.from_pretrained(tmp_path), LlavaProcessor)


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
