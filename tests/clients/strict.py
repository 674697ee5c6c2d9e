"""OpenAI's SDK, set to refuse whatever is not of the types that it declares, calls all it has: `strict.py ROWS`.

Of one thing it declares less than OpenAI's own description shows: no job is `pausing` or `paused`.
"""

import sys
import time
from pathlib import Path
from typing import Any

from openai import OpenAI

MODEL = "gpt-4o-2024-08-06"
client = OpenAI(_strict_response_validation=True)
lenient = OpenAI()


def files(path: Path) -> str:
    """Files and uploads; the id of one that stays."""
    content = path.read_bytes()
    with path.open("rb") as rows:
        file = client.files.create(
            file=rows, purpose="fine-tune", expires_after={"anchor": "created_at", "seconds": 3600}
        )
    client.files.retrieve(file.id)
    assert client.files.content(file.id).read() == content
    assert next(iter(client.files.list(purpose="fine-tune", limit=1))).id == file.id
    assert client.files.delete(file.id).deleted
    upload = client.uploads.create(bytes=len(content), filename=path.name, mime_type="text/jsonl", purpose="fine-tune")
    part = client.uploads.parts.create(upload.id, data=content)
    kept = client.uploads.complete(upload.id, part_ids=[part.id]).file
    assert kept
    spare = client.uploads.create(bytes=1, filename="none", mime_type="text/jsonl", purpose="fine-tune")
    assert client.uploads.cancel(spare.id).status == "cancelled"
    return str(kept.id)


def jobs(file_id: str) -> Any:
    """Jobs that are held, stopped, and done; the last one."""
    # Tens of thousands of steps, so that it is not done before it is held.
    rows = client.files.content(file_id).read()
    many = client.files.create(file=("many.jsonl", rows * 50), purpose="fine-tune")
    long = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 50, "batch_size": 1}}}
    held = client.fine_tuning.jobs.create(model=MODEL, training_file=many.id, method=long, metadata={"kind": "held"})
    await_status(held.id, "queued", "running")
    lenient.fine_tuning.jobs.pause(held.id)
    await_status(held.id, "paused")
    client.fine_tuning.jobs.resume(held.id)
    client.fine_tuning.jobs.cancel(held.id)
    await_status(held.id, "cancelled")
    supervised = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 1}}}
    job = client.fine_tuning.jobs.create(
        model=MODEL, training_file=file_id, validation_file=file_id, method=supervised, suffix="strict", seed=3
    )
    await_status(job.id, "succeeded")
    job = client.fine_tuning.jobs.retrieve(job.id)
    assert held.id in [one.id for one in client.fine_tuning.jobs.list(limit=1)]
    assert len([*client.fine_tuning.jobs.list_events(job.id, limit=2)]) > 2
    for result in job.result_files:
        client.files.retrieve(result)
    return job


def await_status(job_id: str, *wanted: str) -> Any:
    """The job, once it has one of these."""
    while True:
        job = lenient.fine_tuning.jobs.retrieve(job_id)
        if job.status in wanted:
            return job
        assert job.status not in ("succeeded", "failed"), (job.status, job.error)
        time.sleep(0.2)


def models(job: Any) -> None:
    """What was trained: read, shared, asked, and deleted."""
    name = job.fine_tuned_model
    assert name in [one.id for one in client.models.list()]
    assert client.models.retrieve(name).id == name
    [checkpoint, *_] = client.fine_tuning.jobs.checkpoints.list(job.id)
    question = [{"role": "user", "content": "Which?"}]
    client.chat.completions.create(
        model=checkpoint.fine_tuned_model_checkpoint, messages=question, max_tokens=2, temperature=0
    )
    options = {"stream": True, "stream_options": {"include_usage": True}}
    assert [*client.chat.completions.create(model=name, messages=question, max_tokens=2, **options)][-1].usage
    assert client.models.delete(name).deleted


if __name__ == "__main__":
    models(jobs(files(Path(sys.argv[1]))))
