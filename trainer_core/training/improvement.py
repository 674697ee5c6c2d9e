"""Which evaluation was the best, and whether there is still any use in going on."""

from dataclasses import dataclass

from trainer_core.contract.spec import LOWER_IS_BETTER, EvaluationMetric


@dataclass
class Improvement:
    """The best evaluation so far, by one metric."""

    metric: EvaluationMetric
    best_value: float | None = None
    best_step: int | None = None
    num_without: int = 0
    """Evaluations since the best one that were no better by at least the least change."""

    def take(self, step: int, value: float | None, min_delta: float = 0.0) -> bool:
        """Note an evaluation; True if it is the best so far. A value that is not finite never is."""
        gain = self._gain(value)
        self.num_without = 0 if gain is not None and gain > min_delta else self.num_without + 1
        if gain is None or gain <= 0:
            return False
        self.best_value, self.best_step = value, step
        return True

    def _gain(self, value: float | None) -> float | None:
        if value is None:
            return None
        if self.best_value is None:
            return float("inf")
        return self.best_value - value if self.metric in LOWER_IS_BETTER else value - self.best_value
