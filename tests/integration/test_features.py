"""Runs that look at no image twice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForImageTextToText, PreTrainedModel

from tests.integration.runs import Run, at_loading
from trainer_core.contract.events import (
    CheckpointSaved,
    EvaluationCompleted,
    FeaturesTried,
    FeaturesUsed,
    RunEvent,
    StepCompleted,
    TowerLeft,
)
from trainer_core.contract.spec import (
    Checkpointing,
    Evaluation,
    Export,
    FullFineTune,
    Generation,
    Hyperparameters,
    JobSpec,
    Lora,
    Method,
    Resources,
)
from trainer_core.data.dataset import EncodedRows
from trainer_core.data.encoding import EncodedRow
from trainer_core.models.parts import vision_model
from trainer_core.models.sight import look
from trainer_core.training import feature_trial
from trainer_core.training.feature_store import OnDisk

NUM_IMAGES = 12


@pytest.fixture(scope="module")
def spec(starter_dir: Path, shades_file: Path) -> JobSpec:
    """Twelve rows with an image each, six in a step; two epochs."""
    return JobSpec(
        base_model=str(starter_dir),
        train_dataset=str(shades_file),
        method=Lora(rank=4),
        hyperparameters=Hyperparameters(num_epochs=2, batch_size=6, learning_rate=1e-2, warmup_ratio=0.0),
        checkpointing=Checkpointing(every=1, keep_last=9),
        resources=Resources(feature_cache="on"),
        export=Export(merged=False),
    )


@pytest.fixture
def store(tmp_path: Path) -> OnDisk:
    return OnDisk(tmp_path / "features", 10**9)


def with_cache(spec: JobSpec, choice: Any) -> JobSpec:
    return spec.model_copy(update={"resources": Resources(feature_cache=choice)})


def count_looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Images in each pass through a tower."""
    looks: list[int] = []

    def watch(base: PreTrainedModel) -> None:
        tower = vision_model(base)
        assert tower is not None
        tower.register_forward_pre_hook(
            lambda _, args, named: looks.append(len([*args, *named.values()][0])), with_kwargs=True
        )

    at_loading(monkeypatch, watch)
    return looks


def test_each_image_is_looked_at_once_beside_the_trial(
    spec: JobSpec, tmp_path: Path, store: OnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = count_looks(monkeypatch)

    run = Run(tmp_path / "run", store=store).of(spec)

    [tried], [used] = run.told(FeaturesTried), run.told(FeaturesUsed)
    in_trial, in_verification = 2, 4
    assert sum(looks) == NUM_IMAGES + in_trial + in_verification
    assert (tried.verdict, tried.num_images, tried.num_kept) == ("used", NUM_IMAGES, 0)
    assert used.num_computed + in_trial == NUM_IMAGES
    assert used.num_read > used.num_computed


def test_the_next_run_looks_at_none(
    spec: JobSpec, tmp_path: Path, store: OnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Run(tmp_path / "first", store=store).of(spec)
    asked: list[str] = []
    inputs = EncodedRows.image_inputs

    def ask(rows: EncodedRows, key: str) -> EncodedRow:
        asked.append(key)
        return inputs(rows, key)

    monkeypatch.setattr(EncodedRows, "image_inputs", ask)

    second = Run(tmp_path / "second", store=store).of(spec)

    [tried], [used], [left] = second.told(FeaturesTried), second.told(FeaturesUsed), second.told(TowerLeft)
    assert (tried.num_kept, used.num_computed) == (NUM_IMAGES, 0)
    assert {step.feature_hits for step in second.told(StepCompleted)} == {1.0}
    assert asked == []
    assert left.num_bytes > 0
    assert second.losses == first.losses
    assert second.weights == first.weights


def test_loader_processes_prepare_images_ahead(
    spec: JobSpec, tmp_path: Path, store: OnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_itself = Run(tmp_path / "by_itself").of(spec)
    asked_here: list[str] = []
    inputs = EncodedRows.image_inputs

    def ask(rows: EncodedRows, key: str) -> EncodedRow:
        asked_here.append(key)  # what a fork appends is not seen here
        return inputs(rows, key)

    monkeypatch.setattr(EncodedRows, "image_inputs", ask)
    spec = spec.model_copy(update={"resources": Resources(feature_cache="on", num_loader_workers=2)})

    run = Run(tmp_path / "run", store=store).of(spec)

    in_trial_and_rehearsal = 4
    assert len(asked_here) == in_trial_and_rehearsal
    assert run.losses == by_itself.losses
    assert run.weights == by_itself.weights


@pytest.mark.parametrize("folder", ["features", "others"])
def test_a_run_goes_on_to_the_bit_whatever_is_kept(spec: JobSpec, tmp_path: Path, folder: str) -> None:
    whole = Run(tmp_path / "whole", store=OnDisk(tmp_path / "features", 10**9)).of(spec)
    store = OnDisk(tmp_path / folder, 10**9)

    resumed = Run(tmp_path / "resumed", store=store).of(
        spec, resume=whole.run_dir / whole.told(CheckpointSaved)[0].path
    )

    assert resumed.losses == whole.losses[1:]
    assert resumed.weights == whole.weights


def test_an_entry_that_was_damaged_is_made_again(spec: JobSpec, tmp_path: Path, store: OnDisk) -> None:
    first = Run(tmp_path / "first", store=store).of(spec)
    damaged = sorted((tmp_path / "features").glob("*/*"))[:5]
    for path in damaged:
        path.write_bytes(path.read_bytes()[:-1] + b"?")

    second = Run(tmp_path / "second", store=OnDisk(tmp_path / "features", 10**9)).of(spec)

    assert second.losses == first.losses
    assert second.weights == first.weights
    assert {path.read_bytes()[-1:] for path in damaged} != {b"?"}


def test_entries_that_vanish_meanwhile_are_made_again(spec: JobSpec, tmp_path: Path, store: OnDisk) -> None:
    expected = Run(tmp_path / "expected").of(spec)

    def clear(event: RunEvent) -> bool:
        if isinstance(event, CheckpointSaved):
            for path in (tmp_path / "features").glob("*/*"):
                path.unlink()
        return False

    run = Run(tmp_path / "run", stop_at=clear, store=store).of(spec)

    assert run.losses == expected.losses


@pytest.mark.parametrize("method", [Lora(rank=4), FullFineTune()])
def test_what_left_the_device_is_in_what_is_saved(spec: JobSpec, tmp_path: Path, store: OnDisk, method: Method) -> None:
    frozen = {"freeze_vision_model": True, "freeze_projector": True} if isinstance(method, FullFineTune) else {}
    chosen = spec.model_copy(
        update={
            "method": method,
            "export": Export(merged=True),
            "hyperparameters": spec.hyperparameters.model_copy(update=frozen),
        }
    )
    Run(tmp_path / "first", store=store).of(chosen)

    run = Run(tmp_path / "run", store=store).of(chosen)

    folder = run.run_dir / "artifact" / ("merged" if isinstance(method, Lora) else "")
    saved, base = (AutoModelForImageTextToText.from_pretrained(path) for path in (folder, spec.base_model))
    assert run.told(TowerLeft)
    torch.testing.assert_close(
        saved.model.vision_tower.state_dict(), base.model.vision_tower.state_dict(), rtol=0, atol=0
    )


def test_answers_are_those_without_a_cache(spec: JobSpec, tmp_path: Path, store: OnDisk) -> None:
    asking = Evaluation(every=1, generation=Generation(max_new_tokens=4))
    asked = spec.model_copy(update={"eval_dataset": spec.train_dataset, "evaluation": asking})

    live = Run(tmp_path / "live").of(with_cache(asked, "off"))
    run = Run(tmp_path / "run", store=store).of(asked)

    for expected, found in zip(live.told(EvaluationCompleted), run.told(EvaluationCompleted), strict=True):
        assert found.loss == pytest.approx(expected.loss, abs=1e-4)
        assert [one.output for one in found.predictions] == [one.output for one in expected.predictions]


def nothing_is_frozen(spec: JobSpec) -> JobSpec:
    return spec.model_copy(update={"method": FullFineTune()})


def projector_is_adapted(spec: JobSpec) -> JobSpec:
    return spec.model_copy(update={"method": Lora(rank=2, parts=("language_model", "projector"))})


def starter_is_small(spec: JobSpec) -> JobSpec:
    return with_cache(spec, "auto")


def nobody_wants_it(spec: JobSpec) -> JobSpec:
    return with_cache(spec, "off")


@pytest.mark.parametrize(
    ("change", "verdicts"),
    [
        (nothing_is_frozen, []),
        (projector_is_adapted, []),
        (starter_is_small, ["used"]),
        (nobody_wants_it, ["switched_off"]),
    ],
)
def test_why_features_are_kept_or_not_is_told(
    spec: JobSpec, tmp_path: Path, store: OnDisk, change: Callable[[JobSpec], JobSpec], verdicts: list[str]
) -> None:
    run = Run(tmp_path / "run", store=store).of(change(spec))

    assert [one.verdict for one in run.told(FeaturesTried)] == verdicts


def test_what_a_run_without_features_found_out_is_not_taken_for_theirs(
    spec: JobSpec, tmp_path: Path, store: OnDisk
) -> None:
    Run(tmp_path / "without", store=store).of(with_cache(spec, "off"))

    run = Run(tmp_path / "run", store=store).of(spec)

    assert [one.verdict for one in run.told(FeaturesTried)] == ["used"]


def test_what_sees_stays_while_something_is_not_kept(
    spec: JobSpec, tmp_path: Path, store: OnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_how: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("trainer_core.training.feature_store.save_file", refuse)

    run = Run(tmp_path / "run", store=store).of(spec)

    assert run.told(TowerLeft) == []
    assert run.losses == Run(tmp_path / "other").of(spec).losses


def test_what_takes_more_room_than_there_is_is_not_kept(spec: JobSpec, tmp_path: Path) -> None:
    run = Run(tmp_path / "run", store=OnDisk(tmp_path / "features", 1000)).of(with_cache(spec, "auto"))

    assert [one.verdict for one in run.told(FeaturesTried)] == ["too_large"]


def test_features_that_are_made_as_fast_as_read_are_not_kept(
    spec: JobSpec, tmp_path: Path, store: OnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_trial, "_LEAST_OPERATIONS_PER_BYTE", 10**9)

    run = Run(tmp_path / "run", store=store).of(with_cache(spec, "auto"))

    assert [one.verdict for one in run.told(FeaturesTried)] == ["too_cheap"]


def test_features_that_do_not_give_the_logits_of_pixels_are_not_kept(
    spec: JobSpec, tmp_path: Path, store: OnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def squint(model: PreTrainedModel, inputs: Any) -> Any:
        seen = look(model, inputs)
        seen.pooler_output = [one + 0.1 for one in seen.pooler_output]
        return seen

    monkeypatch.setattr(feature_trial, "look", squint)

    run = Run(tmp_path / "run", store=store).of(spec)

    assert [one.verdict for one in run.told(FeaturesTried)] == ["not_exact"]


def test_processors_that_draw_at_random_are_asked_each_time(
    spec: JobSpec, tmp_path: Path, store: OnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EncodedRows, "draws_at_random", lambda _: True)

    run = Run(tmp_path / "run", store=store).of(spec)

    assert [one.verdict for one in run.told(FeaturesTried)] == ["random"]
