"""A slot is a lock that children inherit."""

import subprocess
import sys
from pathlib import Path

from worker.slots import Slots


def test_a_free_slot_is_taken(tmp_path: Path) -> None:
    with Slots(tmp_path, 1).take() as slot:
        assert slot is not None


def test_a_taken_slot_is_not_given_again(tmp_path: Path) -> None:
    with Slots(tmp_path, 1).take(), Slots(tmp_path, 1).take() as second:
        assert second is None


def test_each_slot_is_given_once(tmp_path: Path) -> None:
    slots = Slots(tmp_path, 2)

    with slots.take() as first, slots.take() as second, slots.take() as third:
        assert [slot and slot.index for slot in (first, second, third)] == [0, 1, None]


def test_a_slot_given_back_is_free(tmp_path: Path) -> None:
    slots = Slots(tmp_path, 1)
    with slots.take():
        pass

    with slots.take() as slot:
        assert slot is not None


def test_a_child_holds_the_slot_after_its_parent_let_go(tmp_path: Path) -> None:
    slots = Slots(tmp_path, 1)
    with slots.take() as slot:
        assert slot is not None
        wait = [sys.executable, "-c", "input()"]
        child = subprocess.Popen(wait, stdin=subprocess.PIPE, pass_fds=[slot.fd])

    with slots.take() as while_it_lives:
        pass
    child.communicate(b"\n")
    with slots.take() as after_its_end:
        pass

    assert while_it_lives is None
    assert after_its_end is not None
