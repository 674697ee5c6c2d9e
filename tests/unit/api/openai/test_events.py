"""Events of a job under /v1, told as they come."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event

from api import streaming, watching
from api.guard import Caller
from api.openai.events import follow
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.files import Storage
from store.leases import Lease
from store.scopes import Scope
from tests.unit.api.serving import Server
from tests.unit.bearing import bearer
from tests.unit.told import succeed, tell_step

PING = b": ping\n\n"
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def caller(app: FastAPI) -> Caller:
    return Caller(app.state.parts, DEFAULT_PROJECT, Scope.READ, None)


@pytest.fixture
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(watching, "PING_SECONDS", 0.05)


async def until_silent(told: AsyncIterator[bytes]) -> list[bytes]:
    """What is told up to the next ping."""
    found = []
    async for one in told:
        if one == PING:
            break
        found.append(one)
    return found


def ids(told: list[bytes]) -> list[str]:
    """Of the events that were told."""
    return [line.removeprefix("id: ") for one in told for line in one.decode().splitlines() if line.startswith("id: ")]


@pytest.mark.usefixtures("_hurry")
def test_what_comes_is_told_behind_what_is_past_in_the_order_of_the_list(
    service: TestClient, caller: Caller, database: Database, lease: Lease
) -> None:
    async def test() -> list[bytes]:
        async with caller.parts.streams.running():
            tell_step(database, lease, 1)
            told = follow(lease.job_id, caller, None)
            past = await until_silent(told)
            tell_step(database, lease, 2, is_evaluated=True)
            news = await until_silent(told)
            assert (past, news) != ([], [])
            succeed(database, lease)
            return past + news + [one async for one in told]

    told = asyncio.run(asyncio.wait_for(test(), timeout=120))

    listed = service.get(f"/v1/fine_tuning/jobs/{lease.job_id}/events", params={"limit": 100}).json()["data"]
    assert ids(told) == [one["id"] for one in reversed(listed)]
    assert told[-1] == b"data: [DONE]\n\n"


@pytest.mark.usefixtures("_hurry")
@ON_SQLITE
def test_while_nothing_comes_no_reader_asks_the_database(caller: Caller, lease: Lease) -> None:
    async def test() -> list[str]:
        statements: list[str] = []
        async with caller.parts.streams.running():
            readers = [follow(lease.job_id, caller, None) for _ in range(5)]
            await asyncio.gather(*(until_silent(told) for told in readers))
            event.listen(
                caller.parts.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2])
            )
            while not statements:  # the one look that is under way may last as long as they are silent
                await asyncio.gather(*(until_silent(told) for told in readers))
            for told in readers:
                await told.aclose()
        return statements

    statements = asyncio.run(asyncio.wait_for(test(), timeout=120))

    assert [one for one in statements if one.startswith("SELECT events")] == []


@pytest.mark.usefixtures("_hurry")
@ON_SQLITE
def test_a_reader_goes_on_behind_the_event_that_it_has_heard_last(
    caller: Caller, database: Database, lease: Lease
) -> None:
    async def read(after: str | None) -> list[str]:
        async with caller.parts.streams.running():
            return ids([one async for one in follow(lease.job_id, caller, after)])

    tell_step(database, lease, 1)
    succeed(database, lease)
    whole = asyncio.run(read(None))

    assert len(whole) > 3
    assert asyncio.run(read(whole[2])) == whole[3:]


@ON_SQLITE
def test_readers_do_not_keep_the_service_from_ending(
    database_url: str, storage: Storage, tmp_path: Path, lease: Lease, api_key: str
) -> None:
    assert storage.root == tmp_path / "storage"
    path = f"/v1/fine_tuning/jobs/{lease.job_id}/events?stream=true"
    with Server(database_url, tmp_path) as server, httpx2.Client(headers=bearer(api_key), timeout=120) as client:
        with client.stream("GET", f"{server.url}{path}") as response:
            lines = response.iter_lines()
            first = next(line for line in lines if line.startswith("data: "))

            server.replace(within_seconds=60)

            assert "Created fine-tuning job" in first
            assert "data: [DONE]" not in list(lines)
        assert "Traceback" not in server.log
