"""The head computed only where there is a target: the losses and gradients of the head everywhere, for every family."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.families.catalogue import Family, each_of_all
from tests.families.test_matrix import spec_of
from trainer_core.data.collation import Batch, collate
from trainer_core.data.encoding import IGNORED
from trainer_core.models import head as heads
from trainer_core.module import HFAutoModelForImageTextToText, masked_cross_entropy
from trainer_core.training.preparation import prepare
from trainer_core.training.stopping import StopRequest

WITHOUT = {"blip_2", "instructblip", "llama4", "minicpmv4_6", "chameleon", "git"}
"""Families whose class computes its head everywhere."""


@pytest.fixture
def module(folder: Path) -> HFAutoModelForImageTextToText:
    found = HFAutoModelForImageTextToText(str(folder), default_dtype=torch.float32)
    found.configure_model()
    return found.eval()


@pytest.fixture
def batch(family: Family, folder: Path, tmp_path: Path) -> Batch:
    """One row, or two of a kind where the family takes them together."""
    _, rows, _ = prepare(spec_of(family, folder, tmp_path), StopRequest())
    return collate([rows[0], rows[1]] if family.takes_batches else [rows[0]], rows.pad_token_id)


def gradients(module: HFAutoModelForImageTextToText, loss: Tensor) -> list[Tensor]:
    module.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    return [one.grad for one in module.parameters() if one.grad is not None]


@each_of_all()
def test_loss_and_gradients_are_those_of_all_logits(
    family: Family, module: HFAutoModelForImageTextToText, batch: Batch
) -> None:
    whole = masked_cross_entropy(module.token_logits(batch), batch["labels"])
    expected = gradients(module, whole)

    loss = module.loss(batch)

    assert loss.item() == pytest.approx(whole.item(), abs=1e-5)
    torch.testing.assert_close(gradients(module, loss), expected, rtol=1e-3, atol=1e-4)
    assert module.keeps_targets is (family.name not in WITHOUT)


@each_of_all()
def test_a_head_in_parts_gives_the_same(
    module: HFAutoModelForImageTextToText, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = module.model.get_output_embeddings()
    module.loss(batch)  # after which it is known whether the head can be asked
    if not module.keeps_targets or not heads.has_plain_head(module.model, lambda: module.token_logits(batch)):
        pytest.skip("computed at once for this family")
    monkeypatch.setattr(heads, "_CHUNK_BYTES", 3 * 4 * head.weight.shape[0])
    is_target = batch["labels"] != IGNORED
    expected = gradients(module, module.loss(batch))

    inputs = {**module.inputs_of(batch), "logits_to_keep": is_target}
    loss = heads.mean_loss_by_parts(
        head, lambda: module.forward(inputs), batch["labels"][is_target], masked_cross_entropy
    )

    assert heads.are_many(int(is_target.sum()), head.weight.shape[0])
    torch.testing.assert_close(gradients(module, loss), expected, rtol=1e-3, atol=1e-4)
