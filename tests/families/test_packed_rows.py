"""Packed rows of each family: their logits are those of the rows by themselves, or they are not packed."""

from pathlib import Path

import pytest
import torch

from tests.families.catalogue import FAMILIES, Family, each
from tests.families.tasks import answered, asked, image_part
from trainer_core.data.collation import model_inputs
from trainer_core.data.encoding import EncodedRow, Encoder
from trainer_core.data.reader import Line
from trainer_core.data.rows import Row
from trainer_core.models.loading import load_model, load_processor
from trainer_core.training.packing import find_packing

AXES = pytest.mark.parametrize(
    "family", [one for one in FAMILIES if one.name in ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")], ids=lambda one: one.name
)
"""Families with positions in time, height and width."""


@pytest.fixture
def rows(family: Family, folder: Path) -> list[EncodedRow]:
    """Two, with a picture each where the family reads any."""
    encoder = Encoder(load_processor(str(folder)))
    pictures = [[image_part(number, 32 * number)] if family.reads_images else [] for number in (1, 2)]
    chats = [[asked("Which?" * len(pictures), *one), answered("row one")] for one in pictures]
    return [encoder(Line(1, 0, 0), Row.model_validate({"messages": chat})) for chat in chats]


@AXES
def test_packed_images_keep_their_own_positions(folder: Path, rows: list[EncodedRow]) -> None:
    pack, difference = find_packing(load_model(str(folder)), rows, torch.float32)

    assert pack is not None
    assert difference < 1e-4
    assert pack(rows)["position_ids"].shape[0] == 4


@each()
def test_packed_rows_have_their_own_logits(folder: Path, rows: list[EncodedRow]) -> None:
    model = load_model(str(folder)).eval()
    pack, difference = find_packing(model, rows, torch.float32)
    if pack is None:
        assert difference > 1e-4
        return

    with torch.no_grad():
        together = model(**model_inputs(pack(rows)), use_cache=False).logits[0]
        alone = [model(**model_inputs(row), use_cache=False).logits[0] for row in rows]

    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-3, atol=1e-3)
