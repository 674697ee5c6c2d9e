"""The printed example of the class that ours stands for, run word for word: GPT-2 in 4 bits under a bare `Trainer`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

import trainer_core
from trainer_core.data.collation import collate
from trainer_core.data.encoding import Encoder
from trainer_core.data.reader import Line
from trainer_core.data.rows import Row
from trainer_core.module import HFAutoModelForImageTextToText

pytestmark = [
    # Lightning's advice to whoever leaves the trainer's settings alone, as the example does.
    pytest.mark.filterwarnings("ignore:Starting from v1.9.0, `tensorboardX` has been removed:UserWarning"),
    pytest.mark.filterwarnings("ignore:The number of training batches .* is smaller than the logging:UserWarning"),
]
EXAMPLE = """
from your_module import HFAutoModelForImageTextToText

# Initialize the model
model = HFAutoModelForImageTextToText(
    model_name='gpt2',
    load_pretrained_weights=True,
    trust_remote_code=True,
    load_in_4bit=True
)

# Configure the model
model.configure_model()

# Example training loop using PyTorch Lightning Trainer
from pytorch_lightning import Trainer

trainer = Trainer(max_epochs=3)
trainer.fit(model, train_dataloader, val_dataloader)

# Save the pretrained model
model.save_pretrained('/path/to/save')
"""
STOP = "<|endoftext|>"


def write_gpt2(folder: Path) -> None:
    """A GPT-2 of two layers that reads bytes, with weights that were drawn once."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({token: number for number, token in enumerate([*alphabet, STOP])}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token=STOP, eos_token=STOP, pad_token=STOP)
    stop = tokenizer.eos_token_id
    config = GPT2Config(
        n_layer=2, n_embd=64, n_head=2, n_positions=64, vocab_size=len(tokenizer), bos_token_id=stop, eos_token_id=stop
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def loader(tokenizer: PreTrainedTokenizerBase, chat: Callable[..., dict[str, Any]], answers: list[str]) -> Any:
    """Two questions and answers a batch."""
    encoder = Encoder(tokenizer)
    rows = [
        encoder(Line(number, 0, 0), Row.model_validate(chat(answer, shade=None)))
        for number, answer in enumerate(answers)
    ]
    pad = int(tokenizer.pad_token_id)
    return DataLoader(rows, batch_size=2, collate_fn=lambda group: collate(group, pad))  # type: ignore[arg-type]


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chat: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """What the example's names stand for once it has run, in a folder that holds `gpt2`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "your_module", trainer_core)
    write_gpt2(Path("gpt2"))
    tokenizer = HFAutoModelForImageTextToText.configure_processor("gpt2")
    assert isinstance(tokenizer, PreTrainedTokenizerBase)
    names: dict[str, Any] = {
        "train_dataloader": loader(tokenizer, chat, ["1", "22", "333", "4"]),
        "val_dataloader": loader(tokenizer, chat, ["5", "66"]),
    }
    exec(EXAMPLE.replace("/path/to/save", str(tmp_path / "saved")), names)  # noqa: S102 - it is the thing under test
    return names


def test_it_trains_for_its_epochs_and_validates(ran: dict[str, Any]) -> None:
    assert ran["trainer"].global_step == 6
    assert {"train_loss", "val_loss"} <= ran["trainer"].callback_metrics.keys()


def test_its_model_is_a_gpt2_in_4_bits_whose_head_is_not(ran: dict[str, Any]) -> None:
    model = ran["model"].model

    assert type(model) is GPT2LMHeadModel
    assert type(model.lm_head) is torch.nn.Linear
    assert sum(isinstance(layer, Linear4bit) for layer in model.modules()) == 8


def test_what_it_saves_is_loaded_by_the_class_and_answers_the_same(ran: dict[str, Any], tmp_path: Path) -> None:
    saved = HFAutoModelForImageTextToText(str(tmp_path / "saved"))
    saved.configure_model()
    tokens = saved.processor("Which digit is this?", return_tensors="pt")

    with torch.no_grad():
        logits = [module.model.eval()(**tokens).logits for module in (saved, ran["model"])]

    torch.testing.assert_close(*logits)
