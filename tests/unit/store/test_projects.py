"""A session of a project finds and changes that project's rows alone."""

from collections.abc import Callable

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from store import datasets, images, inspections, jobs, listing, projects
from store.database import Database, touched
from store.datasets import DatasetNotFound
from store.images import ImagesNotFound
from store.inspections import InspectionNotFound
from store.jobs import JobNotFound
from store.tables import Job
from trainer_core.contract.dataset import DatasetReport
from trainer_core.contract.spec import JobSpec

FILE = {"filename": "f", "num_bytes": 1, "sha256": "0" * 64}
SPEC = JobSpec(base_model="starter", train_dataset="file-theirs")


@pytest.fixture
def stranger(database: Database) -> str:
    """Another project, which has one of everything."""
    with database.writing() as session:
        project_id = projects.add(session, "strangers").id
    with database.writing(project_id) as session:
        datasets.add(session, dataset_id="file-theirs", report=DatasetReport(form="JSONL", num_rows=1), **FILE)  # type: ignore[arg-type]
        images.add(session, images_id="file-image", num_images=1, **FILE)  # type: ignore[arg-type]
    return project_id


@pytest.fixture
def their_job(database: Database, stranger: str) -> str:
    with database.writing(stranger) as session:
        return inspections.submit(session, SPEC).id


LOOKS: dict[str, tuple[Callable[[Session, str], object], type[Exception]]] = {
    "dataset": (lambda session, _: datasets.get(session, "file-theirs"), DatasetNotFound),
    "images": (lambda session, _: images.get(session, "file-image"), ImagesNotFound),
    "a spec's dataset": (lambda session, _: jobs.check_datasets(session, SPEC), DatasetNotFound),
    "job": (jobs.get, JobNotFound),
    "report": (inspections.of_job, JobNotFound),
    "cancel": (jobs.request_cancel, JobNotFound),
    "pause": (jobs.request_pause, JobNotFound),
    "resume": (jobs.resume, JobNotFound),
    "retry": (jobs.retry, JobNotFound),
    "stop and save": (jobs.request_finish, JobNotFound),
}


@pytest.mark.parametrize("look", LOOKS)
def test_what_is_another_projects_is_not_there(database: Database, spec: JobSpec, their_job: str, look: str) -> None:
    ours = spec  # the default project has a dataset of its own
    with database.writing() as session:
        project_id = jobs.get(session, inspections.submit(session, ours).id).project_id
    ask, error = LOOKS[look]

    with database.writing(project_id) as session, pytest.raises(error):
        ask(session, their_job)


def test_a_report_of_another_project_is_not_there(database: Database, stranger: str) -> None:
    with database.writing(stranger) as session:
        report_id = inspections.request(session, SPEC)

    with database.reading("proj_default") as session, pytest.raises(InspectionNotFound):
        inspections.get(session, report_id)


def test_a_list_has_ones_own_only(database: Database, their_job: str, stranger: str) -> None:
    found = {}
    for project_id in ("proj_default", stranger):
        with database.reading(project_id) as session:
            page = listing.page(session, base_model=None, after=None, limit=10)
            found[project_id] = [job.id for job in page]

    assert found == {"proj_default": [], stranger: [their_job]}


def test_statements_of_a_project_touch_no_other_row(database: Database, their_job: str) -> None:
    with database.writing("proj_default") as session:
        changed = touched(session, update(Job).values(priority=7))
        session.execute(delete(Job))

    with database.reading() as session:
        assert (changed, session.scalar(select(Job.priority).where(Job.id == their_job))) == (0, 0)


def test_what_no_project_is_named_for_is_seen_whole(database: Database, their_job: str) -> None:
    with database.reading() as session:
        assert jobs.get(session, their_job).id == their_job
