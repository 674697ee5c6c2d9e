"""/jobs/{id}/stream over real HTTP, while the job tells on and connections are cut."""

import asyncio
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from client import Tuneyard
from store.database import Database
from store.files import Storage
from store.leases import Lease
from tests.patience import PATIENCE_SECONDS, until
from tests.unit.api.event_stream import facts
from tests.unit.api.readers import Reader
from tests.unit.api.serving import Server
from tests.unit.told import succeed, tell_step

NUM_CUTS = 3
MAX_STEPS = 400
STEP_SECONDS = 0.05
"""So that steps are told in all the time in which connections are cut."""


@pytest.fixture
def server(database_url: str, storage: Storage, tmp_path: Path) -> Iterator[Server]:
    assert storage.root == tmp_path / "storage"
    with Server(database_url, tmp_path) as server:
        yield server


async def read_while_it_runs(readers: list[Reader], database: Database, lease: Lease) -> None:
    """Have steps told until every reader has been cut often enough, then the end."""
    reading = asyncio.gather(*(reader.run() for reader in readers))
    for step in range(1, MAX_STEPS):
        await asyncio.to_thread(tell_step, database, lease, step, is_evaluated=step % 10 == 0)
        await asyncio.sleep(STEP_SECONDS)
        if all(reader.is_done_cutting for reader in readers) or reading.done():
            break
    await asyncio.to_thread(succeed, database, lease)
    await reading


@pytest.mark.parametrize("num_readers", [200, pytest.param(1000, marks=pytest.mark.long)])
def test_readers_that_are_cut_off_miss_nothing_and_hear_nothing_twice(
    server: Server, database: Database, lease: Lease, api_key: str, num_readers: int
) -> None:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files < 2 * num_readers + 100:
        pytest.skip(f"this process may open {files} files only")
    path = f"/jobs/{lease.job_id}/stream"
    readers = [Reader(server.url, path, NUM_CUTS, seed, api_key=api_key) for seed in range(num_readers)]
    truth = Reader(server.url, path, 0, 0, api_key=api_key)

    asyncio.run(asyncio.wait_for(read_while_it_runs(readers, database, lease), PATIENCE_SECONDS + num_readers / 4))

    asyncio.run(truth.run())
    told = facts(truth.messages)
    assert [len(reader.messages) > 0 and facts(reader.messages) == told for reader in readers] == [True] * num_readers
    assert "Traceback" not in server.log


async def read_over_a_restart(readers: list[Reader], server: Server, database: Database, lease: Lease) -> None:
    """Have the service replaced while all read, with a step told before, meanwhile and after."""
    reading = asyncio.gather(*(reader.run() for reader in readers))
    await asyncio.to_thread(tell_step, database, lease, 1)
    await asyncio.to_thread(until, lambda: all(facts(reader.messages)["log"] for reader in readers))
    replacing = asyncio.create_task(asyncio.to_thread(server.replace, 60))
    await asyncio.to_thread(tell_step, database, lease, 2)
    await replacing
    await asyncio.to_thread(tell_step, database, lease, 3)
    await asyncio.to_thread(succeed, database, lease)
    await reading


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_open_streams_do_not_keep_the_service_from_ending_and_go_on_with_the_next(
    server: Server, database: Database, lease: Lease, api_key: str
) -> None:
    readers = [Reader(server.url, f"/jobs/{lease.job_id}/stream", 0, seed, api_key=api_key) for seed in range(10)]

    asyncio.run(asyncio.wait_for(read_over_a_restart(readers, server, database, lease), PATIENCE_SECONDS))

    for reader in readers:
        assert [step for _, step, name, _ in facts(reader.messages)["metric"] if name == "loss"] == [1, 2, 3]
    assert "Traceback" not in server.log


def test_the_python_client_reads_on_when_the_service_was_killed(
    server: Server, database: Database, lease: Lease, api_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.sync.jobs.FOLLOW_PATIENCE_SECONDS", PATIENCE_SECONDS)
    tell_step(database, lease, 1)
    with Tuneyard(server.url, api_key=api_key) as tuneyard:
        told = tuneyard.jobs.stream(lease.job_id, types=("metric", "log"))
        messages = [next(told), next(told)]

        server.restart()
        tell_step(database, lease, 2)
        succeed(database, lease)
        messages += told

    assert sorted(message.type for message in messages) == ["end", "log", "log", "metric", "metric"]
