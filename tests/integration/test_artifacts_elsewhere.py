"""What a run leaves opens where models are served: in transformers, in peft, and by vLLM's rules.

vLLM wants GPUs and a torch of its own, so that it is not run here; its rules are those of its source. Of an adapter
(`vllm/lora/peft_helper.py`, `PEFTHelper`; `vllm/lora/lora_model.py`, `check_unexpected_modules`; `vllm/lora/utils.py`,
`parse_fine_tuned_lora_name`): no DoRA, no `modules_to_save`, no bias, one rank; every tensor is
`base_model.model.<layer>.lora_A.weight` or `lora_B`, and its layer is a linear one, by the name that transformers has
for it, which vLLM's models map to their own (`hf_to_vllm_mapper`). Of a whole model: `config.json` names the
architecture, and weights are called as the base model's are.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from peft import PeftModel
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer

from tests.integration.runs import Run
from trainer_core.contract.sources import MERGED
from trainer_core.contract.spec import Export, FullFineTune, Hyperparameters, JobSpec, Lora

NAME = re.compile(r"base_model\.model\.(?P<layer>.+)\.lora_(?P<which>[AB])\.weight")
RANK = 4


@pytest.fixture(scope="module", params=["image", "text"])
def base(request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """A base model, and rows for it."""
    names = ("starter_dir", "shades_file") if request.param == "image" else ("text_model_dir", "text_file")
    folder, rows = (request.getfixturevalue(name) for name in names)
    return folder, rows


@pytest.fixture(scope="module")
def spec(base: tuple[Path, Path]) -> JobSpec:
    return JobSpec(
        base_model=str(base[0]),
        train_dataset=str(base[1]),
        hyperparameters=Hyperparameters(max_steps=1, batch_size=4, learning_rate=1e-2, warmup_ratio=0.0),
    )


@pytest.fixture(scope="module")
def adapted(spec: JobSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact of a LoRA."""
    run_dir = tmp_path_factory.mktemp("adapted")
    Run(run_dir).of(spec.model_copy(update={"method": Lora(rank=RANK)}))
    return run_dir / "artifact"


@pytest.fixture(scope="module")
def trained(spec: JobSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact of a full fine-tuning."""
    run_dir = tmp_path_factory.mktemp("trained")
    Run(run_dir).of(spec.model_copy(update={"method": FullFineTune()}))
    return run_dir / "artifact"


def config_of(folder: Path, name: str = "config.json") -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / name).read_text())
    return config


def weights_of(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / "model.safetensors")


def opened(folder: Path) -> Any:
    """A whole model, read by transformers."""
    is_text = config_of(folder)["architectures"] == ["LlamaForCausalLM"]
    auto: Any = AutoModelForCausalLM if is_text else AutoModelForImageTextToText
    return auto.from_pretrained(folder)


def layers_of(adapted: Path) -> dict[str, dict[str, Tensor]]:
    """The adapter's tensors, by layer and by which of the two they are."""
    layers: dict[str, dict[str, Tensor]] = {}
    for name, tensor in load_file(adapted / "adapter_model.safetensors").items():
        found = NAME.fullmatch(name)
        assert found, name
        layers.setdefault(found["layer"], {})[found["which"]] = tensor
    return layers


def test_an_adapter_asks_for_nothing_that_vllm_refuses(adapted: Path) -> None:
    config = config_of(adapted, "adapter_config.json")

    assert (config["r"], config["lora_alpha"], config["peft_type"]) == (RANK, 32, "LORA")
    assert isinstance(config["target_modules"], list)
    assert (config["bias"], config["use_dora"]) == ("none", False)
    assert not config["modules_to_save"]
    assert not config["rank_pattern"]
    assert not config["alpha_pattern"]


def test_an_adapters_layers_are_linear_ones_by_the_names_of_transformers(
    adapted: Path, base: tuple[Path, Path]
) -> None:
    model = opened(base[0])

    layers = layers_of(adapted)

    assert layers
    for layer, pair in layers.items():
        linear = model.get_submodule(layer)
        assert isinstance(linear, nn.Linear)
        assert pair["A"].shape == (RANK, linear.in_features)
        assert pair["B"].shape == (linear.out_features, RANK)


@pytest.mark.parametrize("part", ["merged", "full"])
def test_a_whole_model_has_architecture_and_names_of_its_base(
    adapted: Path, trained: Path, base: tuple[Path, Path], part: str
) -> None:
    folder = adapted / MERGED if part == "merged" else trained

    config, expected = config_of(folder), config_of(base[0])

    assert (config["architectures"], config["model_type"]) == (expected["architectures"], expected["model_type"])
    assert weights_of(folder).keys() == weights_of(base[0]).keys()
    assert "quantization_config" not in config


def test_everything_opens_without_this_service(adapted: Path, trained: Path, base: tuple[Path, Path]) -> None:
    whole = [opened(folder) for folder in (trained, adapted / MERGED)]
    beside: Any = PeftModel.from_pretrained(opened(base[0]), str(adapted))

    assert all(AutoTokenizer.from_pretrained(folder).chat_template for folder in (adapted, adapted / MERGED, trained))
    assert {name for name, _ in beside.merge_and_unload().named_parameters()} == {
        name for name, _ in whole[1].named_parameters()
    }


def test_an_adapter_without_a_merged_model_opens_too(spec: JobSpec, tmp_path: Path) -> None:
    Run(tmp_path).of(spec.model_copy(update={"method": Lora(rank=RANK), "export": Export(merged=False)}))

    config = config_of(tmp_path / "artifact", "adapter_config.json")

    assert config["base_model_name_or_path"] == Path(spec.base_model).name
    assert layers_of(tmp_path / "artifact")
