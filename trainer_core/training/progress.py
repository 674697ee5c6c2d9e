"""How far a run has come, as far as the rest of it depends on that; a checkpoint remembers it."""

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from trainer_core.training.improvement import Improvement


@dataclass
class Progress:
    """Where a run is, between two steps."""

    improvement: Improvement
    step: int = 0
    """Steps that are done. Each is done as a whole or not at all, however many micro-batches it has."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Last finite values by name."""
    num_skipped: int = 0
    """Steps in a row, up to this one, that changed nothing."""
    is_evaluation_owed: bool = False
    """True if this step's evaluation was given up because the run was asked to end."""
    is_last: bool = False
    """True if no step comes after this one."""

    @classmethod
    def remembered(cls, state: dict[str, Any]) -> Self:
        """That of a checkpoint."""
        return cls(**state | {"improvement": Improvement(**state["improvement"])})

    @property
    def state(self) -> dict[str, Any]:
        """What a checkpoint has to remember."""
        return asdict(self)
