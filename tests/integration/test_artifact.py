"""What a run leaves: it loads without us, tells where it comes from, and computes what was trained, or is not there."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText, AutoProcessor, GenerationConfig

from tests.integration.runs import Run, changed
from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.events import ArtifactVerified, RunStarted
from trainer_core.contract.sources import MERGED
from trainer_core.contract.spec import Export, FullFineTune, Hyperparameters, JobSpec, Lora
from trainer_core.training.verification import Order, Verified, verify, verify_in_fresh_process

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def spec(starter_dir: Path, shades_file: Path) -> JobSpec:
    """Two steps of six rows."""
    return JobSpec(
        base_model=str(starter_dir),
        train_dataset=str(shades_file),
        hyperparameters=Hyperparameters(num_epochs=1, batch_size=6, learning_rate=1e-2, warmup_ratio=0.0),
        suffix="shades",
    )


@pytest.fixture(scope="module", params=["none", "nf4", "int8"])
def adapted(request: pytest.FixtureRequest, spec: JobSpec, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An adapter beside a base model in each form."""
    lora = Lora(rank=4, quantization=request.param)
    return Run(tmp_path_factory.mktemp(request.param)).of(spec.model_copy(update={"method": lora}))


@pytest.fixture(scope="module")
def full(spec: JobSpec, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("full")).of(spec)


def beside_base(run: Run) -> Any:
    base = AutoModelForImageTextToText.from_pretrained(run.spec.base_model)
    return PeftModel.from_pretrained(base, str(run.run_dir / "artifact"))


def test_an_adapter_loads_in_peft_and_adapts_the_language_model_alone(adapted: Run) -> None:
    [started] = adapted.told(RunStarted)

    trained = {name: value for name, value in beside_base(adapted).named_parameters() if "lora_B" in name}

    assert started.num_trainable_parameters < started.num_parameters / 10
    assert all("language_model" in name for name in trained)
    assert any(value.any() for value in trained.values())


def test_a_merged_model_is_the_unquantised_base_with_the_adapter(adapted: Run) -> None:
    merged = AutoModelForImageTextToText.from_pretrained(adapted.run_dir / "artifact" / MERGED)

    expected = beside_base(adapted).merge_and_unload().state_dict()
    assert merged.state_dict().keys() == expected.keys()
    assert all(torch.allclose(value, expected[name], atol=1e-6) for name, value in merged.state_dict().items())


def test_a_merged_model_has_the_files_of_its_base(adapted: Run, starter_dir: Path) -> None:
    merged = load_file(adapted.run_dir / "artifact" / MERGED / WEIGHTS)

    assert merged.keys() == load_file(starter_dir / WEIGHTS).keys()


def test_processor_and_template_are_in_both(adapted: Run) -> None:
    folder = adapted.run_dir / "artifact"

    assert all(AutoProcessor.from_pretrained(one).chat_template for one in (folder, folder / MERGED))


@pytest.mark.parametrize("method", [FullFineTune(), Lora(rank=2)], ids=["full", "lora"])
def test_a_model_tied_to_its_embeddings_stays_so(spec: JobSpec, tmp_path: Path, method: Any) -> None:
    Run(tmp_path).of(spec.model_copy(update={"method": method}))

    folder = tmp_path / "artifact" / (MERGED if isinstance(method, Lora) else "")
    model = AutoModelForImageTextToText.from_pretrained(folder)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert "lm_head.weight" not in load_file(folder / WEIGHTS)


@pytest.mark.parametrize("method", [FullFineTune(), Lora(rank=2)], ids=["full", "lora"])
def test_weights_that_the_model_passes_over_are_kept(
    spec: JobSpec, own_starter_dir: Path, tmp_path: Path, method: Any
) -> None:
    drafting = torch.arange(6.0).reshape(2, 3)
    weights = load_file(own_starter_dir / WEIGHTS) | {"mtp.layers.0.weight": drafting}
    save_file(weights, own_starter_dir / WEIGHTS, {"format": "pt"})

    run = Run(tmp_path / "run").of(spec.model_copy(update={"method": method, "base_model": str(own_starter_dir)}))

    saved = load_file(run.run_dir / "artifact" / (MERGED if isinstance(method, Lora) else "") / WEIGHTS)
    assert saved.keys() == weights.keys()
    assert torch.equal(saved["mtp.layers.0.weight"], drafting)


@pytest.mark.parametrize("method", [FullFineTune(), Lora(rank=2)], ids=["full", "lora"])
def test_a_model_stops_with_the_token_that_it_was_taught(
    spec: JobSpec, own_starter_dir: Path, tmp_path: Path, method: Any
) -> None:
    config = json.loads((own_starter_dir / "generation_config.json").read_text())
    end = config.pop("eos_token_id")
    (own_starter_dir / "generation_config.json").write_text(json.dumps(config | {"eos_token_id": 0}))
    run = Run(tmp_path / "run")

    run.of(spec.model_copy(update={"method": method, "base_model": str(own_starter_dir)}))

    folder = tmp_path / "run/artifact" / (MERGED if isinstance(method, Lora) else "")
    assert GenerationConfig.from_pretrained(folder).eos_token_id == [0, end]


@pytest.mark.parametrize("method", [FullFineTune(), Lora(rank=2)], ids=["full", "lora"])
def test_processor_and_template_are_in_every_checkpoint(spec: JobSpec, tmp_path: Path, method: Any) -> None:
    Run(tmp_path).of(spec.model_copy(update={"method": method}))

    folders = list((tmp_path / "checkpoints").iterdir())
    assert folders
    assert all(AutoProcessor.from_pretrained(one).chat_template for one in folders)


def test_an_adapter_names_its_base_without_a_path(adapted: Run) -> None:
    config = json.loads((adapted.run_dir / "artifact/adapter_config.json").read_text())

    assert config["base_model_name_or_path"] == "starter"


def test_nothing_is_merged_if_not_asked_for(spec: JobSpec, tmp_path: Path) -> None:
    Run(tmp_path).of(spec.model_copy(update={"method": Lora(rank=2), "export": Export(merged=False)}))

    assert not (tmp_path / "artifact" / MERGED).exists()


def test_the_card_tells_where_the_model_comes_from(full: Run) -> None:
    card = (full.run_dir / "artifact/README.md").read_text()

    assert "# shades, fine-tuned" in card
    assert "starter, SHA-256 of its weights: model.safetensors " in card
    assert "Training rows: 12 in train.jsonl, SHA-256 " in card
    assert '"learning_rate": 0.01' in card
    assert f"torch {torch.__version__.partition('+')[0]}" in card


def test_the_card_holds_no_path_of_this_machine(full: Run, adapted: Run) -> None:
    for run in (full, adapted):
        card = (run.run_dir / "artifact/README.md").read_text()

        assert str(Path(run.spec.base_model).parent) not in card
        assert str(Path(run.spec.train_dataset).parent) not in card


def test_an_artifact_is_read_back_by_a_fresh_process(spec: JobSpec, tmp_path: Path) -> None:
    run = Run(tmp_path)

    run.of(spec.model_copy(update={"method": Lora(rank=2, quantization="nf4")}), verify=verify_in_fresh_process)

    [verified] = run.told(ArtifactVerified)
    assert verified.difference == pytest.approx(0, abs=1e-5)
    assert verified.merged_difference == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("spoiled", [WEIGHTS, f"{MERGED}/{WEIGHTS}"])
def test_an_artifact_that_computes_something_else_is_not_published(spec: JobSpec, tmp_path: Path, spoiled: str) -> None:
    is_adapter = spoiled != WEIGHTS

    def spoil_and_verify(order: Order) -> Verified:
        path = Path(order.artifact) / spoiled
        save_file({name: 2 * value for name, value in load_file(path).items()}, path, {"format": "pt"})
        return verify(order)

    with pytest.raises(TrainerError, match="log-probabilities that differ") as caught:
        Run(tmp_path).of(spec.model_copy(update={"method": Lora()} if is_adapter else {}), verify=spoil_and_verify)

    assert caught.value.code is FailureCode.ARTIFACT_BROKEN
    assert not (tmp_path / "artifact").exists()


def test_an_artifact_that_cannot_be_read_is_not_published(spec: JobSpec, tmp_path: Path) -> None:
    def lose_and_verify(order: Order) -> Verified:
        (Path(order.artifact) / WEIGHTS).unlink()
        return verify_in_fresh_process(order)

    with pytest.raises(TrainerError, match="not published: OSError") as caught:
        Run(tmp_path).of(changed(spec, max_steps=1), verify=lose_and_verify)

    assert caught.value.code is FailureCode.ARTIFACT_BROKEN
