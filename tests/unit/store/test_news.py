"""What trackers are told of a job, each step once."""

from store import leases, news
from store.database import Database
from store.news import News
from tests.unit.tracked import evaluate, run_again, run_tracked, tell_steps
from trainer_core.contract.spec import JobSpec


def since(database: Database, job_id: str, event_id: int = 0, metric_id: int = 0) -> News:
    with database.reading() as session:
        return news.since(session, job_id, event_id=event_id, metric_id=metric_id)


def steps(told: News, name: str = "loss") -> list[int]:
    return [point.step for point in told.points if point.name == name]


def test_points_come_in_order_with_their_times(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec)
    tell_steps(database, lease, [1, 2])

    told = since(database, lease.job_id)

    assert [(point.step, point.value) for point in told.points] == [(1, 1.0), (2, 0.5)]
    assert all(point.at.utcoffset() is not None for point in told.points)


def test_what_is_told_goes_on_behind_the_place(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec)
    tell_steps(database, lease, [1, 2])
    first = since(database, lease.job_id)
    tell_steps(database, lease, [3])

    second = since(database, lease.job_id, first.event_id, first.metric_id)

    assert steps(second) == [3]


def test_steps_that_an_attempt_repeats_are_told_once(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec)
    tell_steps(database, lease, [1, 2, 3])
    again = run_again(database, lease)
    tell_steps(database, again, [2, 3, 4])

    assert steps(since(database, lease.job_id)) == [1, 2, 3, 4]


def test_a_third_attempt_repeats_what_the_first_has_told(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec)
    tell_steps(database, lease, [1, 2, 3])
    second = run_again(database, lease)
    tell_steps(database, second, [2])
    third = run_again(database, second)
    tell_steps(database, third, [2, 3, 4])

    assert steps(since(database, lease.job_id)) == [1, 2, 3, 4]


def test_samples_of_an_evaluation_that_is_repeated_are_told_once(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec)
    evaluate(database, lease, 2)
    again = run_again(database, lease)
    evaluate(database, again, 2)
    evaluate(database, again, 4)

    told = since(database, lease.job_id)

    assert [samples.step for samples in told.samples] == [2, 4]
    assert steps(told, "eval_loss") == [2, 4]
    assert told.samples[0].predictions[0].output == "9"


def test_the_last_news_of_a_job_is_that_of_one_that_has_ended(database: Database, spec: JobSpec) -> None:
    lease = run_tracked(database, spec)
    assert not since(database, lease.job_id).is_last

    with database.writing() as session:
        leases.succeed(session, lease)

    assert since(database, lease.job_id).is_last
