"""How the learning rate goes over a run: up from 0 in the warm-up, then as the spec says.

The same curves as `transformers.get_scheduler`, whose import would cost a second.
"""

import math
from collections.abc import Callable

from trainer_core.contract.spec import Hyperparameters


def factor(chosen: Hyperparameters, total_steps: int) -> Callable[[int], float]:
    """Part of the learning rate to use once so many steps are done."""
    num_warmup_steps = math.ceil(chosen.warmup_ratio * total_steps)

    def at(steps_done: int) -> float:
        if steps_done < num_warmup_steps:
            return steps_done / num_warmup_steps
        gone = (steps_done - num_warmup_steps) / max(1, total_steps - num_warmup_steps)
        match chosen.learning_rate_schedule:
            case "cosine":
                return (1 + math.cos(math.pi * min(gone, 1.0))) / 2
            case "linear":
                return max(0.0, 1 - gone)
            case "constant":
                return 1.0

    return at
