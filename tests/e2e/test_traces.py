"""One job through the whole service is one trace: from its request to the last phase of its trainer."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.e2e.live_service import QUICK, running
from tests.otlp_receiver import Collector, Received, receiving
from tests.patience import until

TRACE = "0af7651916cd43dd8448eb211c80319c"
OF_REQUEST = {"write job", "ring", "inspect", "queue", "claim", "attempt"}
OF_ATTEMPT = ["prepare", "train", "publish"]
OF_TRAINER = ["starting", "loading", "training", "saving"]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with receiving() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.endpoint)
        yield found


def below(collector: Collector, parent: Received) -> list[Received]:
    """The parts of a span, in the order of their beginnings."""
    found = [span for span in collector.spans if span.parent_id == parent.span_id]
    return sorted(found, key=lambda span: span.begun_at)


def test_a_job_is_one_trace(collector: Collector, tmp_path: Path, digits: Path) -> None:
    with running(tmp_path) as service:
        dataset = service.tuneyard.datasets.upload(digits / "train.jsonl").id
        spec = {"base_model": "starter", "train_dataset": dataset, "hyperparameters": QUICK}
        headers = {
            "Authorization": f"Bearer {service.endpoint().api_key}",
            "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
        }
        job_id = httpx2.post(f"{service.url}/jobs", json=spec, headers=headers, trust_env=False).json()["id"]
        assert service.ended(job_id).status == "succeeded"
        until(lambda: collector.named("publish"))
    request = collector.only("POST /jobs")
    attempt, train = collector.only("attempt"), collector.only("train")
    parts = below(collector, attempt)
    phases = [span.name for span in below(collector, train)]

    assert request.trace_id == TRACE
    assert {span.name for span in below(collector, request)} == OF_REQUEST
    assert [span.name for span in parts] == OF_ATTEMPT
    assert all(attempt.begun_at <= span.begun_at <= span.ended_at <= attempt.ended_at for span in parts)
    assert [name for name in OF_TRAINER if name in phases] == OF_TRAINER
    assert {span.service for span in collector.spans if span.trace_id == TRACE} == {
        "tuneyard-api",
        "tuneyard-worker",
        "tuneyard-runner",
    }
    assert attempt.attributes == {"tuneyard.job.id": job_id, "tuneyard.job.attempt": 1}
    assert not [span for span in collector.spans if span.is_error and span.trace_id == TRACE]
