"""How a worker is deployed."""

import math
import socket
import sys
from typing import Annotated

from pydantic import Field, SecretStr

from store.settings import StoreSettings
from trainer_core.contract.orders import CACHE_BYTES
from trainer_core.contract.trust import TrustedCode


class WorkerSettings(StoreSettings):
    """Read from the environment, names prefixed `TUNEYARD_`; built only in composition roots."""

    worker_name: str = Field(default_factory=socket.gethostname)
    """What attempts on this worker are called by; each worker needs its own."""
    trainer_command: tuple[str, ...] = (sys.executable, "-m", "trainer_core")
    """The program that carries out runs, as a JSON list: a wrapper such as `numactl` may stand before it.

    It is started ahead with `--warm`, and then forks for each run and each check of a job.
    """
    trusted_code: tuple[TrustedCode, ...] = ()
    """Models of the hub whose own code may run in trainers here, each at one commit: `["org/name@<40 digits>"]`. A job
    that names no revision of such a model gets this commit; of every other model, code is never run."""
    warm_idle_seconds: Annotated[float, Field(ge=0)] = math.inf
    """How long the warm trainer, which holds 560 MB, stays without work; jobs then start in ten seconds, not in two."""
    trainer_memory_bytes: Annotated[int, Field(gt=0)] | None = None
    """What a trainer and its processes may take of the host's memory; None: nine tenths of it. A job that takes more
    fails."""
    trainer_processes: Annotated[int, Field(gt=0)] = 512
    """Most processes of one trainer, itself included."""
    trainer_disk_bytes: Annotated[int, Field(gt=0)] | None = None
    """Most that an attempt may write into its folder; None: nine tenths of what is free when it starts."""
    num_slots: Annotated[int, Field(gt=0)] = 1
    """Jobs that run here on the CPU at the same time; every GPU takes jobs of its own."""
    lease_seconds: Annotated[float, Field(gt=0)] = 90
    """How long a job stays with a runner that gives no sign of life."""
    beat_seconds: Annotated[float, Field(gt=0)] = 10
    """How often a runner renews its lease."""
    sweep_seconds: Annotated[float, Field(gt=0)] = 5
    """How often a worker looks for expired leases and for queued jobs that nobody rang for."""
    inspection_seconds: Annotated[float, Field(gt=0)] = 6 * 3600
    """How long checking a job before it is queued may take."""
    cache_bytes: Annotated[int, Field(ge=0)] = CACHE_BYTES
    """What encoded rows and features of images may take in the storage's `cache` folder, for all jobs together; with 0
    nothing is kept there."""
    chat_idle_seconds: Annotated[float, Field(gt=0)] = 300
    """How long a model that was tried stays on its slot without being asked; it makes way for a job at once."""
    word_grace_seconds: Annotated[float, Field(gt=0)] = 8
    """How long a trainer that was asked to cancel has before SIGTERM."""
    drain_grace_seconds: Annotated[float, Field(gt=0)] = 45
    """How long a trainer that was asked to save and end has before SIGTERM."""
    kill_grace_seconds: Annotated[float, Field(gt=0)] = 4
    """How long its process group has between SIGTERM and SIGKILL."""


class TrackingSettings(StoreSettings):
    """How `python -m worker.tracking` is deployed, which tells jobs to trackers and to the hub.

    Their credentials are in its environment under the names that their own clients read: `WANDB_API_KEY`,
    `MLFLOW_TRACKING_URI` and the like.
    """

    tell_seconds: Annotated[float, Field(gt=0)] = 10
    """How often trackers are told what is new."""
    push_token: SecretStr | None = None
    """Of the Hugging Face hub, one that may write. None: the one that huggingface_hub finds, `HF_TOKEN` say, which
    trainers see too where they share the environment."""
    public_url: str | None = None
    """Where people reach this service, `https://tuneyard.example.com`: trackers lead to a job's page there."""
