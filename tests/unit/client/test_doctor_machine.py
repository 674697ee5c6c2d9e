"""What the doctor says of this machine."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from client import doctor_machine
from trainer_core.contract.check import NotInOrder, Outcome

ENDLESS = 2.0**62
ROOT = Path(__file__).parents[3]


def test_versions_that_were_not_tested_are_named(tmp_path: Path) -> None:
    pins = tmp_path / "constraints.txt"
    pins.write_text(f"# made by hand\npsutil==0.0.1\npydantic=={version('pydantic')}\nnot-installed-here==1\n")

    with pytest.raises(NotInOrder, match=r"psutil .* \(pinned 0\.0\.1\)") as found:
        doctor_machine.look_at_packages(pins)

    assert found.value.outcome is Outcome.WARNING
    assert "pydantic" not in str(found.value)


def test_where_nothing_is_pinned_nothing_is_compared(tmp_path: Path) -> None:
    assert "no none.txt to compare" in doctor_machine.look_at_packages(tmp_path / "none.txt")


def test_an_extra_that_is_installed_by_half_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [f'{name}; extra == "server"' for name in ("psutil", "rich", "not-installed-here")]
    monkeypatch.setattr(doctor_machine, "_requirements", lambda: asked)

    with pytest.raises(NotInOrder, match=r"not installed: not-installed-here \(server\)") as found:
        doctor_machine.look_at_packages()

    assert found.value.outcome is Outcome.FAILED


def test_an_extra_that_is_not_installed_is_none_of_its_business(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor_machine, "_requirements", lambda: ['not-installed-here; extra == "server"'])

    assert "no extra" in doctor_machine.look_at_packages(tmp_path / "none.txt")


@pytest.mark.parametrize(
    "look",
    [
        lambda enough: doctor_machine.look_at_memory(0, enough),
        lambda enough: doctor_machine.look_at_shared_memory(enough_bytes=enough),
        lambda enough: doctor_machine.look_at_room(Path("/none"), 0, enough),
    ],
)
def test_too_little_of_something_is_warned_of(look: Callable[[float], str]) -> None:
    with pytest.raises(NotInOrder, match="GB") as found:
        look(ENDLESS)

    assert found.value.outcome is Outcome.WARNING
    assert found.value.advice


@pytest.mark.parametrize("look", [doctor_machine.look_at_memory, lambda *b: doctor_machine.look_at_room(Path("/"), *b)])
def test_next_to_nothing_is_a_failure(look: Callable[[float, float], str]) -> None:
    with pytest.raises(NotInOrder, match="GB") as found:
        look(ENDLESS, ENDLESS)

    assert found.value.outcome is Outcome.FAILED


def test_a_process_that_may_open_few_files_is_told_so() -> None:
    asks = "from client.doctor_machine import *; print(examine('open files', look_at_open_files, '').model_dump_json())"
    told = subprocess.run(
        ["/bin/sh", "-c", f'ulimit -n 256; exec "{sys.executable}" -c "{asks}"'],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert '"failed"' in told
    assert "256 at once" in told
