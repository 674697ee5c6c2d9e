"""What `train` refuses, before its first step, with the code that says whose fault it is."""

from pathlib import Path
from typing import Any

import pytest
import torch

from trainer_core.contract.errors import FailureCode, InvalidDataset, TrainerError
from trainer_core.contract.spec import FullFineTune, HeldOutSplit, Hyperparameters, JobSpec, Lora, Resources
from trainer_core.train import train
from trainer_core.training.stopping import StopRequest


@pytest.fixture
def spec(own_starter_dir: Path, shades_file: Path) -> JobSpec:
    """A run of one step on a base model that a test may spoil."""
    return JobSpec(
        base_model=str(own_starter_dir),
        train_dataset=str(shades_file),
        hyperparameters=Hyperparameters(max_steps=1, batch_size=2),
    )


def refusal(spec: JobSpec, run_dir: Path, **changes: Any) -> TrainerError:
    """Why a spec with some changes is refused; no step may have been made."""
    told: list[Any] = []
    with pytest.raises(TrainerError) as refused:
        train(spec.model_copy(update=changes), run_dir, told.append, StopRequest())
    assert {event.type for event in told} == {"phase_entered"}
    return refused.value


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("config.json", b"{", "config.json"),
        ("model.safetensors", b"no weights", "cannot be used"),
        ("model.safetensors", None, "cannot be used"),
        ("tokenizer.json", None, "cannot be used"),
    ],
)
def test_a_spoilt_base_model_is_unusable(
    spec: JobSpec, own_starter_dir: Path, tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    (own_starter_dir / name).unlink()
    if content is not None:
        (own_starter_dir / name).write_bytes(content)

    refused = refusal(spec, tmp_path)

    assert refused.code is FailureCode.BASE_MODEL_UNUSABLE
    assert words in refused.message


def test_a_base_model_that_is_nowhere_is_unusable(spec: JobSpec, tmp_path: Path) -> None:
    refused = refusal(spec, tmp_path, base_model=str(tmp_path / "nowhere"))

    assert refused.code is FailureCode.BASE_MODEL_UNUSABLE


@pytest.mark.parametrize(
    ("method", "frozen", "words"),
    [
        (Lora(target_modules=("nope",)), {}, "nope"),
        (Lora(), {"freeze_language_model": True}, "everything is frozen"),
    ],
)
def test_a_spec_must_fit_the_model(
    spec: JobSpec, tmp_path: Path, method: Lora, frozen: dict[str, Any], words: str
) -> None:
    hyperparameters = spec.hyperparameters.model_copy(update=frozen)

    refused = refusal(spec, tmp_path, method=method, hyperparameters=hyperparameters)

    assert refused.code is FailureCode.INVALID_SPEC
    assert words in refused.message


def test_a_text_model_has_no_tower_to_freeze(
    spec: JobSpec, text_model_dir: Path, text_file: Path, tmp_path: Path
) -> None:
    frozen = spec.hyperparameters.model_copy(update={"freeze_vision_model": True})

    refused = refusal(
        spec, tmp_path, base_model=str(text_model_dir), train_dataset=str(text_file), hyperparameters=frozen
    )

    assert refused.code is FailureCode.INVALID_SPEC
    assert "no image tower" in refused.message


def test_rows_too_long_are_named(spec: JobSpec, tmp_path: Path) -> None:
    short = spec.hyperparameters.model_copy(update={"max_tokens": 20})

    refused = refusal(spec, tmp_path, hyperparameters=short)

    assert isinstance(refused, InvalidDataset)
    assert [(fault.code, fault.line) for fault in refused.faults][:2] == [("too_long", 1), ("too_long", 2)]


def test_rows_longer_than_the_model_reads_are_named(spec: JobSpec, tmp_path: Path, text_model_dir: Path) -> None:
    long = tmp_path / "long.jsonl"
    long.write_text(
        '{"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "2"}]}' % ("? " * 200)
    )

    refused = refusal(spec, tmp_path, base_model=str(text_model_dir), train_dataset=str(long))

    assert "where 128 are allowed" in refused.message


def test_holding_everything_out_leaves_nothing_to_train_on(spec: JobSpec, tmp_path: Path, shades_file: Path) -> None:
    one_row = tmp_path / "one.jsonl"
    one_row.write_text(shades_file.read_text().splitlines()[0])

    refused = refusal(spec, tmp_path, train_dataset=str(one_row), eval_dataset=HeldOutSplit(fraction=0.5))

    assert isinstance(refused, InvalidDataset)
    assert refused.faults[0].code == "empty_dataset"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(spec: JobSpec, tmp_path: Path) -> None:
    refused = refusal(spec, tmp_path, method=FullFineTune(), resources=Resources(gpus=1))

    assert refused.code is FailureCode.RESOURCES_UNAVAILABLE
