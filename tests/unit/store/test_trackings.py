"""How far jobs were told to trackers, and by whom."""

import pytest

from store import jobs, leases, trackings
from store.database import Database
from store.leases import Failure
from store.tracking_tables import TrackingStatus
from store.trackings import TRIED_FOR, Claim, ClaimLost, IntegrationNotFound, IntegrationNotGivenUp
from tests.unit.queued import submit_queued
from tests.unit.tracked import (
    TWO,
    claim_all,
    claim_one,
    have_failed_for,
    rows,
    run_again,
    run_tracked,
    tell_steps,
    told,
    tracked,
)
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.integrations import PushToHub, TensorBoard, Wandb
from trainer_core.contract.spec import JobSpec

HOUR = 3600.0
PUSH = PushToHub(repo_id="org/digits")


def tell(database: Database, claim: Claim, *, metric_id: int = 1, event_id: int = 1000) -> None:
    with database.writing() as session:
        trackings.tell(session, claim, event_id=event_id, metric_id=metric_id, memory={"n": 1}, url="http://there")


def fail(database: Database, claim: Claim) -> None:
    with database.writing() as session:
        trackings.fail(session, claim, "ConnectionError: nobody is there")


def release(database: Database, claim: Claim) -> None:
    with database.writing() as session:
        trackings.release(session, claim)


def test_each_tracker_that_a_spec_names_is_told(database: Database, spec: JobSpec) -> None:
    run_tracked(database, spec, *TWO)

    assert [claim.target for claim in claim_all(database)] == list(TWO)


def test_a_job_that_waits_has_nothing_to_tell(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        submit_queued(session, tracked(spec))

    assert claim_all(database) == []


def test_a_tracking_is_claimed_by_one(database: Database, spec: JobSpec) -> None:
    run_tracked(database, spec)

    assert len(claim_all(database)) == 1
    assert claim_all(database) == []


def test_only_kinds_that_are_offered_are_claimed(database: Database, spec: JobSpec) -> None:
    run_tracked(database, spec, *TWO)

    with database.writing() as session:
        found = trackings.claim(session, ("wandb",), seconds=60, limit=10)

    assert [claim.target.type for claim in found] == ["wandb"]


def test_a_claim_that_runs_out_is_taken_over_from_the_place_that_was_told(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec)
    tell_steps(database, lease, [1, 2])
    [first] = claim_all(database, seconds=0)
    tell(database, first, metric_id=1)

    second = claim_one(database)

    assert (second.metric_id, second.event_id, second.memory) == (1, 1000, {"n": 1})
    with pytest.raises(ClaimLost):
        tell(database, first, metric_id=2)


def test_what_is_told_is_not_due_until_there_is_more(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec)
    tell_steps(database, lease, [1])
    claim = claim_one(database)
    tell(database, claim)
    release(database, claim)

    assert claim_all(database) == []
    tell_steps(database, lease, [2])
    assert len(claim_all(database)) == 1


def test_the_job_is_told_once_where_it_is_followed(database: Database, spec: JobSpec) -> None:
    run_tracked(database, spec)
    claim = claim_one(database)

    tell(database, claim)
    tell(database, claim, event_id=1001)

    [event] = told(database)
    assert (event.type, event.message) == ("tracking_started", "TensorBoard follows the job: http://there")
    assert event.data == {"target": "tensorboard", "url": "http://there"}


def test_what_was_not_taken_is_tried_again_later_and_told_once(database: Database, spec: JobSpec) -> None:
    run_tracked(database, spec)
    fail(database, claim_one(database))

    assert claim_all(database) == []  # not yet
    have_failed_for(database, HOUR)
    fail(database, claim_one(database))

    [row] = rows(database)
    assert (row.num_failures, row.status) == (2, TrackingStatus.FOLLOWING)
    [event] = told(database)
    assert event.type == "tracking_failed"
    assert "nobody is there" in event.message


def test_a_target_that_takes_nothing_for_three_days_is_given_up(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec)
    fail(database, claim_one(database))
    have_failed_for(database, TRIED_FOR.total_seconds() + 1)

    fail(database, claim_one(database))

    assert [event.type for event in told(database)] == ["tracking_failed", "tracking_given_up"]
    have_failed_for(database, HOUR)
    tell_steps(database, lease, [1])
    assert claim_all(database) == []


def give_up(database: Database) -> None:
    """Have everything that is claimed fail for three days."""
    for claim in claim_all(database):
        fail(database, claim)
    have_failed_for(database, TRIED_FOR.total_seconds() + 1)
    for claim in claim_all(database):
        fail(database, claim)


def retry(database: Database, job_id: str, kind: str) -> None:
    with database.writing() as session:
        trackings.retry(session, job_id, kind)


def test_what_was_given_up_is_told_at_once_when_it_is_asked_again(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec)
    tell_steps(database, lease, [1])
    give_up(database)

    retry(database, lease.job_id, "tensorboard")

    assert claim_one(database).target == TensorBoard()
    assert [event.message for event in told(database, "tracking_retried")] == [
        "TensorBoard is told of the job again, as was asked for"
    ]


def test_what_is_asked_again_has_three_days_anew_and_its_failure_is_told(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec)
    give_up(database)

    retry(database, lease.job_id, "tensorboard")
    fail(database, claim_one(database))

    [row] = rows(database)
    assert (row.status, row.num_failures) == (TrackingStatus.FOLLOWING, 1)
    assert [event.type for event in told(database)][2:] == ["tracking_retried", "tracking_failed"]


def test_all_of_a_kind_that_were_given_up_are_asked_again_and_no_others(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec, TensorBoard(), Wandb(project="digits"), Wandb(project="more"))
    give_up(database)

    retry(database, lease.job_id, "wandb")

    assert [row.status for row in rows(database)] == ["given_up", "following", "following"]


def test_what_was_not_given_up_is_not_asked_again(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec)

    with pytest.raises(IntegrationNotGivenUp, match="tensorboard of job ftjob"):
        retry(database, lease.job_id, "tensorboard")


def test_what_a_spec_does_not_name_is_not_asked_again(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec)

    with pytest.raises(IntegrationNotFound, match="is not told to wandb"):
        retry(database, lease.job_id, "wandb")


def test_what_is_taken_again_counts_three_days_anew(database: Database, spec: JobSpec) -> None:
    run_tracked(database, spec)
    fail(database, claim_one(database))
    have_failed_for(database, HOUR)

    tell(database, claim_one(database))

    [row] = rows(database)
    assert (row.failing_since, row.num_failures) == (None, 0)


def test_a_failing_tracker_leaves_its_job_as_it_is(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec)

    fail(database, claim_one(database))

    with database.writing() as session:
        leases.succeed(session, lease)
    with database.reading() as session:
        assert jobs.get(session, lease.job_id).status == "succeeded"


def test_a_push_waits_for_the_jobs_end(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec.model_copy(update={"push_to_hub": PUSH}))
    tell_steps(database, lease, [1])
    assert [claim.target.type for claim in claim_all(database)] == ["tensorboard"]

    with database.writing() as session:
        leases.succeed(session, lease)

    assert [claim.target for claim in claim_all(database)] == [PUSH]


def test_a_push_tells_the_job_its_commit(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec.model_copy(update={"push_to_hub": PUSH}), TensorBoard())
    with database.writing() as session:
        leases.succeed(session, lease)
    [push] = [claim for claim in claim_all(database) if claim.target == PUSH]

    with database.writing() as session:
        trackings.finish_push(session, push, url="https://hub/commit/abc", commit="abc")

    [event] = told(database, "pushed")
    assert event.data == {"target": "hub", "url": "https://hub/commit/abc", "commit": "abc"}


def test_a_job_that_is_retried_is_followed_again(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec)
    claim = claim_one(database)
    tell(database, claim)
    with database.writing() as session:
        leases.fail(session, lease, Failure(FailureCode.INVALID_SPEC, "no such part"))
        trackings.finish(session, claim)
        jobs.retry(session, lease.job_id)
    assert claim_all(database) == []

    with database.writing() as session:
        assert leases.claim(session, worker="w", seconds=90)

    with database.reading() as session:
        [row] = trackings.of_job(session, lease.job_id)
    assert row.status == TrackingStatus.FOLLOWING


def test_whoever_ends_a_run_while_its_job_is_retried_has_lost_it(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec)
    claim = claim_one(database)
    with database.writing() as session:
        leases.fail(session, lease, Failure(FailureCode.INVALID_SPEC, "no such part"))
        jobs.retry(session, lease.job_id)

    with pytest.raises(ClaimLost), database.writing() as session:
        trackings.finish(session, claim)


def test_a_job_that_goes_back_to_the_queue_is_followed_on(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec)
    tell_steps(database, lease, [1])
    claim = claim_one(database)
    tell(database, claim)
    release(database, claim)

    again = run_again(database, lease)
    tell_steps(database, again, [2])

    assert claim_one(database).metric_id == 1
