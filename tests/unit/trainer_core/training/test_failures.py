"""Every error has its stable code."""

import errno
from pathlib import Path

import pytest
import torch

from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.training.failures import failure_of, loading


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), FailureCode.OUT_OF_MEMORY),
        (MemoryError(), FailureCode.OUT_OF_MEMORY),
        (OSError(errno.ENOSPC, "No space left on device"), FailureCode.STORAGE_FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), FailureCode.STORAGE_FULL),
        (OSError(errno.EFBIG, "File too large"), FailureCode.STORAGE_FULL),
        (RuntimeError("I/O error: No space left on device (os error 28)"), FailureCode.STORAGE_FULL),
        (TrainerError(FailureCode.NON_FINITE_LOSS, "NaN"), FailureCode.NON_FINITE_LOSS),
        (ZeroDivisionError(), FailureCode.INTERNAL_ERROR),
    ],
)
def test_errors_have_codes(error: Exception, code: FailureCode) -> None:
    assert failure_of(error).code is code


def test_a_disk_that_fills_up_while_torch_saves_is_told() -> None:
    with pytest.raises(Exception) as failed, Path("/dev/full").open("wb") as file:  # noqa: PT011 - torch's own
        torch.save({"weights": torch.zeros(100_000)}, file)

    assert failure_of(failed.value).code is FailureCode.STORAGE_FULL


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyError("model_type"), FailureCode.BASE_MODEL_UNUSABLE),
        (torch.OutOfMemoryError("CUDA out of memory"), FailureCode.OUT_OF_MEMORY),
        (TrainerError(FailureCode.INVALID_SPEC, "nothing would be trained"), FailureCode.INVALID_SPEC),
    ],
)
def test_while_loading_an_error_of_nobody_else_is_the_model_s(error: Exception, code: FailureCode) -> None:
    with pytest.raises(TrainerError) as failed, loading("starter"):
        raise error

    assert failed.value.code is code
