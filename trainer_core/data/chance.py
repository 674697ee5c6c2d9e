"""Random numbers as a function of what they are for, so that it does not matter what was drawn before.

A step draws the same ones wherever its run was resumed, and a row whichever process encodes it.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from pytorch_lightning.utilities.seed import isolate_rng

_FOR_STEPS, _FOR_ROWS = 0, 1


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seed whatever one rank draws from in a step: torch on every device, numpy and Python."""
    torch.manual_seed(_seed(seed, _FOR_STEPS, step, rank))


@contextmanager
def seeded_row(seed: int, line: int, part: int) -> Iterator[None]:
    """While a sample is encoded, draw what is its own; afterwards go on as before, but for numbers of a GPU."""
    with isolate_rng(include_cuda=False):  # a loader process, which is forked, may not ask a GPU
        # That of the CPU alone: asking for all devices takes as long as encoding a short text.
        torch.default_generator.manual_seed(_seed(seed, _FOR_ROWS, line, part))
        yield


def _seed(*key: int) -> int:
    """Seed Python and numpy; gives the seed for torch."""
    # Mixed, since torch's generator on the CPU takes the lower half of its seed only.
    words = np.random.SeedSequence(key).generate_state(3, np.uint64).tolist()
    random.seed(words[1])
    np.random.seed(words[2] % 2**32)  # noqa: NPY002 - whatever draws in a processor draws from this one
    return int(words[0])
