"""Checkpoints are written while training goes on, hold their own step to the bit, and may fail."""

import threading
from collections.abc import Callable
from concurrent.futures import Future  # noqa: TC003
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from transformers import AutoModelForImageTextToText

from tests.integration.runs import Run, changed
from trainer_core.contract.control import Control
from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.events import (
    CheckpointDeleted,
    CheckpointFailed,
    CheckpointSaved,
    RunEvent,
    RunSucceeded,
    StepCompleted,
)
from trainer_core.contract.spec import Checkpointing, Export, FullFineTune, Hyperparameters, JobSpec, Lora, Method
from trainer_core.training import checkpoints, snapshot
from trainer_core.training.background import begin
from trainer_core.training.stopping import StopAsked

METHODS: dict[str, tuple[Method, dict[str, Any]]] = {
    "full": (FullFineTune(), {}),
    "full, 8-bit optimizer": (FullFineTune(), {"optimizer": "adamw_8bit"}),
    "full, tower frozen": (FullFineTune(), {"freeze_vision_model": True}),
    "adapter with magnitudes": (Lora(rank=2, dora=True), {}),
    "adapter, 4 bits": (Lora(rank=2, quantization="nf4"), {}),
}


@pytest.fixture
def spec(starter_dir: Path, shades_file: Path) -> JobSpec:
    """Six steps, a checkpoint after each second one."""
    return JobSpec(
        base_model=str(starter_dir),
        train_dataset=str(shades_file),
        hyperparameters=Hyperparameters(num_epochs=2, batch_size=4, learning_rate=1e-3, warmup_ratio=0.0),
        checkpointing=Checkpointing(every=2, keep_last=9),
        export=Export(merged=False),
    )


@pytest.fixture
def held_back(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Nothing of a checkpoint is written before this is set."""
    may_write = threading.Event()

    def begin_later(work: Callable[[], Any], name: str) -> "Future[Any]":
        return begin(lambda: may_write.wait(600) and work(), name)

    monkeypatch.setattr(checkpoints, "begin", begin_later)
    return may_write


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Has checkpoints written before training goes on."""

    def begin_now(work: Callable[[], Any], name: str) -> "Future[Any]":
        outcome = begin(work, name)
        outcome.exception()
        return outcome

    return lambda: monkeypatch.setattr(checkpoints, "begin", begin_now)


def letting_write_at(number: int, may_write: threading.Event) -> Callable[[RunEvent], bool]:
    def hear(event: RunEvent) -> bool:
        if isinstance(event, StepCompleted) and event.step == number:
            may_write.set()
        return False

    return hear


@pytest.mark.parametrize("name", METHODS)
def test_a_checkpoint_holds_its_own_step_though_training_goes_on(
    spec: JobSpec, name: str, tmp_path: Path, held_back: threading.Event, at_once: Callable[[], None]
) -> None:
    method, chosen = METHODS[name]
    spec = changed(spec, max_steps=3, **chosen).model_copy(update={"method": method})
    beside = Run(tmp_path / "beside", letting_write_at(3, held_back)).of(spec)
    at_once()

    stopped = Run(tmp_path / "stopped").of(spec)

    contents = [[(one.step, one.manifest_sha256) for one in run.told(CheckpointSaved)] for run in (beside, stopped)]
    assert contents[0] == contents[1]
    assert [step for step, _ in contents[0]] == [2, 3]
    order = [event.type for event in beside.events if isinstance(event, StepCompleted | CheckpointSaved)]
    assert order == ["step_completed"] * 3 + ["checkpoint_saved"] * 2


def test_where_memory_has_no_room_for_a_copy_training_waits(
    spec: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = Run(tmp_path / "copied").of(changed(spec, max_steps=3))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**20))

    waited = Run(tmp_path / "waited").of(changed(spec, max_steps=3))

    order = [(event.type, event.step) for event in waited.events if isinstance(event, StepCompleted | CheckpointSaved)]
    assert order[2:4] == [("checkpoint_saved", 2), ("step_completed", 3)]
    resumed = [
        Run(tmp_path / f"from {run.run_dir.name}").of(run.spec, resume=run.run_dir / "checkpoints/step-000002")
        for run in (copied, waited)
    ]
    assert resumed[0].series == resumed[1].series


def test_weights_that_are_tied_stay_so_in_a_checkpoint(spec: JobSpec, tmp_path: Path) -> None:
    run = Run(tmp_path).of(changed(spec, max_steps=2))

    read = AutoModelForImageTextToText.from_pretrained(tmp_path / run.told(CheckpointSaved)[0].path)

    assert read.get_output_embeddings().weight is read.get_input_embeddings().weight


def test_a_checkpoint_that_is_due_waits_for_the_one_before(
    spec: JobSpec, tmp_path: Path, held_back: threading.Event
) -> None:
    run = Run(tmp_path, letting_write_at(4, held_back)).of(spec)

    told = [(event.type, event.step) for event in run.events if isinstance(event, StepCompleted | CheckpointSaved)]
    assert told.index(("checkpoint_saved", 2)) > told.index(("step_completed", 4))
    assert [saved.step for saved in run.told(CheckpointSaved)] == [2, 4, 6]


def stop_at(number: int, and_then: Callable[[], None]) -> Callable[[RunEvent], bool]:
    def hear(event: RunEvent) -> bool:
        is_then = isinstance(event, StepCompleted) and event.step == number
        if is_then:
            and_then()
        return is_then

    return hear


def test_a_run_that_drains_waits_for_what_is_being_written(
    spec: JobSpec, tmp_path: Path, held_back: threading.Event
) -> None:
    run = Run(tmp_path, stop_at(3, held_back.set))

    with pytest.raises(StopAsked):
        run.of(spec)

    assert [saved.step for saved in run.told(CheckpointSaved)] == [2, 3]


def test_a_run_that_is_cancelled_does_not_wait(spec: JobSpec, tmp_path: Path, held_back: threading.Event) -> None:
    run = Run(tmp_path, stop_at(3, lambda: None))

    with pytest.raises(StopAsked):
        run.of(spec, word=Control.CANCEL)

    assert run.told(CheckpointSaved) == []
    assert not held_back.is_set()


class FullDisk:
    """At some steps, what is written goes to a device of the kernel that has no room."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *steps: int) -> None:
        self._monkeypatch = monkeypatch
        self._steps = steps

    def __call__(self, event: RunEvent) -> bool:
        if isinstance(event, StepCompleted):
            name = "/dev/full" if event.step in self._steps else "training_state.pt"
            self._monkeypatch.setattr(snapshot, "STATE", name)
        return False


def test_a_full_disk_costs_a_checkpoint_and_nothing_else(
    spec: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: Callable[[], None]
) -> None:
    at_once()

    run = Run(tmp_path, FullDisk(monkeypatch, 4)).of(spec)

    [failed] = run.told(CheckpointFailed)
    assert (failed.step, "no room" in failed.message) == (4, True)
    assert [saved.step for saved in run.told(CheckpointSaved)] == [2, 6]
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step-000002", "step-000006"]
    assert run.told(RunSucceeded)


def test_a_disk_that_stays_full_ends_the_run_and_leaves_the_last_good_checkpoint(
    spec: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: Callable[[], None]
) -> None:
    at_once()
    run = Run(tmp_path, FullDisk(monkeypatch, 2, 3, 4))
    often = spec.model_copy(update={"checkpointing": Checkpointing(every=1, keep_last=1)})

    with pytest.raises(TrainerError) as full:
        run.of(often)

    assert full.value.code is FailureCode.STORAGE_FULL
    assert [failed.step for failed in run.told(CheckpointFailed)] == [2, 3]
    assert run.told(CheckpointDeleted) == []
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-000001"]


def test_only_failures_in_a_row_end_a_run(
    spec: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: Callable[[], None]
) -> None:
    at_once()

    run = Run(tmp_path, FullDisk(monkeypatch, 1, 2, 4, 5)).of(
        spec.model_copy(update={"checkpointing": Checkpointing(every=1)})
    )

    assert [failed.step for failed in run.told(CheckpointFailed)] == [1, 2, 4, 5]
    assert [saved.step for saved in run.told(CheckpointSaved)] == [3, 6]


def test_an_adapter_s_checkpoint_holds_the_adapter_alone(spec: JobSpec, tmp_path: Path) -> None:
    run = Run(tmp_path).of(changed(spec, max_steps=1).model_copy(update={"method": Lora(rank=2)}))

    [saved] = run.told(CheckpointSaved)
    [weights] = (run.run_dir / saved.path).glob("*.safetensors")
    assert weights.name == "adapter_model.safetensors"
