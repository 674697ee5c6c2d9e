# Made from client/aio/jobs.py by `make client-sync`: change that file, not this one.
"""`tuneyard.jobs`: every verb of the API about jobs, and a job that has them as methods."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import uuid4

import httpx2
from pydantic import PrivateAttr, ValidationInfo, model_validator
from pydantic_core import to_jsonable_python

from client import views
from client.errors import UnreadableInput
from client.pieces import OnBytes
from client.report_views import Evaluation, Integration, SeriesOfJob, Timeline
from client.streaming import StreamMessage
from client.sync.download import download, download_file
from client.sync.following import follow
from client.sync.transport import Transport
from client.views import Artifact, Checkpoint, Event, JobCounts, LogLine, Report, Series
from trainer_core.contract.spec import JobSpec

_WAIT_SECONDS = 20
"""How long one request waits for a change."""
FOLLOW_PATIENCE_SECONDS = 60
"""How long the service may be away while a job is followed."""
P = ParamSpec("P")
T = TypeVar("T")
Spec = JobSpec | Mapping[str, Any]


class Jobs:
    """Jobs, by their ids."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, spec: Spec | None = None, *, idempotency_key: str | None = None, **fields: Any) -> "Job":
        """Submit a job.

        Args:
            spec: What to train. A mapping goes out as it is, so that the service says what is wrong with it.
            idempotency_key: Whoever submits the same spec under the same key again, within 72 hours, gets the same job.
                By default each call has a key of its own, under which it is sent again if its answer was lost.
            fields: Fields of a `JobSpec`; they go before those of `spec`.
        """
        key = str(uuid4()) if idempotency_key is None else idempotency_key
        if not key.isascii():
            raise UnreadableInput(f"the idempotency key {key!r} is not ASCII, as HTTP has it")
        return self._one("POST", "/jobs", repeats=True, json=_body(spec, fields), headers={"Idempotency-Key": key})

    def retrieve(self, job_id: str) -> "Job":
        """A job as it is now."""
        return self._read((self._transport.get(f"/jobs/{job_id}")).content)

    def list(
        self,
        *,
        status: str | Sequence[str] | None = None,
        base_model: str | None = None,
        metadata: Mapping[str, str] | None = None,
        search: str | None = None,
    ) -> Iterator["Job"]:
        """Every job, newest first, page by page.

        Args:
            status: Only jobs that are so, or so or so.
            base_model: Only jobs that train this.
            metadata: Only jobs that have all these pairs.
            search: Only jobs whose id, base model or suffix holds this, in upper or lower case.
        """
        asked = {"status": status, "base_model": base_model, "search": search}
        pairs = {f"metadata[{name}]": value for name, value in (metadata or {}).items()}
        for one in self._transport.pages("/jobs", **asked, **pairs):
            yield Job.model_validate(one, context=self)

    def counts(self) -> JobCounts:
        """How many jobs there are of each status."""
        return JobCounts.model_validate_json((self._transport.get("/jobs/counts")).content)

    def validate(self, spec: Spec | None = None, **fields: Any) -> Report:
        """Find out whether a job would run, without submitting it; a worker looks at every row, however many."""
        return self._report("/jobs/validate", _body(spec, fields))

    def estimate(self, spec: Spec | None = None, **fields: Any) -> Report:
        """The same; what a job takes is its `estimate`."""
        return self._report("/jobs/estimate", _body(spec, fields))

    def preview(self, spec: Spec | None = None, **fields: Any) -> Report:
        """The same; rows as the model will read them are its `preview`."""
        return self._report("/jobs/preview", _body(spec, fields))

    def report(self, job_id: str) -> Report:
        """What was found out about a submitted job before it was queued, or why it was not."""
        return Report.model_validate_json((self._transport.get(f"/jobs/{job_id}/report")).content)

    def watch(self, job_id: str) -> Iterator["Job"]:
        """The job as it is now and after each change, to its end; a service that restarts meanwhile is waited for."""
        response = self._transport.get(f"/jobs/{job_id}")
        while True:
            if response.status_code != httpx2.codes.NOT_MODIFIED:
                job = self._read(response.content)
                yield job
                if job.has_ended:
                    return
            response = self._transport.get(
                f"/jobs/{job_id}",
                params={"wait": _WAIT_SECONDS},
                headers={"If-None-Match": response.headers["ETag"]},
                patience_seconds=FOLLOW_PATIENCE_SECONDS,
            )

    def wait(self, job_id: str) -> "Job":
        """The job once it has ended."""
        for job in self.watch(job_id):
            if job.has_ended:
                break
        return job

    def cancel(self, job_id: str) -> "Job":
        """End a job: at once if it waits, within seconds if it runs."""
        return self._one("POST", f"/jobs/{job_id}/cancel", repeats=True)

    def pause(self, job_id: str) -> "Job":
        """Let a job wait: at once if it is queued; a running one saves a checkpoint and frees its GPU first."""
        return self._one("POST", f"/jobs/{job_id}/pause", repeats=True)

    def resume(self, job_id: str) -> "Job":
        """Queue a paused job; it goes on from its last checkpoint."""
        return self._one("POST", f"/jobs/{job_id}/resume")

    def retry(self, job_id: str) -> "Job":
        """Queue a failed or cancelled job again; it goes on from its last checkpoint."""
        return self._one("POST", f"/jobs/{job_id}/retry")

    def stop_and_save(self, job_id: str) -> "Job":
        """End a job's training after its current step; what it has learned is its artifact."""
        return self._one("POST", f"/jobs/{job_id}/stop-and-save", repeats=True)

    def events(self, job_id: str, *, after: int = 0, follow: bool = False) -> Iterator[Event]:
        """What happened to a job, oldest first; with `follow`, also what will, until it has ended.

        Args:
            job_id: Which job.
            after: Only events with a greater id.
            follow: Go on until the job has ended; a service that restarts is waited for.
        """
        for one in self._told(job_id, "event", "events", after, is_followed=follow):
            yield Event.model_validate(one)

    def logs(self, job_id: str, *, after: int = 0, follow: bool = False) -> Iterator[LogLine]:
        """What the trainer wrote to stderr, in the same way."""
        for one in self._told(job_id, "log", "logs", after, is_followed=follow):
            yield LogLine.model_validate(one)

    def stream(self, job_id: str, *, types: Sequence[str] = (), last_id: str | None = None) -> Iterator[StreamMessage]:
        """What a job tells, from its beginning to its end, each message once; a service that restarts is waited for.

        Args:
            job_id: Which job.
            types: Only these of `job`, `event`, `sample`, `metric` and `log`; the end is told in any case.
            last_id: Go on behind the message with this id.
        """
        return follow(self._transport, f"/jobs/{job_id}/stream", types, last_id, FOLLOW_PATIENCE_SECONDS)

    def metrics(
        self, job_id: str, name: str | None = None, *, max_points: int | None = None, times: bool = False
    ) -> tuple[Series, ...]:
        """The numbers of a job by step, one series or all.

        Args:
            job_id: Which job.
            name: Only this series.
            max_points: A series of more is thinned, its extremes kept, which is quick at any length; None leaves it
                whole.
            times: Tell as well when each point was written.
        """
        asked = {"name": name, "max_points": "all" if max_points is None else max_points, "times": times or None}
        found = (self._transport.get(f"/jobs/{job_id}/metrics", params=asked)).json()
        return tuple(Series.model_validate(one) for one in found["data"])

    def compare(
        self, job_ids: Sequence[str], names: Sequence[str] = (), *, max_points: int = 1000, times: bool = False
    ) -> tuple[SeriesOfJob, ...]:
        """The numbers of several jobs, job by job as they are asked for, then by name.

        Args:
            job_ids: At most 20 jobs.
            names: Only these series; by default all.
            max_points: Longer series are thinned, their extremes kept.
            times: Tell as well when each point was written.
        """
        asked = {"job": job_ids, "name": names, "max_points": max_points, "times": times or None}
        found = (self._transport.get("/jobs/metrics", params=asked)).json()
        return tuple(SeriesOfJob.model_validate(one) for one in found["data"])

    def timeline(self, job_id: str) -> Timeline:
        """Where a job has been and when: waiting, in a phase of an attempt, or paused. Its attempts with it."""
        return Timeline.model_validate_json((self._transport.get(f"/jobs/{job_id}/timeline")).content)

    def samples(self, job_id: str, *, after: int = 0) -> Iterator[Evaluation]:
        """What the model answered to held-out rows at each evaluation that asked it, oldest first.

        Args:
            job_id: Which job.
            after: Only evaluations with a greater `event_id`.
        """
        for one in self._transport.pages(f"/jobs/{job_id}/samples", after=after):
            yield Evaluation.model_validate(one)

    def sample_image(self, job_id: str, line: int, number: int) -> bytes:
        """An image of a held-out row, small; numbers count from 0."""
        return (self._transport.get(f"/jobs/{job_id}/samples/{line}/images/{number}")).content

    def integrations(self, job_id: str) -> tuple[Integration, ...]:
        """Trackers that are told of a job, and the hub: where it is to be seen there, and why not if it is not."""
        found = (self._transport.get(f"/jobs/{job_id}/integrations")).json()
        return tuple(Integration.model_validate(one) for one in found["data"])

    def retry_integration(self, job_id: str, name: str) -> Integration:
        """Tell a job at once to a tracker, or the hub, that was given up: `tensorboard`, `mlflow`, `wandb`, `hub`."""
        answer = self._transport.ask("POST", f"/jobs/{job_id}/integrations/{name}/retry")
        return Integration.model_validate_json(answer.content)

    def tensorboard(self, job_id: str, path: Path | str, on_bytes: OnBytes = lambda _: None) -> None:
        """Bring a job's event file, which `tensorboard --logdir` shows if its name holds `tfevents`."""
        download_file(self._transport, f"/jobs/{job_id}/tensorboard", Path(path), on_bytes)

    def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]:
        """States that a job can go on from, newest first."""
        found = (self._transport.get(f"/jobs/{job_id}/checkpoints")).json()
        return tuple(Checkpoint.model_validate(one) for one in found["data"])

    def artifact(self, job_id: str) -> Artifact:
        """What a succeeded job left, file by file."""
        return Artifact.model_validate_json((self._transport.get(f"/jobs/{job_id}/artifacts")).content)

    def download(self, job_id: str, folder: Path | str, on_bytes: OnBytes = lambda _: None) -> Artifact:
        """Bring what a succeeded job left into `folder`, every file verified; what is there already is kept.

        Files, and parts of long ones, come over several connections; a download that broke off goes on where it was.
        """
        artifact = self.artifact(job_id)
        download(self._transport, artifact, Path(folder), on_bytes)
        return artifact

    def archive(self, job_id: str, path: Path | str, on_bytes: OnBytes = lambda _: None) -> None:
        """Bring the same as one tar file, over one connection."""
        download_file(self._transport, f"/jobs/{job_id}/archive", Path(path), on_bytes)

    def archive_checkpoint(self, job_id: str, step: int, path: Path | str, on_bytes: OnBytes = lambda _: None) -> None:
        """Bring the checkpoint of a step as one tar file, as the newest attempt left it."""
        download_file(self._transport, f"/jobs/{job_id}/checkpoints/{step}/archive", Path(path), on_bytes)

    def _one(self, verb: str, path: str, **content: Any) -> "Job":
        return self._read((self._transport.ask(verb, path, **content)).content)

    def _read(self, content: bytes) -> "Job":
        return Job.model_validate_json(content, context=self)

    def _report(self, path: str, body: Mapping[str, Any]) -> Report:
        # Asking is not repeated, so that it waits for nothing; waiting is.
        found = (self._transport.ask("POST", path, json=body, params={"wait": 0})).json()
        while found["report"] is None:
            answer = self._transport.get(
                f"/reports/{found['id']}",
                params={"wait": _WAIT_SECONDS},
                patience_seconds=FOLLOW_PATIENCE_SECONDS,
            )
            found = answer.json()
        return Report.model_validate(found["report"])

    def _told(self, job_id: str, type_: str, noun: str, after: int, *, is_followed: bool) -> Iterator[dict[str, Any]]:
        if is_followed:
            for message in self.stream(job_id, types=(type_,)):
                if message.type == type_ and message.data["id"] > after:
                    yield message.data
            return
        for one in self._transport.pages(f"/jobs/{job_id}/{noun}", after=after):
            yield one


def _of_job(verb: Callable[Concatenate[Jobs, str, P], T]) -> Callable[Concatenate["_Verbs", P], T]:
    """A verb about a job with an id, as the method of one."""

    @wraps(verb)
    def ask(self: "_Verbs", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return verb(self._jobs, self.id, *args, **kwargs)

    return ask


class _Verbs:
    """What can be asked of a job."""

    id: str
    _jobs: Jobs

    refresh = _of_job(Jobs.retrieve)
    report = _of_job(Jobs.report)
    watch = _of_job(Jobs.watch)
    wait = _of_job(Jobs.wait)
    cancel = _of_job(Jobs.cancel)
    pause = _of_job(Jobs.pause)
    resume = _of_job(Jobs.resume)
    retry = _of_job(Jobs.retry)
    stop_and_save = _of_job(Jobs.stop_and_save)
    events = _of_job(Jobs.events)
    logs = _of_job(Jobs.logs)
    stream = _of_job(Jobs.stream)
    metrics = _of_job(Jobs.metrics)
    timeline = _of_job(Jobs.timeline)
    samples = _of_job(Jobs.samples)
    sample_image = _of_job(Jobs.sample_image)
    integrations = _of_job(Jobs.integrations)
    retry_integration = _of_job(Jobs.retry_integration)
    tensorboard = _of_job(Jobs.tensorboard)
    checkpoints = _of_job(Jobs.checkpoints)
    files = _of_job(Jobs.artifact)
    download = _of_job(Jobs.download)
    archive = _of_job(Jobs.archive)
    archive_checkpoint = _of_job(Jobs.archive_checkpoint)


class Job(views.Job, _Verbs):
    """A job as it was when it was read; its verbs ask the service that it came from."""

    _jobs: Jobs = PrivateAttr()

    @model_validator(mode="after")
    def _knows_its_service(self, info: ValidationInfo) -> "Job":
        assert isinstance(info.context, Jobs)
        self._jobs = info.context
        return self


def _body(spec: Spec | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    said = spec.model_dump(mode="json") if isinstance(spec, JobSpec) else dict(spec or {})
    body: dict[str, Any] = to_jsonable_python({**said, **fields})
    return body
