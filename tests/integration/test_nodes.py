"""One run over two nodes, or started again, by torchrun: over gloo, the nodes being two agents of this machine."""

import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from trainer_core.contract.control import ExitCode
from trainer_core.contract.events import RUN_EVENT, CheckpointSaved, RunEvent, RunFailed, RunStarted, StepCompleted
from trainer_core.contract.spec import Checkpointing, Hyperparameters, JobSpec, Resources

TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]
ONE = Resources(gpus=0)


@pytest.fixture(scope="module")
def spec(
    starter_dir: Path,
    chat: Callable[..., dict[str, Any]],
    write_rows: Callable[[Path, Sequence[dict[str, Any]]], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> JobSpec:
    """Seven rows; the last step of an epoch has one row for two ranks."""
    rows = [chat("long answer " * (number + 1), shade=20 * number) for number in range(7)]
    path = write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl", rows)
    return JobSpec(
        base_model=str(starter_dir),
        train_dataset=str(path),
        hyperparameters=Hyperparameters(num_epochs=2, batch_size=2, learning_rate=1e-3, warmup_ratio=0.0),
        checkpointing=Checkpointing(every=3),
        resources=ONE,
    )


def program(spec: JobSpec, folder: Path) -> list[str]:
    """What is run, in the same folder by every rank."""
    path = folder / "spec.json"
    path.write_text(spec.model_dump_json())
    return ["trainer_core", str(path), "--run-dir", str(folder / "run")]


def start(command: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def told(text: str) -> list[RunEvent]:
    return [RUN_EVENT.validate_json(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def alone(spec: JobSpec, tmp_path_factory: pytest.TempPathFactory) -> list[RunEvent]:
    command = [sys.executable, "-m", *program(spec, tmp_path_factory.mktemp("alone"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.SUCCEEDED, done.stderr
    return told(done.stdout)


def on_two_nodes(spec: JobSpec, folder: Path) -> list[str]:
    """What each of two nodes says on its stdout, first the one that says more: which it is, they agree upon."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    meeting = ["--rdzv-backend=c10d", "--rdzv-id=run", f"--rdzv-endpoint=127.0.0.1:{port}", "--local-addr=127.0.0.1"]
    command = [*TORCHRUN, "--nnodes=2", "--nproc-per-node=1", *meeting, "-m", *program(spec, folder)]
    nodes = [start(command) for _ in range(2)]
    said = [node.communicate() for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], said
    return sorted((stdout for stdout, _ in said), key=len, reverse=True)


@pytest.fixture(scope="module")
def nodes(spec: JobSpec, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return on_two_nodes(spec, tmp_path_factory.mktemp("nodes"))


def losses(events: Sequence[RunEvent]) -> list[float | None]:
    return [event.loss for event in events if isinstance(event, StepCompleted)]


def test_two_nodes_have_the_losses_of_one_process(alone: list[RunEvent], nodes: list[str]) -> None:
    assert losses(told(nodes[0])) == pytest.approx(losses(alone), abs=1e-4)


def test_the_first_of_all_ranks_tells_and_no_other(nodes: list[str]) -> None:
    assert nodes[1] == ""


def test_torchrun_and_a_spec_that_disagree_are_told(spec: JobSpec, tmp_path: Path) -> None:
    spec = spec.model_copy(update={"resources": Resources(gpus=0, cpu_processes=2)})
    where = ["--standalone", "--nproc-per-node=1"]

    failed = subprocess.run(
        [*TORCHRUN, *where, "-m", *program(spec, tmp_path)], capture_output=True, text=True, check=False
    )

    [failure] = [event for event in told(failed.stdout) if isinstance(event, RunFailed)]
    assert "resources.cpu_processes makes it 2" in failure.message


@pytest.mark.long
def test_shards_on_two_nodes_have_the_losses_of_one_process(
    spec: JobSpec, alone: list[RunEvent], tmp_path: Path
) -> None:
    spec = spec.model_copy(update={"resources": Resources(gpus=0, shard_model=True)})

    nodes = on_two_nodes(spec, tmp_path)

    assert losses(told(nodes[0])) == pytest.approx(losses(alone), abs=1e-4)


@pytest.mark.long
def test_a_run_whose_rank_was_killed_is_started_again_and_goes_on_from_its_checkpoint(
    spec: JobSpec, tmp_path: Path
) -> None:
    spec = spec.model_copy(update={"resources": Resources(gpus=0, cpu_processes=2)})
    where = ["--standalone", "--nproc-per-node=2", "--max-restarts=1"]
    events: list[RunEvent] = []

    command = [*TORCHRUN, *where, "-m", *program(spec, tmp_path), "--resume-newest"]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as agent,
    ):
        assert agent.stdout is not None
        for line in agent.stdout:
            events.append(RUN_EVENT.validate_json(line))
            if isinstance(events[-1], CheckpointSaved) and events[-1].step == 3:
                ranks = [one for one in psutil.Process(agent.pid).children() if one.environ().get("RANK") == "1"]
                ranks[0].kill()

    begun = [event.first_step for event in events if isinstance(event, RunStarted)]
    last = {event.step: event for event in events if isinstance(event, StepCompleted)}
    assert agent.returncode == 0, (tmp_path / "log").read_text()
    assert begun[0] == 0
    assert begun[-1] >= 3
    assert sorted(last) == list(range(1, 9))
