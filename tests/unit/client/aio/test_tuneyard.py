"""The asynchronous client against a service that answers as told."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from client import AsyncTuneyard
from client.errors import ApiError
from tests.unit.client.conftest import PATIENCE_SECONDS
from tests.unit.client.samples import JOB, RUNNING, SUCCEEDED
from tests.unit.client.stub_service import Answer, StubService, as_json, problem, ranged, told
from trainer_core.contract.manifest import Manifest
from trainer_core.contract.spec import JobSpec, Lora

CUT = Answer(b"half an answer", cut_at=3)
LOGGED = {"id": 1, "created_at": "2026-11-24T10:00:00Z", "attempt": 1, "line": "line 1"}
CONTENT = bytes(range(256)) * 8
ARTIFACT = {
    "job_id": "ftjob-1",
    "attempt": 1,
    "num_bytes": len(CONTENT),
    "manifest_sha256": "",
    "files": [{"path": "a.bin", "num_bytes": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}],
}
T = TypeVar("T")


def asking(stub: StubService, ask: Callable[[AsyncTuneyard], Awaitable[T]]) -> T:
    """What comes of it."""

    async def run() -> T:
        async with AsyncTuneyard(stub.url, patience_seconds=PATIENCE_SECONDS) as tuneyard:
            return await ask(tuneyard)

    return asyncio.run(run())


def test_a_submission_whose_answer_was_lost_is_sent_again_under_its_key(stub: StubService) -> None:
    stub.answers = [CUT, as_json(JOB, 201)]

    job = asking(stub, lambda tuneyard: tuneyard.jobs.create(base_model="starter", train_dataset="file-1"))

    first, second = (asked.headers["Idempotency-Key"] for asked in stub.asked)
    assert (job.id, second) == ("ftjob-1", first)


def test_fields_go_before_those_of_a_spec(stub: StubService) -> None:
    stub.answers = [as_json(JOB, 201)]
    spec = JobSpec(base_model="starter", train_dataset="file-1")

    asking(stub, lambda tuneyard: tuneyard.jobs.create(spec, method=Lora(rank=4), seed=7))

    assert JobSpec.model_validate_json(stub.asked[0].body) == spec.model_copy(
        update={"method": Lora(rank=4), "seed": 7}
    )


def test_a_refusal_is_final(stub: StubService) -> None:
    stub.answers = [problem(404, "job_not_found")]

    with pytest.raises(ApiError, match="job_not_found"):
        asking(stub, lambda tuneyard: tuneyard.jobs.retrieve("ftjob-1"))

    assert len(stub.asked) == 1


def test_a_job_is_waited_for_while_the_service_is_away(stub: StubService) -> None:
    stub.answers = [as_json(JOB, 201), as_json(JOB, ETag='"0"'), CUT, problem(503, "database_unavailable")]
    stub.answers += [as_json(RUNNING, ETag='"1"'), as_json(SUCCEEDED)]

    async def ask(tuneyard: AsyncTuneyard) -> str:
        job = await tuneyard.jobs.create(base_model="starter")
        return (await job.wait()).status

    assert asking(stub, ask) == "succeeded"


def test_what_a_job_tells_is_followed_behind_a_break(stub: StubService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.aio.following._AGAIN_SECONDS", 0)
    stub.answers = [
        as_json(JOB),
        told(("log", "l1", LOGGED)),
        told(("log", "l2", LOGGED | {"id": 2}), ("end", "e", {})),
    ]

    async def ask(tuneyard: AsyncTuneyard) -> list[int]:
        job = await tuneyard.jobs.retrieve("ftjob-1")
        return [line.id async for line in job.logs(follow=True)]

    assert asking(stub, ask) == [1, 2]
    assert stub.asked[-1].headers["Last-Event-ID"] == "l1"


def test_every_page_is_read(stub: StubService) -> None:
    pages = [{"data": [JOB], "has_more": True, "last_id": "ftjob-1"}, {"data": [RUNNING], "has_more": False}]
    stub.answers = [as_json(page) for page in pages]

    async def ask(tuneyard: AsyncTuneyard) -> list[str]:
        return [job.status async for job in tuneyard.jobs.list(metadata={"sweep": "s"})]

    assert asking(stub, ask) == ["queued", "running"]
    assert stub.asked[1].path == "/jobs?limit=100&metadata%5Bsweep%5D=s&after=ftjob-1"


def test_a_file_goes_out_whole(stub: StubService, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b"x" * 300_000)
    stub.answers = [problem(422, "invalid_dataset")]

    with pytest.raises(ApiError):
        asking(stub, lambda tuneyard: tuneyard.datasets.upload(tmp_path / "rows.jsonl"))

    assert stub.asked[0].body == b"x" * 300_000


def test_a_download_is_resumed_and_verified(stub: StubService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.pieces.PIECE_BYTES", 600)
    stub.answers = [as_json(SUCCEEDED), as_json(ARTIFACT), ranged(CONTENT, cut_at=500)]

    async def ask(tuneyard: AsyncTuneyard) -> None:
        job = await tuneyard.jobs.retrieve("ftjob-1")
        await job.download(tmp_path)

    asking(stub, ask)

    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert Manifest.load(tmp_path).is_true_of(tmp_path)


def test_a_job_is_frozen_data(stub: StubService) -> None:
    stub.answers = [as_json(JOB)]

    job = asking(stub, lambda tuneyard: tuneyard.jobs.retrieve("ftjob-1"))

    assert json.loads(job.model_dump_json())["spec"] == JOB["spec"]
    with pytest.raises(ValueError, match="frozen"):
        job.status = "running"  # type: ignore[misc]
