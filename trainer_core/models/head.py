"""The head of a language model, only where there is a target; where these are many, a part of them at a time.

N positions with a target, H wide, V words of the vocabulary.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

_CHUNK_BYTES = 64 * 1024**2
"""Of one part's logits in float32."""


def keeps_targets(model: PreTrainedModel) -> bool:
    """True if a model takes `logits_to_keep` (B, T) bool, and then computes its head nowhere else.

    What transformers' own function slices is sliced like that, whatever the class.
    """
    return "slice_logits_to_keep" in inspect.unwrap(type(model).forward).__code__.co_names


def has_plain_head(model: PreTrainedModel, logits: Callable[[], Tensor]) -> bool:
    """True if a model's logits are what its head gives, neither scaled nor capped afterwards."""
    head, given = model.get_output_embeddings(), list[Tensor]()
    if head is None:
        return False
    hook = head.register_forward_hook(lambda _head, _inputs, output: given.append(output.clone()))
    try:
        told = logits()
    finally:
        hook.remove()
    return len(given) == 1 and torch.equal(given[0], told)


def are_many(num_targets: int, num_words: int) -> bool:
    """True if the logits of so many targets are better not held all at once."""
    return num_targets > _chunk_size(num_words)


def mean_loss_by_parts(
    head: nn.Module,
    run: Callable[[], object],
    labels: Tensor,
    loss_fn: Callable[[Tensor, Tensor, Tensor | None], Tensor],
) -> Tensor:
    """The mean loss, whose logits are held for a part of the targets at a time, and computed again going back.

    Args:
        head: Gives a target's logits, with nothing done to them afterwards.
        run: Has the model give its head the hidden states of the targets, (N, H).
        labels: (N) int64.
        loss_fn: Mean over the targets that it is given.
    """

    def summed(part: Tensor, targets: Tensor) -> Tensor:
        return loss_fn(head(part), targets, None) * len(targets)

    losses = _by_parts(head, run, labels, summed)
    return torch.stack(losses).sum() / len(labels)


def log_probabilities(logits: Tensor, targets: Tensor) -> Tensor:
    """Of each target, in float32: (N, V) logits and (N) int64 to (N)."""
    return -cross_entropy(logits.float(), targets, reduction="none")


def log_probabilities_by_parts(head: nn.Module, run: Callable[[], object], labels: Tensor) -> Tensor:
    """The same from a model, whose logits are held for a part of the targets at a time; see `mean_loss_by_parts`."""
    return torch.cat(_by_parts(head, run, labels, lambda part, targets: log_probabilities(head(part), targets)))


def _by_parts(
    head: nn.Module, run: Callable[[], object], labels: Tensor, compute: Callable[[Tensor, Tensor], Tensor]
) -> list[Tensor]:
    weight: Any = head.weight
    size = _chunk_size(weight.shape[0])
    with _hidden_states_before(head) as taken:
        run()
    parts = zip(torch.split(taken[0], size), torch.split(labels, size), strict=True)
    return [checkpoint(compute, *part, use_reentrant=False) for part in parts]


@contextmanager
def _hidden_states_before(head: nn.Module) -> Iterator[list[Tensor]]:
    """While the model runs, keep what its head is given, and have the head compute nothing."""
    taken: list[Tensor] = []

    def take(_head: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        taken.append(inputs[0])
        return (inputs[0][:0], *inputs[1:])

    hook = head.register_forward_pre_hook(take)
    try:
        yield taken
    finally:
        hook.remove()


def _chunk_size(num_words: int) -> int:
    return max(1, _CHUNK_BYTES // (4 * num_words))
