"""What a spec may choose: parts, optimizers, batches; and what happens when a step goes wrong."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForImageTextToText, PreTrainedModel

from tests.integration.runs import Run, at_loading, changed
from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.events import (
    PackingTested,
    ParametersUnused,
    RunStarted,
    RunSucceeded,
    StepCompleted,
)
from trainer_core.contract.spec import JobSpec, Lora
from trainer_core.models.parts import language_model, vision_model
from trainer_core.training.fine_tuning import FineTuning

WriteRows = Callable[[Path, Sequence[dict[str, Any]]], Path]
Chat = Callable[..., dict[str, Any]]


def adapted(run: Run) -> list[str]:
    """Names of the layers that a run's adapter changes."""
    base = AutoModelForImageTextToText.from_pretrained(run.spec.base_model)
    model = PeftModel.from_pretrained(base, str(run.run_dir / "artifact"))
    return [name for name, value in model.named_parameters() if "lora_B" in name and value.any()]


@pytest.mark.parametrize("choice", [{"rslora": True}, {"dora": True}])
def test_a_variant_of_lora_is_what_peft_knows(spec: JobSpec, tmp_path: Path, choice: dict[str, Any]) -> None:
    run = Run(tmp_path).of(spec.model_copy(update={"method": Lora(rank=4, **choice)}))

    model = PeftModel.from_pretrained(
        AutoModelForImageTextToText.from_pretrained(spec.base_model), str(tmp_path / "artifact")
    )
    assert getattr(model.peft_config["default"], f"use_{next(iter(choice))}")
    assert adapted(run)


@pytest.mark.parametrize(
    ("part", "word"),
    [("language_model", "language_model"), ("vision_tower", "vision_tower"), ("projector", "multi_modal_projector")],
)
def test_an_adapter_stays_in_its_part(spec: JobSpec, tmp_path: Path, part: Any, word: str) -> None:
    run = Run(tmp_path).of(spec.model_copy(update={"method": Lora(rank=2, parts=(part,))}))

    names = adapted(run)
    assert names
    assert all(word in name for name in names)


def test_a_frozen_tower_computes_without_gradients_and_as_in_use(
    spec: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def watch(base: PreTrainedModel) -> None:
        tower = vision_model(base)
        assert tower is not None
        tower.register_forward_hook(
            lambda module, _, told: seen.append((module.training, told.last_hidden_state.requires_grad))
        )

    at_loading(monkeypatch, watch)
    Run(tmp_path).of(changed(spec, gradient_checkpointing=True).model_copy(update={"method": Lora(rank=2)}))

    assert set(seen) == {(False, False)}


def test_parts_have_learning_rates_of_their_own(spec: JobSpec, tmp_path: Path, starter_dir: Path) -> None:
    tiny = 1e-12

    Run(tmp_path).of(changed(spec, vision_learning_rate=tiny, projector_learning_rate=tiny))

    before = AutoModelForImageTextToText.from_pretrained(starter_dir)
    after = AutoModelForImageTextToText.from_pretrained(tmp_path / "artifact")
    moved = {
        name: float((value - after.get_parameter(name)).detach().abs().max())
        for name, value in before.named_parameters()
    }
    assert max(moved[name] for name in moved if "vision_tower" in name or "projector" in name) < 1e-6
    assert max(moved[name] for name in moved if "language_model" in name) > 1e-4


def test_a_learning_rate_for_nothing_is_refused(spec: JobSpec, tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="nothing in it is trained") as refused:
        Run(tmp_path).of(changed(spec, freeze_vision_model=True, vision_learning_rate=1e-4))

    assert refused.value.code is FailureCode.INVALID_SPEC


def test_an_optimizer_in_8_bit_learns(spec: JobSpec, tmp_path: Path) -> None:
    run = Run(tmp_path).of(changed(spec, optimizer="adamw_8bit", num_epochs=6))

    state = torch.load(next((tmp_path / "checkpoints").iterdir()) / "training_state.pt", weights_only=True)
    moments = [one["__bnb_optimizer_quant_state__"]["state1"] for one in state["optimizer"]["state"].values()]
    assert any(moment.dtype == torch.uint8 for moment in moments)
    assert run.losses[-1] < run.losses[0]  # type: ignore[operator]


def test_noise_is_for_training_alone(spec: JobSpec, plain: Run, tmp_path: Path) -> None:
    noisy = Run(tmp_path).of(changed(spec, neftune_noise_alpha=5.0))

    assert noisy.losses != plain.losses
    assert noisy.losses == pytest.approx(plain.losses, abs=0.5)


@pytest.mark.parametrize(
    "choice",
    [{"gradient_checkpointing": True}, {"max_batch_tokens": 60}, {"batch_size": 2, "gradient_accumulation_steps": 3}],
    ids=str,
)
def test_how_a_step_is_computed_changes_no_loss(
    spec: JobSpec, plain: Run, tmp_path: Path, choice: dict[str, Any]
) -> None:
    run = Run(tmp_path).of(changed(spec, **choice))

    assert run.losses == pytest.approx(plain.losses, abs=1e-5)


def test_a_step_whose_gradient_is_no_number_changes_nothing_and_is_named(
    spec: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = FineTuning.loss
    calls = []

    def broken_once(module: FineTuning, batch: Any) -> torch.Tensor:
        calls.append(batch)
        return loss(module, batch) * (float("inf") if len(calls) == 1 else 1.0)

    monkeypatch.setattr(FineTuning, "loss", broken_once)

    run = Run(tmp_path).of(spec)

    [skipped] = [event for event in run.events if event.type == "step_skipped"]
    assert skipped.step == 1
    assert len(skipped.lines) == 6
    assert run.losses[0] is None
    assert run.losses[1] is not None


def test_layers_that_no_forward_pass_uses_are_told(plain: Run) -> None:
    [unused] = plain.told(ParametersUnused)

    assert all("post_layernorm" in name for name in unused.names)


def test_a_language_model_that_gets_no_gradient_ends_the_run_by_name(
    spec: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def detach(_decoder: torch.nn.Module, _inputs: Any, outputs: Any) -> None:
        outputs.last_hidden_state = outputs.last_hidden_state.detach()

    def without_gradient(model: PreTrainedModel) -> None:
        language_model(model).register_forward_hook(detach)

    at_loading(monkeypatch, without_gradient)

    with pytest.raises(TrainerError, match=r"layers\.0\.self_attn\.q_proj\.weight is to be trained") as failed:
        Run(tmp_path).of(spec)

    assert failed.value.code is FailureCode.UNTRAINED_PARAMETER


def test_a_layer_of_the_language_model_that_gets_no_gradient_is_told(
    spec: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure = FineTuning.configure_model

    def configured(module: FineTuning) -> None:
        configure(module)
        language_model(module.base).idle = torch.nn.Linear(2, 2)

    monkeypatch.setattr(FineTuning, "configure_model", configured)

    run = Run(tmp_path).of(spec)

    [unused] = run.told(ParametersUnused)
    assert any("idle" in name for name in unused.names)


def test_text_rows_leave_the_tower_as_it_is(spec: JobSpec, text_file: Path, tmp_path: Path) -> None:
    run = Run(tmp_path).of(spec.model_copy(update={"train_dataset": str(text_file)}))

    [unused] = run.told(ParametersUnused)
    [started] = run.told(RunStarted)
    assert 0 < unused.num_parameters < started.num_parameters
    assert run.told(RunSucceeded)


def test_text_rows_and_rows_with_pictures_train_together(
    spec: JobSpec, tmp_path: Path, chat: Chat, write_rows: WriteRows
) -> None:
    rows = [chat(str(number), shade=None if number % 2 else 20 * number) for number in range(8)]
    path = write_rows(tmp_path / "mixed.jsonl", rows)

    run = Run(tmp_path / "run").of(changed(spec, num_epochs=10).model_copy(update={"train_dataset": str(path)}))

    first, *_, last = run.told(StepCompleted)
    assert last.loss < 0.75 * first.loss


def test_packed_rows_have_the_losses_of_padded_ones(
    spec: JobSpec, tmp_path: Path, chat: Chat, write_rows: WriteRows
) -> None:
    rows = [chat("a longer answer " * number, shade=None if number % 2 else 20 * number) for number in range(1, 9)]
    mixed = spec.model_copy(update={"train_dataset": str(write_rows(tmp_path / "mixed.jsonl", rows))})
    padded = Run(tmp_path / "padded").of(mixed)

    packed = Run(tmp_path / "packed").of(changed(mixed, packing=True, max_batch_tokens=120))

    [tested] = packed.told(PackingTested)
    assert tested.is_exact
    assert packed.losses == pytest.approx(padded.losses, abs=1e-4)
