"""Features in the place of pixels: the losses of pixels, for every family that can be given them."""

from pathlib import Path
from typing import Literal

import pytest

from tests.families.catalogue import Family, each_of_all
from tests.families.test_matrix import spec_of
from tests.integration.runs import Run
from trainer_core.contract.events import FeaturesTried, FeaturesUsed
from trainer_core.contract.spec import Evaluation, Export, JobSpec, Lora, Resources
from trainer_core.training.feature_store import OnDisk

WITHOUT = {"mllama": "not_exact", "git": "not_exact"}
"""Families that look at each image each time, and why."""


def spec_with(cache: Literal["on", "off"], family: Family, folder: Path, tmp_path: Path) -> JobSpec:
    spec = spec_of(family, folder, tmp_path, learning_rate=1e-2)
    return spec.model_copy(
        update={
            "method": Lora(rank=8, dropout=0.0),
            "resources": Resources(feature_cache=cache),
            "evaluation": Evaluation(),
            "export": Export(merged=False),
        }
    )


@each_of_all(pytest.mark.long, reads_images=True)
def test_losses_are_those_of_pixels(family: Family, folder: Path, tmp_path: Path) -> None:
    live = Run(tmp_path / "live").of(spec_with("off", family, folder, tmp_path))
    store = OnDisk(tmp_path / "features", 10**9)

    cold = Run(tmp_path / "cold", store=store).of(spec_with("on", family, folder, tmp_path))
    warm = Run(tmp_path / "warm", store=store).of(spec_with("on", family, folder, tmp_path))

    [tried], used = cold.told(FeaturesTried), warm.told(FeaturesUsed)
    assert tried.verdict == WITHOUT.get(family.name, "used")
    assert cold.losses == pytest.approx(live.losses, abs=1e-3)
    assert warm.losses == cold.losses
    assert [one.num_computed for one in used] == [0] * (tried.verdict == "used")
