"""What the doctor says of libraries that compute, and of those that do not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from trainer_core import doctor
from trainer_core.contract.check import Check, NotInOrder, Outcome

ROOT = Path(__file__).parents[3]


def test_this_environment_computes() -> None:
    found = {check.name: check.outcome for check in doctor.checks()}

    assert Outcome.FAILED not in found.values()
    assert {found["torch"], found["bfloat16"], found["bitsandbytes"], found["processes"]} == {Outcome.OK}


def test_libraries_that_cannot_be_loaded_are_failures(tmp_path: Path) -> None:
    for name in ("torch", "bitsandbytes"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('libcudart.so.13: cannot open shared object file')")

    told = subprocess.run(
        [sys.executable, "-m", "trainer_core.doctor"],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    found = {check.name: check for check in map(Check.model_validate_json, told.splitlines())}
    assert {name for name, check in found.items() if check.outcome is Outcome.FAILED} == {
        "torch",
        "cuda",
        "bfloat16",
        "bitsandbytes",
    }
    assert "libcudart" in found["torch"].seen


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch and the driver fit each other here")
def test_a_driver_that_torch_cannot_use_is_a_failure(tmp_path: Path) -> None:
    driver = tmp_path / "version"
    driver.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module 440.33\nGCC version: 9\n")

    with pytest.raises(NotInOrder, match=r"440\.33; torch is built") as found:
        doctor.look_at_cuda(driver)

    assert found.value.outcome is Outcome.FAILED
