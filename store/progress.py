"""How far a running job is, as its last step told."""

from trainer_core.contract.closed import Closed
from trainer_core.contract.events import StepCompleted


class Progress(Closed):
    """The newest step of a job."""

    step: int
    total_steps: int
    epoch: float
    loss: float | None
    learning_rate: float
    elapsed_seconds: float
    """Wall time since the attempt's first batch."""
    remaining_seconds: float
    """At the pace so far."""

    @classmethod
    def after(cls, event: StepCompleted, *, first_step: int) -> "Progress":
        """Progress after a step of an attempt that began at `first_step`."""
        pace_seconds = event.elapsed_seconds / (event.step - first_step)
        return cls(
            step=event.step,
            total_steps=event.total_steps,
            epoch=event.epoch,
            loss=event.loss,
            learning_rate=event.learning_rate,
            elapsed_seconds=event.elapsed_seconds,
            remaining_seconds=pace_seconds * (event.total_steps - event.step),
        )
