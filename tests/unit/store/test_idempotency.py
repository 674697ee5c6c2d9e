"""Keys of submissions."""

import hashlib
import json
import threading

import pytest
from sqlalchemy import func, select, update

from store import idempotency, inspections
from store.clock import from_now
from store.database import Database
from store.idempotency import KeyReused, KeyTaken
from store.tables import IdempotencyKey, Job
from trainer_core.contract.spec import Dpo, JobSpec

HOUR = 3600


def submit(database: Database, key: str, spec: JobSpec) -> str:
    with database.writing() as session:
        job = inspections.submit(session, spec)
        idempotency.keep(session, key, spec, job.id)
    return job.id


def job_of(database: Database, key: str, spec: JobSpec) -> str | None:
    with database.reading() as session:
        return idempotency.job_of(session, key, spec)


def num_jobs(database: Database) -> int | None:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(Job))


def test_a_key_leads_to_its_job(database: Database, spec: JobSpec) -> None:
    job_id = submit(database, "k", spec)

    assert job_of(database, "k", spec) == job_id


def test_a_key_that_nobody_sent_leads_nowhere(database: Database, spec: JobSpec) -> None:
    assert job_of(database, "k", spec) is None


def test_what_a_body_leaves_out_may_be_written_out(database: Database, spec: JobSpec) -> None:
    job_id = submit(database, "k", JobSpec.model_validate_json('{"train_dataset": "file-1", "base_model": "starter"}'))

    assert job_of(database, "k", JobSpec.model_validate_json(spec.model_dump_json())) == job_id


def test_a_key_with_another_spec_is_refused_with_the_job_that_has_it(database: Database, spec: JobSpec) -> None:
    job_id = submit(database, "k", spec)

    with pytest.raises(KeyReused, match=job_id):
        job_of(database, "k", spec.model_copy(update={"seed": 7}))


def test_a_taken_key_leaves_no_second_job(database: Database, spec: JobSpec) -> None:
    submit(database, "k", spec)

    with pytest.raises(KeyTaken):
        submit(database, "k", spec)

    assert num_jobs(database) == 1


def test_of_many_that_meet_one_submits(database: Database, spec: JobSpec) -> None:
    lost: list[KeyTaken] = []

    def race() -> None:
        try:
            submit(database, "k", spec)
        except KeyTaken as error:
            lost.append(error)

    racers = [threading.Thread(target=race) for _ in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()

    assert (num_jobs(database), len(lost)) == (1, 7)


@pytest.mark.parametrize(("age_hours", "is_kept"), [(71, True), (73, False)])
def test_keys_are_kept_for_three_days(database: Database, spec: JobSpec, age_hours: int, *, is_kept: bool) -> None:
    submit(database, "k", spec)
    with database.writing() as session:
        session.execute(update(IdempotencyKey).values(created_at=from_now(-age_hours * HOUR)))

    with database.writing() as session:
        idempotency.forget_old(session)

    assert (job_of(database, "k", spec) is not None) == is_kept


def test_a_key_from_before_specs_had_an_objective_still_leads_to_its_job(database: Database, spec: JobSpec) -> None:
    told = spec.model_dump(mode="json", exclude={"objective"})
    before = hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    job_id = submit(database, "k", spec)
    with database.writing() as session:
        session.execute(update(IdempotencyKey).values(spec_sha256=before))

    assert job_of(database, "k", spec) == job_id
    with pytest.raises(KeyReused):
        job_of(database, "k", spec.model_copy(update={"objective": Dpo()}))
