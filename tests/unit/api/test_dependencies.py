"""What handlers hold while they wait."""

import asyncio

import httpx2
import pytest
from fastapi.testclient import TestClient

from tests.patience import PATIENCE_SECONDS

MORE_THAN_THREADS = 120


async def all_at_once(client: TestClient, method: str, path: str) -> list[int]:
    transport = httpx2.ASGITransport(client.app)
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        httpx2.AsyncClient(transport=transport, base_url="http://service", headers=client.headers) as service,
    ):
        answers = await asyncio.gather(*(service.request(method, path) for _ in range(MORE_THAN_THREADS)))
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/jobs"), ("GET", "/jobs/{}/events"), ("POST", "/jobs/{}/cancel")]
)
def test_more_requests_than_threads_and_connections_are_all_answered(
    client: TestClient, job_id: str, method: str, path: str
) -> None:
    statuses = asyncio.run(all_at_once(client, method, path.format(job_id)))

    assert statuses == [200] * MORE_THAN_THREADS
