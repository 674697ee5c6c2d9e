"""Events as JSON lines."""

import pytest
from pydantic import ValidationError

from trainer_core.contract.dataset import DatasetFault
from trainer_core.contract.errors import FailureCode, InvalidDataset
from trainer_core.contract.events import RUN_EVENT, Phase, PhaseEntered, RunEvent, RunFailed, RunStopped

FAULT = DatasetFault(code="invalid_image", line=3, message_index=0, image_index=1, detail="not an image")


@pytest.mark.parametrize(
    "event",
    [
        PhaseEntered(phase=Phase.SAVING),
        RunStopped(step=3),
        RunFailed(code=FailureCode.INVALID_DATASET, message="bad", faults=(FAULT,)),
    ],
    ids=lambda event: event.type,
)
def test_what_is_said_is_heard(event: RunEvent) -> None:
    assert RUN_EVENT.validate_json(event.model_dump_json()) == event


def test_an_unknown_event_is_refused() -> None:
    with pytest.raises(ValidationError):
        RUN_EVENT.validate_json('{"type": "run_exploded"}')


def test_a_fault_tells_its_place() -> None:
    assert str(FAULT) == "line 3, message 0, image 1: not an image"


def test_a_fault_of_the_whole_file_has_no_place() -> None:
    assert str(DatasetFault(code="empty_dataset", detail="no rows")) == "no rows"


def test_many_faults_are_told_by_the_first_and_their_number() -> None:
    assert str(InvalidDataset([FAULT, FAULT, FAULT])) == "line 3, message 0, image 1: not an image (and 2 more)"
