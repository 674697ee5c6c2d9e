"""Whatever went wrong, as a `TrainerError` with its stable code."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from trainer_core.contract.errors import FailureCode, TrainerError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The device is full, or what this user, or one file, may have of it."""


def failure_of(error: Exception) -> TrainerError:
    """The failure that an error means."""
    if isinstance(error, TrainerError):
        return error
    if is_out_of_memory(error):
        message = "the device is out of memory; lower batch_size and raise gradient_accumulation_steps, or use LoRA"
        return TrainerError(FailureCode.OUT_OF_MEMORY, message)
    if _is_full_disk(error):
        return TrainerError(FailureCode.STORAGE_FULL, "the storage has no room for a checkpoint or the artifact")
    return TrainerError(FailureCode.INTERNAL_ERROR, f"{type(error).__name__}: {error}")


def is_out_of_memory(error: Exception) -> bool:
    """True if the device, or the machine, had no memory left."""
    # torch has no error of its own for a CPU without memory.
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


@contextmanager
def if_there_is_room() -> Iterator[None]:
    """Do something that may be left undone where the device is too small for it."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise


@contextmanager
def loading(base_model: str) -> Iterator[None]:
    """While a base model is loaded, an error that is nobody else's is the model's: it cannot be used."""
    try:
        yield
    except Exception as error:
        failure = failure_of(error)
        if failure.code is not FailureCode.INTERNAL_ERROR:
            raise failure from error
        message = f"the base model {base_model!r} cannot be used: {failure.message}"
        raise TrainerError(FailureCode.BASE_MODEL_UNUSABLE, message) from error


def _is_full_disk(error: BaseException | None) -> bool:
    # safetensors and torch.save wrap the operating system's word in an error of their own.
    if error is None:
        return False
    is_said = getattr(error, "errno", None) in _NO_ROOM or any(os.strerror(code) in str(error) for code in _NO_ROOM)
    return is_said or _is_full_disk(error.__context__)
