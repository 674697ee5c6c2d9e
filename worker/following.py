"""One job told to one target, from a claim to the claim's end. Runs in a thread of its own: a target may hang.

Whatever a target does is caught here and written down; it is never the job's fault.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from huggingface_hub import HfApi

from store import artifacts, jobs, news, trackings
from store.database import UNAVAILABLE, Database
from store.files import Storage
from store.jobs import JobNotFound
from store.lifecycle import JobStatus
from store.news import News
from store.tables import Job
from store.trackings import Claim, ClaimLost
from telemetry.redaction import redacted
from trainer_core.contract.integrations import PushToHub
from worker.settings import TrackingSettings
from worker.trackers import hub
from worker.trackers.opening import open_run
from worker.trackers.tracker import Subject, Tracker

log = logging.getLogger(__name__)


def page_of(public_url: str, job_id: str) -> str:
    """A job's page of the dashboard, where people are led; the API's `/jobs/{id}` wants a key of them."""
    return f"{public_url.rstrip('/')}/#/jobs/{job_id}"


class Following:
    """Tells what is claimed until there is no more of it for now."""

    def __init__(
        self,
        settings: TrackingSettings,
        database: Database,
        storage: Storage,
        folder: str,
        claim: Claim,
        stopping: threading.Event,
    ) -> None:
        self.claim = claim
        self._folder = folder
        self._settings = settings
        self._database = database
        self._storage = storage
        self._stopping = stopping

    def run(self) -> None:
        """Tell; returns once the claim is given up, whatever happens."""
        try:
            self._push() if isinstance(self.claim.target, PushToHub) else self._follow()
        except (ClaimLost, JobNotFound):
            log.info("%s: another goes on with it, or its job is deleted", self.claim.tracking_id)
        except UNAVAILABLE as error:
            log.warning("%s: the database does not answer, it is told again: %s", self.claim.tracking_id, error)
        except Exception as error:
            log.warning("%s: %s did not take it", self.claim.tracking_id, self.claim.target.type, exc_info=True)
            self._fail(error)

    def _follow(self) -> None:
        job = self._job()
        if job.attempt == 0:  # it ended before it began
            self._write(trackings.finish)
            return
        target = self.claim.target
        assert not isinstance(target, PushToHub)
        tracker = open_run(target, self._subject(job), self._storage, self._folder)
        try:
            self._tell(tracker)
        finally:
            tracker.close()

    def _tell(self, tracker: Tracker) -> None:
        event_id, metric_id = self.claim.event_id, self.claim.metric_id
        while True:
            told = self._read(event_id, metric_id)
            if (told.event_id, told.metric_id) != (event_id, metric_id):
                tracker.tell(told)
                event_id, metric_id = told.event_id, told.metric_id
                place = {"event_id": event_id, "metric_id": metric_id}
                self._write(trackings.tell, **place, memory=tracker.memory, url=tracker.url)
            if told.is_last:
                tracker.end(self._subject(told.job))
                self._write(trackings.finish)
                return
            if told.is_whole and self._has_paused(told):
                self._write(trackings.release)
                return

    def _has_paused(self, told: News) -> bool:
        """Wait a while for more of a job that runs; True if there is nothing to wait for."""
        return told.job.status != JobStatus.RUNNING or self._stopping.wait(self._settings.tell_seconds)

    def _push(self) -> None:
        target, job = self.claim.target, self._job()
        assert isinstance(target, PushToHub)
        if job.status != JobStatus.SUCCEEDED:
            self._write(trackings.finish)
            return
        artifact = artifacts.of_job(job)
        place = self._storage.run_dir(job.id, artifact.attempt) / artifact.path
        try:
            done = hub.push(HfApi(token=self._token), job, target, self._storage.fetch(place))
        finally:
            self._storage.forget(place)
        url, commit = done.commit_url, done.oid
        self._write(trackings.finish_push, url=url, commit=commit)

    @property
    def _token(self) -> str | None:
        told = self._settings.push_token
        return (told.get_secret_value() or None) if told else None

    def _job(self) -> Job:
        with self._database.reading() as session:
            return jobs.get(session, self.claim.job_id)

    def _read(self, event_id: int, metric_id: int) -> News:
        with self._database.reading() as session:
            return news.since(session, self.claim.job_id, event_id=event_id, metric_id=metric_id)

    def _subject(self, job: Job) -> Subject:
        base = self._settings.public_url
        return Subject(self.claim.tracking_id, job, self.claim.memory, page_of(base, job.id) if base else None)

    def _fail(self, error: Exception) -> None:
        words = redacted(f"{type(error).__name__}: {error}")
        with suppress(ClaimLost, *UNAVAILABLE):
            self._write(trackings.fail, error=words)

    def _write(self, what: Callable[..., None], **told: Any) -> None:
        with self._database.writing() as session:
            what(session, self.claim, **told)
