"""Whom else a job is told to: trackers of metrics, and the Hugging Face hub. The credentials are the operator's."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from trainer_core.contract.closed import Closed

REVISION = r"^[A-Za-z0-9_][A-Za-z0-9_-]*([./][A-Za-z0-9_][A-Za-z0-9_-]*)*$"
"""Of git, without what would lead elsewhere where it becomes a path: the hub's cache keeps a file of this name."""
_Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]
_WandbName = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^/\\#?%:\x00-\x1f]+$")]
"""W&B takes no other in a project's name."""
_Tag = Annotated[str, StringConstraints(min_length=1, max_length=64)]
_TagKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]


class TensorBoard(Closed):
    """An event file on the service's storage: `tensorboard --logdir <storage>/tensorboard/<project>`."""

    type: Literal["tensorboard"] = "tensorboard"


class MLflow(Closed):
    """A run on the operator's MLflow server."""

    type: Literal["mlflow"] = "mlflow"
    experiment: _Name = "tuneyard"
    """Made if it is not there."""
    run_name: _Name | None = None
    """None means the job's suffix, or its id."""
    tags: Annotated[dict[_TagKey, Annotated[str, StringConstraints(max_length=512)]], Field(max_length=16)] = Field(
        default_factory=dict
    )
    """Words of yours, by name."""


class Wandb(Closed):
    """A run at Weights & Biases."""

    type: Literal["wandb"] = "wandb"
    project: _WandbName
    """Made if it is not there."""
    name: _Name | None = None
    """Of the run; None means the job's suffix, or its id."""
    entity: _WandbName | None = None
    """Account or team; None means that of the operator's key."""
    tags: Annotated[tuple[_Tag, ...], Field(strict=False, max_length=32)] = ()
    """Words of yours."""


Integration = Annotated[TensorBoard | MLflow | Wandb, Field(discriminator="type")]
TrackerKind = Literal["tensorboard", "mlflow", "wandb"]


class PushToHub(Closed):
    """A repository of the Hugging Face hub that gets what the job leaves, once it has succeeded."""

    type: Literal["hub"] = "hub"
    repo_id: Annotated[
        str, StringConstraints(max_length=96, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*$")
    ]
    """`organisation/name`; made if it is not there."""
    private: bool = True
    """Of a repository that is made for this."""
    revision: Annotated[str, StringConstraints(max_length=128, pattern=REVISION)] = "main"
    """The branch; made if it is not there."""
    merged: Annotated[bool, Field(title="Push the merged model")] = False
    """Push the model that the adapter is merged into, in place of the adapter."""


Target = Annotated[TensorBoard | MLflow | Wandb | PushToHub, Field(discriminator="type")]
"""Whoever is told of one job."""
