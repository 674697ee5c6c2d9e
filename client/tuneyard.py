"""The Python client: `Tuneyard()` speaks with the service of this machine, `Tuneyard(url)` with any.

```python
with Tuneyard() as tuneyard:
    dataset = tuneyard.upload(Path("train.jsonl"))
    job = tuneyard.submit(JobSpec(base_model="starter", train_dataset=dataset.id))
    for job in tuneyard.watch(job.id):
        print(job.status, job.progress)
    tuneyard.download(job.id, Path("model"))
```
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx2
from pydantic import TypeAdapter

from client.download import OnBytes, download
from client.endpoint import find_service
from client.errors import UnreadableInput
from client.streaming import StreamMessage, follow
from client.transport import Transport
from client.views import Artifact, Checkpoint, Dataset, Event, Images, Job, LogLine, Report, Series
from trainer_core.contract.spec import JobSpec

_PAGE_SIZE = 100
_WAIT_SECONDS = 20
"""How long one request waits for a change."""
_FOLLOW_PATIENCE_SECONDS = 60
"""How long the service may be away while a job is followed."""
_CHECK_SECONDS = 900
"""How long the answer to an upload may take: the service reads every row and decodes every image."""
_CHUNK_BYTES = 1 << 18
_NO_CHANGE = httpx2.codes.NOT_MODIFIED


class Tuneyard:
    """A service, by its URL or by the data folder that it runs on.

    Args:
        url: Where it answers; by default `TUNEYARD_URL`, or what the data folder says.
        api_key: A key of the service; by default `TUNEYARD_API_KEY`, or what the data folder says of its own service.
        data_dir: The data folder; by default `TUNEYARD_DATA_DIR`, or `~/.tuneyard`.
        patience_seconds: How long a request that repeats harmlessly is sent again while the service is away.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        data_dir: Path | None = None,
        patience_seconds: float = 2,
    ) -> None:
        found, key = find_service(url, data_dir, api_key)
        self._transport = Transport(found, key, patience_seconds=patience_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where the service answers."""
        return self._transport.url

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def models(self) -> list[str]:
        """Names of the registered base models."""
        return [model["name"] for model in self._transport.get("/models").json()["data"]]

    def upload(self, path: Path, on_bytes: OnBytes = lambda _: None, *, images: str | None = None) -> Dataset:
        """Upload a file of rows; the service checks every one of them before it answers.

        Args:
            path: JSONL, JSON, Parquet, WebDataset, or a zip of one of these with its images.
            on_bytes: Told of each piece that has gone out.
            images: Id of uploaded images that the rows name.
        """
        return Dataset.model_validate_json(self._upload("/datasets", path, on_bytes, images=images))

    def upload_images(self, path: Path, on_bytes: OnBytes = lambda _: None) -> Images:
        """Upload an image, or a zip of them, that rows may name."""
        return Images.model_validate_json(self._upload("/images", path, on_bytes))

    def _upload(self, route: str, path: Path, on_bytes: OnBytes, **asked: str | None) -> bytes:
        if not path.is_file():
            raise UnreadableInput(f"there is no file {path}")
        response = self._transport.post(
            route,
            params={"filename": path.name} | {name: value for name, value in asked.items() if value is not None},
            content=_Chunks(path, on_bytes),
            headers={"Content-Length": str(path.stat().st_size)},
            timeout=httpx2.Timeout(_CHECK_SECONDS, connect=5),
        )
        return response.content

    def dataset(self, dataset_id: str) -> Dataset:
        """An uploaded dataset."""
        return Dataset.model_validate_json(self._transport.get(f"/datasets/{dataset_id}").content)

    def submit(self, spec: JobSpec | Mapping[str, Any], *, idempotency_key: str | None = None) -> Job:
        """Queue a job; a mapping goes out as it is, so that the service says what is wrong with it.

        Args:
            idempotency_key: Whoever submits the same spec under the same key again, within 72 hours, gets the same job.
                By default each call has a key of its own, under which it is sent again if its answer was lost.
        """
        body = spec.model_dump(mode="json") if isinstance(spec, JobSpec) else dict(spec)
        key = {"Idempotency-Key": str(uuid4()) if idempotency_key is None else idempotency_key}
        return Job.model_validate_json(self._transport.post("/jobs", repeats=True, json=body, headers=key).content)

    def validate(self, spec: JobSpec | Mapping[str, Any]) -> Report:
        """Find out what is known about a job without submitting it; a worker looks at every row, however many."""
        body = spec.model_dump(mode="json") if isinstance(spec, JobSpec) else dict(spec)
        # Asking is not repeated, so that it waits for nothing; waiting is.
        found = self._transport.post("/jobs/validate", json=body, params={"wait": 0}).json()
        while found["report"] is None:
            found = self._transport.get(
                f"/reports/{found['id']}",
                params={"wait": _WAIT_SECONDS},
                patience_seconds=_FOLLOW_PATIENCE_SECONDS,
            ).json()
        return Report.model_validate(found["report"])

    def report(self, job_id: str) -> Report:
        """What was found out about a submitted job before it was queued, or why it was not."""
        return Report.model_validate_json(self._transport.get(f"/jobs/{job_id}/report").content)

    def job(self, job_id: str) -> Job:
        """A job as it is now."""
        return Job.model_validate_json(self._transport.get(f"/jobs/{job_id}").content)

    def jobs(self, *, status: str | None = None, base_model: str | None = None) -> Iterator[Job]:
        """Every job, newest first, page by page."""
        asked = {"status": status, "base_model": base_model}
        return (Job.model_validate(one) for one in self._pages("/jobs", **asked))

    def watch(self, job_id: str) -> Iterator[Job]:
        """The job as it is now and after each change, to its end; a service that restarts meanwhile is waited for."""
        response = self._transport.get(f"/jobs/{job_id}")
        while True:
            if response.status_code != _NO_CHANGE:
                job = Job.model_validate_json(response.content)
                yield job
                if job.has_ended:
                    return
            response = self._transport.get(
                f"/jobs/{job_id}",
                params={"wait": _WAIT_SECONDS},
                headers={"If-None-Match": response.headers["ETag"]},
                patience_seconds=_FOLLOW_PATIENCE_SECONDS,
            )

    def wait(self, job_id: str) -> Job:
        """The job once it has ended."""
        *_, job = self.watch(job_id)
        return job

    def cancel(self, job_id: str) -> Job:
        """End a job: at once if it waits, within seconds if it runs."""
        return self._ask(job_id, "cancel", repeats=True)

    def pause(self, job_id: str) -> Job:
        """Let a job wait: at once if it is queued; a running one saves a checkpoint and frees its GPU first."""
        return self._ask(job_id, "pause", repeats=True)

    def resume(self, job_id: str) -> Job:
        """Queue a paused job; it goes on from its last checkpoint."""
        return self._ask(job_id, "resume")

    def retry(self, job_id: str) -> Job:
        """Queue a failed or cancelled job again; it goes on from its last checkpoint."""
        return self._ask(job_id, "retry")

    def stop_and_save(self, job_id: str) -> Job:
        """End a job's training after its current step; what it has learned is its artifact."""
        return self._ask(job_id, "stop-and-save", repeats=True)

    def _ask(self, job_id: str, verb: str, *, repeats: bool = False) -> Job:
        return Job.model_validate_json(self._transport.post(f"/jobs/{job_id}/{verb}", repeats=repeats).content)

    def events(self, job_id: str, *, after: int = 0) -> Iterator[Event]:
        """What happened to a job, oldest first, page by page."""
        return (Event.model_validate(one) for one in self._pages(f"/jobs/{job_id}/events", after=after))

    def logs(self, job_id: str, *, after: int = 0) -> Iterator[LogLine]:
        """What the trainer wrote to stderr, oldest first, page by page."""
        return (LogLine.model_validate(one) for one in self._pages(f"/jobs/{job_id}/logs", after=after))

    def follow_logs(self, job_id: str) -> Iterator[LogLine]:
        """The same, and each line that comes until the job has ended; a service that restarts is waited for."""
        told = self.stream(job_id, types=("log",))
        return (LogLine.model_validate(message.data) for message in told if message.type == "log")

    def stream(self, job_id: str, *, types: Sequence[str] = (), last_id: str | None = None) -> Iterator[StreamMessage]:
        """What a job tells, from its beginning to its end, each message once; a service that restarts is waited for.

        Args:
            types: Only these of `job`, `event`, `sample`, `metric` and `log`; the end is told in any case.
            last_id: Go on behind the message with this id.
        """
        return follow(self._transport, f"/jobs/{job_id}/stream", types, last_id, _FOLLOW_PATIENCE_SECONDS)

    def metrics(self, job_id: str, name: str | None = None, *, max_points: int | None = None) -> list[Series]:
        """The numbers of a job by step, one series or all.

        Args:
            max_points: A series of more is thinned, its extremes kept, which is quick at any length; None leaves it
                whole.
        """
        asked = {"name": name, "max_points": "all" if max_points is None else max_points}
        found = self._transport.get(f"/jobs/{job_id}/metrics", params=asked).json()
        return TypeAdapter(list[Series]).validate_python(found["data"])

    def checkpoints(self, job_id: str) -> list[Checkpoint]:
        """States that a job can go on from, newest first."""
        found = self._transport.get(f"/jobs/{job_id}/checkpoints").json()
        return TypeAdapter(list[Checkpoint]).validate_python(found["data"])

    def artifact(self, job_id: str) -> Artifact:
        """What a succeeded job left, file by file."""
        return Artifact.model_validate_json(self._transport.get(f"/jobs/{job_id}/artifacts").content)

    def download(self, job_id: str, folder: Path, on_bytes: OnBytes = lambda _: None) -> Artifact:
        """Bring what a succeeded job left into `folder`, every file verified; what is there already is kept."""
        artifact = self.artifact(job_id)
        download(self._transport, artifact, folder, on_bytes)
        return artifact

    def _pages(self, path: str, **asked: Any) -> Iterator[dict[str, Any]]:
        while True:
            page = self._transport.get(path, params={"limit": _PAGE_SIZE, **asked}).json()
            yield from page["data"]
            if not page["has_more"]:
                return
            asked["after"] = page["last_id"]


class _Chunks:
    """A file as a body that can be sent again from its beginning."""

    def __init__(self, path: Path, on_bytes: Callable[[int], None]) -> None:
        self._path = path
        self._on_bytes = on_bytes

    def __iter__(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
                self._on_bytes(len(chunk))
