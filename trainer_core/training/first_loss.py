"""Whether the first loss of a run is one that a trained model has on rows that it has not seen."""

import math

_LEAST = 0.05


def why_odd(loss: float, num_words: int) -> str | None:
    """What a first loss tells of model or rows that a person should know; None if it is an ordinary one.

    Args:
        loss: Mean over the first step's supervised tokens.
        num_words: Size of the vocabulary.
    """
    guessing = math.log(num_words)
    if loss > guessing:
        return (
            f"the first loss is {loss:.2f}, and choosing any token by chance has {guessing:.2f}: the base model's "
            "weights are random or broken, or its processor is not its own"
        )
    if loss < _LEAST:
        return f"the first loss is {loss:.4f}: the base model knows the answers already, or the questions hold them"
    return None
