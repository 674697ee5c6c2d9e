"""What a process knows of how it was launched."""

import pytest

from trainer_core.training import launch

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "run",
    "RANK": "5",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "4",
    "GROUP_WORLD_SIZE": "2",
}


@pytest.fixture
def by_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("by_torchrun")
def test_of_torchrun_s_ranks_that_among_all_nodes_counts() -> None:
    assert launch.rank() == 5


@pytest.mark.usefixtures("by_torchrun")
def test_torchrun_says_how_many_processes_there_are() -> None:
    assert (launch.num_nodes(), launch.num_per_node(1)) == (2, 4)


def test_a_rank_in_the_environment_of_anybody_else_is_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubeflow numbers its pods like that."""
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setenv("RANK", "1")

    assert (launch.rank(), launch.num_nodes(), launch.num_per_node(3)) == (0, 1, 3)


def test_a_process_alone_hears_nothing_of_ranks() -> None:
    assert launch.alone({**TORCHRUN, "MASTER_PORT": "1", "HOME": "/home"}) == {"HOME": "/home"}
