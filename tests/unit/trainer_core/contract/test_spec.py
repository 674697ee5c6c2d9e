"""What a spec takes, and what it refuses."""

from typing import Any

import pytest
from pydantic import ValidationError

from trainer_core.contract.spec import Dpo, FullFineTune, HeldOutSplit, JobSpec, Lora, Supervised

LEAST = {"base_model": "starter", "train_dataset": "file-1"}
DPO = {"objective": {"type": "dpo"}}


def test_two_names_are_enough() -> None:
    assert JobSpec.model_validate(LEAST).method == FullFineTune()


def test_a_spec_survives_json() -> None:
    spec = JobSpec.model_validate(
        LEAST | {"method": {"type": "lora", "target_modules": ["q_proj"]}, "metadata": {"a": "b"}}
    )

    assert JobSpec.model_validate_json(spec.model_dump_json()) == spec


def test_evaluation_rows_are_a_dataset_or_a_split() -> None:
    assert JobSpec.model_validate(LEAST | {"eval_dataset": "file-2"}).eval_dataset == "file-2"
    assert JobSpec.model_validate(LEAST | {"eval_dataset": {"fraction": 0.1}}).eval_dataset == HeldOutSplit(
        fraction=0.1
    )


def test_only_an_adapters_base_is_quantised() -> None:
    with pytest.raises(ValidationError, match="quantization"):
        JobSpec.model_validate(LEAST | {"method": {"type": "full", "quantization": "nf4"}})


def test_a_spec_never_changes() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        JobSpec.model_validate(LEAST).seed = 1  # type: ignore[misc]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1.0, 0.0, 2.0])
def test_a_learning_rate_is_a_small_positive_number(number: float) -> None:
    with pytest.raises(ValidationError, match="learning_rate"):
        JobSpec.model_validate(LEAST | {"hyperparameters": {"learning_rate": number}})


def test_an_integer_is_a_fine_number() -> None:
    assert JobSpec.model_validate(LEAST | {"hyperparameters": {"learning_rate": 1}}).hyperparameters.learning_rate == 1


def test_lora_of_no_layers_is_refused() -> None:
    with pytest.raises(ValidationError, match="target_modules"):
        Lora.model_validate({"target_modules": []})


def test_a_spec_learns_from_conversations_unless_it_says_otherwise() -> None:
    assert JobSpec.model_validate(LEAST).objective == Supervised()
    assert JobSpec.model_validate(LEAST | DPO).objective == Dpo(beta=0.1)


@pytest.mark.parametrize("beta", [0, -0.1, 2.1])
def test_beta_is_what_openai_takes(beta: float) -> None:
    with pytest.raises(ValidationError, match="beta"):
        JobSpec.model_validate(LEAST | {"objective": {"type": "dpo", "beta": beta}})


@pytest.mark.parametrize(
    "choice",
    [
        {"hyperparameters": {"packing": True}},
        {"hyperparameters": {"train_on": "everything"}},
        {"evaluation": {"generation": {}}},
        {"resources": {"shard_model": True}},
    ],
    ids=str,
)
def test_what_does_not_go_with_pairs_is_refused_by_name(choice: dict[str, dict[str, Any]]) -> None:
    [(name, fields)] = choice.items()

    with pytest.raises(ValidationError, match=f"{name}.{next(iter(fields))}"):
        JobSpec.model_validate(LEAST | DPO | choice)
    JobSpec.model_validate(LEAST | choice)


def test_accuracy_is_measured_on_pairs_alone() -> None:
    chosen = {"evaluation": {"metric": "rewards/accuracies"}}

    JobSpec.model_validate(LEAST | DPO | chosen)
    with pytest.raises(ValidationError, match="set objective to dpo"):
        JobSpec.model_validate(LEAST | chosen)
