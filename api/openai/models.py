"""/v1/models: base models that are registered, and what the project has trained."""

from typing import Literal, Self

from fastapi import APIRouter

from api.guard import Caller, CallerDep
from api.openai.times import seconds
from api.views import View
from store import artifacts, listing, trained_models
from store.files import BaseModelNotFound
from store.tables import Job
from store.trained_models import ModelName

router = APIRouter(prefix="/v1/models", tags=["openai"])

OPERATOR = "operator"
_MOST_TRAINED = 1000
"""The newest trained models are listed."""


class NotDeletable(Exception):
    """A model that is not the project's own trained one."""


class Model(View):
    """What a job can train on, and a chat be asked of."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class TrainedModel(Model):
    """What a job has left."""

    root: str
    """The base model that all began with."""
    parent: str
    """What the job has trained on."""
    fine_tuning_job_id: str

    @classmethod
    def of(cls, job: Job, name: str | None = None) -> Self:
        """The model of a job, or what it has under another name."""
        return cls(
            id=name or str(ModelName.of(job)),
            created=seconds(job.finished_at or job.created_at),
            owned_by=job.project_id,
            root=trained_models.root_of(job.base_model),
            parent=job.base_model,
            fine_tuning_job_id=job.id,
        )


class Models(View):
    """All models that there are for a project."""

    object: Literal["list"] = "list"
    data: list[TrainedModel | Model]


class ModelDeleted(View):
    """What is left of a model."""

    id: str
    object: Literal["model"] = "model"
    deleted: Literal[True] = True


@router.get("")
def list_models(caller: CallerDep) -> Models:
    """Registered base models, then the project's trained ones, newest first."""
    base = [_base(name) for name in caller.parts.storage.base_models()]
    with caller.reading() as session:
        trained = [TrainedModel.of(job) for job in listing.with_artifact(session, limit=_MOST_TRAINED)]
    return Models(data=[*base, *trained])


@router.get("/{model:path}")
def read_model(model: str, caller: CallerDep) -> TrainedModel | Model:
    """One model: a base model, a trained one, or a checkpoint."""
    if not trained_models.is_trained(model):
        caller.parts.storage.base_model(model, hub_models=caller.parts.settings.hub_models)
        return _base(model)
    with caller.reading() as session:
        job, _ = trained_models.find(session, model)
        return TrainedModel.of(job, model)


@router.delete("/{model:path}")
def delete_model(model: str, caller: CallerDep) -> ModelDeleted:
    """Delete a trained model of the project, with its files; its job and its checkpoints stay."""
    if not trained_models.is_trained(model):
        _known(model, caller)
        raise NotDeletable(f"{model!r} is a base model; whoever runs this service takes it away")
    with caller.writing() as session:
        job = trained_models.find_own(session, model)
        if ModelName.parse(model).step is not None:
            raise NotDeletable(f"{model!r} is a checkpoint; older ones go by themselves, see checkpointing.keep_last")
        artifact = artifacts.of_job(job)
        folder = caller.parts.storage.run_dir(artifact.job_id, artifact.attempt) / artifact.path
        artifacts.forget(session, job)
    for place in caller.parts.storage.files(folder):
        caller.parts.storage.delete(place)
    return ModelDeleted(id=model)


def _known(model: str, caller: Caller) -> None:
    if model not in caller.parts.storage.base_models():
        raise BaseModelNotFound(f"no model {model!r}")


def _base(name: str) -> Model:
    return Model(id=name, created=0, owned_by=OPERATOR)
