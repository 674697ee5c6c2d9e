"""What is asked for in OpenAI's words, as a spec."""

from typing import Any

import pytest
from pydantic import ValidationError

from api.openai.fine_tuning_body import CreateJob, shown, spec_of
from trainer_core.contract.spec import Dpo, FullFineTune, JobSpec, Lora, Supervised


def spec(num_examples: int = 100, **body: Any) -> JobSpec:
    return spec_of(CreateJob(**{"model": "starter", "training_file": "file-1", **body}), num_examples)


def supervised(**hyperparameters: Any) -> dict[str, Any]:
    return {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}


def dpo(**hyperparameters: Any) -> dict[str, Any]:
    return {"type": "dpo", "dpo": {"hyperparameters": hyperparameters}}


@pytest.mark.parametrize(
    ("num_examples", "num_epochs"), [(0, 25), (3, 25), (10, 10), (33, 3), (34, 3), (8_333, 3), (8_334, 2), (40_000, 1)]
)
def test_small_files_are_read_more_often_and_large_ones_less(num_examples: int, num_epochs: int) -> None:
    assert spec(num_examples).hyperparameters.num_epochs == num_epochs


@pytest.mark.parametrize(("num_examples", "batch_size"), [(10, 4), (2_000, 4), (5_000, 10), (1_000_000, 256)])
def test_a_batch_is_a_part_of_the_file(num_examples: int, batch_size: int) -> None:
    assert shown(spec(num_examples))["batch_size"] == batch_size


@pytest.mark.parametrize("asked", [1, 7, 8, 12, 13, 256])
def test_a_batch_is_as_large_as_was_asked_and_taken_in_equal_parts(asked: int) -> None:
    found = spec(method=supervised(batch_size=asked)).hyperparameters

    assert found.batch_size * found.gradient_accumulation_steps == asked
    assert found.batch_size <= 8


@pytest.mark.parametrize(
    ("body", "rate"),
    [
        ({}, 1e-4),
        ({"method": supervised(learning_rate_multiplier=2)}, 2e-4),
        ({"full_fine_tuning": True}, 1e-5),
        ({"method": dpo()}, 5e-6),
        ({"method": supervised(learning_rate_multiplier=2, learning_rate=3e-3)}, 3e-3),
    ],
)
def test_a_multiplier_multiplies_the_rate_of_the_method(body: dict[str, Any], rate: float) -> None:
    assert spec(**body).hyperparameters.learning_rate == pytest.approx(rate)


@pytest.mark.parametrize("method", [supervised, dpo])
@pytest.mark.parametrize("multiplier", [0.1, 1, 1.8])
def test_the_multiplier_is_shown_as_it_was_asked(method: Any, multiplier: float) -> None:
    assert shown(spec(method=method(learning_rate_multiplier=multiplier)))["learning_rate_multiplier"] == multiplier


def test_by_default_an_adapter_learns_answers() -> None:
    assert (spec().method, spec().objective) == (Lora(rank=16, alpha=32), Supervised())


@pytest.mark.parametrize(
    ("asked", "objective"), [({}, Dpo()), ({"beta": "auto"}, Dpo()), ({"beta": 0.5}, Dpo(beta=0.5))]
)
def test_preferences_are_learned_with_the_asked_beta(asked: dict[str, Any], objective: Dpo) -> None:
    found = spec(method=dpo(**asked))

    assert found.objective == objective
    assert shown(found)["beta"] == objective.beta


@pytest.mark.parametrize(
    "body",
    [
        {"hyperparameters": {"n_epochs": 2, "lora_rank": 8}},
        {"method": supervised(n_epochs=2, lora_rank=8)},
        {"method": supervised(n_epochs=2), "lora_rank": 8},
        {"hyperparameters": {"n_epochs": 5, "lora_rank": 8}, "method": supervised(n_epochs=2)},
    ],
)
def test_hyperparameters_hold_wherever_they_stand(body: dict[str, Any]) -> None:
    found = spec(**body)

    assert (found.hyperparameters.num_epochs, found.method) == (2, Lora(rank=8, alpha=16))


def test_what_openai_does_not_have_reaches_the_spec() -> None:
    found = spec(
        max_steps=5,
        eval_steps=2,
        save_steps=3,
        precision="fp32",
        priority=4,
        hf_revision="main",
        lora_alpha=5,
        target_modules=["q_proj"],
        validation_file="file-2",
        early_stopping_patience=6,
    )

    assert (found.hyperparameters.max_steps, found.hyperparameters.precision) == (5, "fp32")
    assert (found.evaluation.every, found.checkpointing.every) == (2, 3)
    assert (found.priority, found.revision, found.eval_dataset) == (4, "main", "file-2")
    assert found.method == Lora(rank=16, alpha=5, target_modules=("q_proj",))
    assert found.evaluation.early_stopping is not None
    assert found.evaluation.early_stopping.patience == 6


def test_the_tower_is_trained_only_where_that_is_asked() -> None:
    adapter, full = spec(freeze_vision=False), spec(full_fine_tuning=True, freeze_vision=False)

    assert isinstance(adapter.method, Lora)
    assert "vision_tower" in adapter.method.parts
    assert full.method == FullFineTune()
    assert not full.hyperparameters.freeze_vision_model
    assert spec(full_fine_tuning=True).hyperparameters.freeze_vision_model


def test_a_checkpoint_to_go_on_from_stands_in_the_models_place() -> None:
    assert spec(from_checkpoint="ft:starter:p::x").base_model == "ft:starter:p::x"
    assert spec(method=supervised(from_checkpoint="ft:starter:p::x")).base_model == "ft:starter:p::x"


def test_hyperparameters_of_another_method_are_refused() -> None:
    with pytest.raises(ValidationError, match="dpo"):
        CreateJob(model="starter", training_file="file-1", method={"type": "supervised", "dpo": {}})


def test_a_retry_is_the_same_request_for_a_release_that_knows_more_parameters() -> None:
    class Later(CreateJob):
        another: int = 1

    asked = {"model": "starter", "training_file": "file-1", "method": supervised(n_epochs=2)}

    assert Later(**asked).sha256 == CreateJob(**asked).sha256
    assert CreateJob(**asked, seed=1).sha256 != CreateJob(**asked).sha256
