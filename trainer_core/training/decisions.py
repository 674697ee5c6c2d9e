"""What a run found out about its model and its device in its first steps, and computes by from then on.

A resumed run must not find out again: by then the model is another one, and might be judged otherwise.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from trainer_core.contract.spec import JobSpec
from trainer_core.data.pixels import Unit
from trainer_core.models.sight import Joining
from trainer_core.training.packing import Way
from trainer_core.training.room import Room


@dataclass
class Decisions:
    """How rows are computed."""

    room: Room
    """Of a forward pass in training."""
    evaluation_room: Room
    """Of one in an evaluation, whose batches shrink apart from those that train."""
    is_rehearsed: bool = False
    is_row_by_row: bool = False
    """True if rows in batches have not the losses that they have alone."""
    has_plain_head: bool = False
    """True if logits are what the head gives, so that they can be computed a part of the targets at a time."""
    features_of: Unit | None = None
    """What features are kept of; None: images are looked at each time."""
    joinings: dict[str, Joining] = field(default_factory=dict)
    """Features that the model reads, and how those of a batch are joined."""
    is_packing_tried: bool = False
    packing: Way | None = None
    """How rows are packed; None: they are padded."""
    is_checked: bool = False
    """True once it is known which parameters get gradients."""
    unused: tuple[str, ...] = ()
    """Parameters of the base that get none, and are left as they are."""

    @classmethod
    def of(cls, spec: JobSpec) -> Self:
        """None yet, but for what the spec says."""
        chosen = spec.hyperparameters
        return cls(
            Room(chosen.batch_size, chosen.max_batch_tokens, chosen.gradient_checkpointing),
            Room(spec.evaluation.batch_size or chosen.batch_size, chosen.max_batch_tokens, gradient_checkpointing=True),
        )

    @classmethod
    def remembered(cls, state: dict[str, Any]) -> Self:
        """Those of a checkpoint."""
        return cls(**state | {name: Room(**state[name]) for name in ("room", "evaluation_room")})

    @property
    def state(self) -> dict[str, Any]:
        """What a checkpoint has to remember."""
        return asdict(self)
