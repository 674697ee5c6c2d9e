"""How the processes of a run came to be: by the first of them, on one machine, or by torchrun, on one or several.

torchrun says in the environment what each process is. Here that is read, and nothing else of it is known.
"""

import os
from collections.abc import Mapping

_OF_A_RANK = (
    "GROUP_", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_", "NODE_RANK", "RANK", "ROLE_", "TORCHELASTIC_", "WORLD_SIZE",
)  # fmt: skip


def is_by_torchrun() -> bool:
    """True if torchrun started this process, or what speaks as it does."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def rank() -> int:
    """This process among all of the run, from 0; the first tells and saves."""
    return int(os.environ["RANK"] if is_by_torchrun() else os.environ.get("LOCAL_RANK", "0"))


def num_nodes() -> int:
    """Machines that share the run."""
    return int(os.environ["GROUP_WORLD_SIZE"]) if is_by_torchrun() else 1


def num_per_node(asked: int) -> int:
    """Processes on each of them: as many as torchrun has started, else as many as are asked for."""
    return int(os.environ["LOCAL_WORLD_SIZE"]) if is_by_torchrun() else asked


def alone(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what makes a process one of several ranks."""
    return {name: value for name, value in environment.items() if not name.startswith(_OF_A_RANK)}
