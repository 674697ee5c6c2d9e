"""A slot is a lock that children inherit."""

import subprocess
import sys
from pathlib import Path

import pytest

from store.resources import Needs
from store.tables import Gpu
from worker.slots import Held, Slots

SMALL = Gpu(uuid="GPU-small", name="small", num_bytes=10)
LARGE = Gpu(uuid="GPU-large", name="large", num_bytes=80)
ANY = Needs(num_gpus=None, device_bytes=0)


@pytest.fixture
def slots(tmp_path: Path) -> Slots:
    """A place on the CPU and two GPUs."""
    return Slots(tmp_path, 1, [LARGE, SMALL])


def taken(slots: Slots, needs: Needs) -> Held:
    """What a job gets of what is free."""
    with slots.all_free() as free:
        return free.take(free.chosen(needs, has_gpus=bool(slots.gpus)))


def test_slots_held_are_not_free(slots: Slots) -> None:
    with slots.all_free(), slots.all_free() as second:
        assert second.names == []


def test_slots_let_go_are_free(slots: Slots) -> None:
    with slots.all_free() as first:
        names = first.names

    with slots.all_free() as second:
        assert second.names == names


def test_a_job_leaves_the_rest_free(slots: Slots) -> None:
    with taken(slots, Needs(num_gpus=1, device_bytes=0)), slots.all_free() as rest:
        assert sorted(rest.names) == ["GPU-large", "slot-0"]


@pytest.mark.parametrize(
    ("needs", "names"),
    [
        (ANY, ["GPU-small"]),
        (Needs(num_gpus=None, device_bytes=20), ["GPU-large"]),
        (Needs(num_gpus=0, device_bytes=0), ["slot-0"]),
        (Needs(num_gpus=2, device_bytes=5), ["GPU-large", "GPU-small"]),
    ],
)
def test_a_job_gets_the_smallest_that_fits(slots: Slots, needs: Needs, names: list[str]) -> None:
    with taken(slots, needs) as held:
        assert sorted(held.names) == names


def test_cuda_sees_only_what_is_held(slots: Slots) -> None:
    with taken(slots, Needs(num_gpus=1, device_bytes=20)) as held:
        assert slots.visible_gpus(held) == {"CUDA_VISIBLE_DEVICES": "GPU-large"}


def test_a_job_on_the_cpu_sees_no_gpu(slots: Slots) -> None:
    with taken(slots, Needs(num_gpus=0, device_bytes=0)) as held:
        assert slots.visible_gpus(held) == {"CUDA_VISIBLE_DEVICES": ""}


def test_without_gpus_a_job_gets_a_place_on_the_cpu(tmp_path: Path) -> None:
    with taken(Slots(tmp_path, 1), ANY) as held:
        assert held.names == ["slot-0"]


def test_a_gpu_is_one_lock_for_all_workers_of_a_host(tmp_path: Path) -> None:
    first, second = (Slots(tmp_path / name, 0, [SMALL], tmp_path / "gpus") for name in ("first", "second"))

    with first.all_free(), second.all_free() as left:
        assert left.names == []


def test_a_child_holds_the_slot_after_its_parent_let_go(slots: Slots) -> None:
    with taken(slots, Needs(num_gpus=0, device_bytes=0)) as held:
        wait = [sys.executable, "-c", "input()"]
        child = subprocess.Popen(wait, stdin=subprocess.PIPE, pass_fds=held.fds)

    while_it_lives = slots.is_held("slot-0")
    child.communicate(b"\n")

    assert while_it_lives
    assert not slots.is_held("slot-0")


def test_a_slot_that_a_worker_has_no_more_may_be_held(slots: Slots) -> None:
    assert slots.is_held("slot-7")
