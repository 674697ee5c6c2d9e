"""What a run takes of its machine, read without waiting for the device."""

import resource

import torch

_MAXRSS_BYTES = 1024
"""Linux counts in kibibytes."""


def peak_bytes(device: torch.device) -> int:
    """Most memory that tensors have taken on a GPU so far; on the CPU, that this process has."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_BYTES
