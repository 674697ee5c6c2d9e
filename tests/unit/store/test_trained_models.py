"""Names of trained models, and what they lead to."""

import pytest
from sqlalchemy import update

from store import artifacts, checkpoints, jobs, leases, trained_models
from store.database import Database
from store.files import BaseModelNotFound
from store.leases import Lease
from store.tables import Job
from store.trained_models import Left, ModelName, ModelNotFound, Origin
from tests.unit.queued import claim_submitted
from trainer_core.contract.events import CheckpointSaved
from trainer_core.contract.manifest import Manifest
from trainer_core.contract.spec import Export, JobSpec, Lora

EMPTY = Manifest(files=())


def saved(step: int) -> CheckpointSaved:
    path = f"checkpoints/step-{step}"
    return CheckpointSaved(step=step, epoch=1.0, path=path, num_bytes=1, manifest_sha256=f"{step}", metrics={})


def leave(database: Database, spec: JobSpec, *steps: int, succeeds: bool = True) -> Job:
    """A job that has left checkpoints, and an artifact unless it runs still."""
    lease = claim_submitted(database, spec)
    with database.writing() as session:
        for step in steps:
            checkpoints.record(session, lease, saved(step))
        if succeeds:
            artifacts.record(session, lease, "artifact", EMPTY)
            leases.succeed(session, lease)
    return job(database, lease)


def job(database: Database, lease: Lease) -> Job:
    with database.reading() as session:
        return jobs.get(session, lease.job_id)


def origin(database: Database, name: str, revision: str | None = None) -> Origin:
    with database.reading() as session:
        return trained_models.origin(session, name, revision)


def artifact(of: Job, inside: str = "") -> Left:
    return Left(of.id, 1, "artifact", EMPTY.sha256, inside)


def checkpoint(of: Job, step: int) -> Left:
    return Left(of.id, 1, f"checkpoints/step-{step}", f"{step}")


@pytest.mark.parametrize("base_model", ["starter", "HuggingFaceTB/SmolVLM-256M-Instruct"])
@pytest.mark.parametrize("suffix", [None, "my.model_2-b"])
@pytest.mark.parametrize("step", [None, 120])
def test_a_name_is_read_as_it_was_written(
    database: Database, spec: JobSpec, base_model: str, suffix: str | None, step: int | None
) -> None:
    left = leave(database, spec.model_copy(update={"base_model": base_model, "suffix": suffix}))

    name = ModelName.of(left, step)

    assert ModelName.parse(str(name)) == name
    assert str(name).startswith(f"ft:{base_model}:proj_default:{suffix or ''}:")


@pytest.mark.parametrize("name", ["ft:", "ft:starter:proj_default::short", "ft:a:b:c:" + "0" * 26 + ":ckpt-step-x"])
def test_a_name_of_another_form_is_none(database: Database, name: str) -> None:
    with pytest.raises(ModelNotFound, match="a name is ft:"):
        origin(database, name)


def test_a_base_model_is_itself(database: Database) -> None:
    assert origin(database, "organisation/model", "v2") == Origin("organisation/model", "v2")


def test_a_full_model_stands_in_its_bases_place(database: Database, spec: JobSpec) -> None:
    left = leave(database, spec)

    assert origin(database, str(ModelName.of(left))) == Origin("starter", whole=artifact(left))


def test_so_does_a_full_checkpoint_of_a_job_that_runs(database: Database, spec: JobSpec) -> None:
    left = leave(database, spec, 3, 6, succeeds=False)

    assert origin(database, str(ModelName.of(left, 3))) == Origin("starter", whole=checkpoint(left, 3))


def test_of_an_adapter_it_is_the_model_that_it_was_merged_into(database: Database, spec: JobSpec) -> None:
    left = leave(database, spec.model_copy(update={"method": Lora()}))

    assert origin(database, str(ModelName.of(left))) == Origin("starter", whole=artifact(left, "merged"))


def test_adapters_are_put_on_what_they_were_trained_on(database: Database, spec: JobSpec) -> None:
    asked = {"base_model": "organisation/model", "revision": "v2", "method": Lora(), "export": Export(merged=False)}
    first = leave(database, spec.model_copy(update=asked), 3)
    on_first = {"base_model": str(ModelName.of(first)), "method": Lora(quantization="nf4")}

    second = leave(database, spec.model_copy(update=on_first), 5)

    made = Origin("organisation/model", "v2", adapters=(artifact(first), checkpoint(second, 5)), quantization="nf4")
    assert origin(database, str(ModelName.of(second, 5))) == made
    assert ModelName.of(second).base_model == "organisation/model"


def test_a_model_that_is_not_there_yet_says_so(database: Database, spec: JobSpec) -> None:
    left = leave(database, spec, 3, succeeds=False)

    with pytest.raises(BaseModelNotFound, match="the job is running, and its model is there once it has succeeded"):
        origin(database, str(ModelName.of(left)))


def test_a_step_that_was_not_kept_tells_those_that_were(database: Database, spec: JobSpec) -> None:
    left = leave(database, spec, 3, 6)

    with pytest.raises(ModelNotFound, match="those that are kept: 3, 6"):
        origin(database, str(ModelName.of(left, 4)))


def test_another_projects_model_is_not_found(database: Database, spec: JobSpec) -> None:
    left = leave(database, spec)

    with database.reading("proj_other") as session, pytest.raises(ModelNotFound, match="no such job in this project"):
        trained_models.find(session, str(ModelName.of(left)))


@pytest.mark.parametrize("change", [{"base_model": "other"}, {"project_id": "proj_other"}])
def test_every_part_of_a_name_has_to_be_right(database: Database, spec: JobSpec, change: dict[str, str]) -> None:
    name = str(ModelName.of(leave(database, spec)))
    with database.writing() as session:
        session.execute(update(Job).values(**change))

    with pytest.raises(ModelNotFound):
        origin(database, name)
