"""What the doctor says of a host's GPUs."""

from pathlib import Path

import pytest

from trainer_core.contract.check import NotInOrder, Outcome
from worker.doctor import look_at_driver


def test_a_host_without_gpus_is_warned_of_that(tmp_path: Path) -> None:
    with pytest.raises(NotInOrder, match="on the CPU") as found:
        look_at_driver((), tmp_path)

    assert found.value.outcome is Outcome.WARNING


def test_gpus_that_the_driver_does_not_give_are_a_failure(tmp_path: Path) -> None:
    (tmp_path / "nvidia0").touch()
    (tmp_path / "nvidiactl").touch()

    with pytest.raises(NotInOrder, match="nvidia0 are there") as found:
        look_at_driver((), tmp_path)

    assert found.value.outcome is Outcome.FAILED
