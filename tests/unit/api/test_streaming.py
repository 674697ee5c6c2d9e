"""Streams inside one process: shared looks, outages, slow readers, places from elsewhere."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import event

from api import streaming, watching
from api.messages import TYPES
from api.streaming import Streams
from api.watching import Watcher
from store.database import Database
from store.leases import Lease
from store.lifecycle import JobStatus
from store.stream import Place
from tests.unit.api.event_stream import Message, facts, parse_all
from tests.unit.outage import outage
from tests.unit.told import succeed, tell_step

ALL = frozenset(TYPES)
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(streaming, "_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(watching, "PING_SECONDS", 0.05)


def run(test: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(test, timeout=120))


@asynccontextmanager
async def opened(database: Database, job_id: str) -> AsyncIterator[tuple[Streams, AsyncGenerator[bytes, None]]]:
    """A stream of its own."""
    streams = Streams(database)
    async with streams.running():
        told = await streams.open(job_id, Place(), ALL)
        assert told is not None
        yield streams, told
        await told.aclose()


async def read_until(told: AsyncIterator[bytes], is_enough: Callable[[str], bool]) -> str:
    """What is told up to there."""
    text = ""
    async for chunk in told:
        text += chunk.decode()
        if is_enough(text):
            break
    return text


def last_place(messages: list[Message]) -> Place:
    """Where to go on."""
    return Place.parse([message.id for message in messages if message.id][-1])


async def read_rest(told: AsyncIterator[bytes]) -> list[Message]:
    return parse_all((b"".join([chunk async for chunk in told])).decode())


def test_what_comes_is_told_behind_what_is_past(database: Database, lease: Lease) -> None:
    async def test() -> None:
        tell_step(database, lease, 1)
        async with opened(database, lease.job_id) as (_, told):
            past = await read_until(told, lambda text: "line 1" in text)
            tell_step(database, lease, 2)
            succeed(database, lease)
            messages = parse_all(past) + await read_rest(told)

        assert [row[1] for row in facts(messages)["metric"]] == [1, 1, 2, 2]
        assert messages[-1].type == "end"
        assert [one.data["status"] for one in messages if one.type == "job"][-1] == "succeeded"

    run(test())


def test_a_silent_stream_is_pinged(database: Database, lease: Lease) -> None:
    async def test() -> None:
        async with opened(database, lease.job_id) as (_, told):
            assert ": ping" in await read_until(told, lambda text: ": ping" in text)

    run(test())


@on_sqlite
@pytest.mark.parametrize("num_watchers", [1, 20])
def test_however_many_watch_the_rows_are_read_once(database: Database, lease: Lease, num_watchers: int) -> None:
    async def test() -> None:
        streams = Streams(database)
        async with streams.running():
            opening = [streams.open(lease.job_id, Place(), ALL) for _ in range(num_watchers)]
            all_told = [told for told in await asyncio.gather(*opening) if told is not None]
            await asyncio.gather(*(read_until(told, lambda text: ": ping" in text) for told in all_told))
            statements: list[str] = []
            event.listen(database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
            tell_step(database, lease, 1)
            succeed(database, lease)
            read = await asyncio.gather(*(read_rest(told) for told in all_told))

        assert len(read) == num_watchers
        assert all(facts(messages) == facts(read[0]) for messages in read)
        lines_read = [one for one in statements if one.startswith("SELECT log_lines")]
        assert 1 <= len(lines_read) <= 2  # two looks, if one came between step and end

    run(test())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_stream_outlives_an_outage_of_the_database(database: Database, lease: Lease, database_url: str) -> None:
    async def test() -> None:
        async with opened(database, lease.job_id) as (_, told):
            await read_until(told, lambda text: "attempt_started" in text)
            with outage(database_url):
                await read_until(told, lambda text: text.count(": ping") == 3)
            tell_step(database, lease, 1)
            succeed(database, lease)
            messages = await read_rest(told)

        assert len(facts(messages)["log"]) == 1
        assert messages[-1].type == "end"

    run(test())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_stream_whose_past_cannot_be_read_waits(database: Database, lease: Lease, database_url: str) -> None:
    async def test() -> None:
        async with opened(database, lease.job_id) as (_, told):
            with outage(database_url):
                await read_until(told, lambda text: ": ping" in text)
            assert "attempt_started" in await read_until(told, lambda text: "attempt_started" in text)

    run(test())


@on_sqlite
def test_a_slow_reader_is_cut_and_misses_nothing(
    database: Database, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MAX_WAITING_BYTES", 2000)

    async def test() -> None:
        async with opened(database, lease.job_id) as (streams, told):
            first = parse_all(await read_until(told, lambda text: ": ping" in text))
            other = await streams.open(lease.job_id, Place(), ALL)
            assert other is not None
            for step in range(1, 20):
                tell_step(database, lease, step)
                await read_until(other, lambda text, step=step: f"line {step}" in text)  # type: ignore[misc]
            succeed(database, lease)
            got = first + await read_rest(told)
            assert got[-1].type != "end"
            again = await streams.open(lease.job_id, last_place(got), ALL)
            assert again is not None
            got += await read_rest(again)
            whole = await streams.open(lease.job_id, Place(), ALL)
            assert whole is not None

            assert facts(got) == facts(await read_rest(whole))
            await other.aclose()

    run(test())


@on_sqlite
def test_who_has_heard_more_elsewhere_hears_nothing_twice(
    database: Database, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with opened(database, lease.job_id) as (streams, told):
            await read_until(told, lambda text: "attempt_started" in text)
            monkeypatch.setattr(streaming, "LOOK_SECONDS", 0.3)
            await read_until(told, lambda text: ": ping" in text)
            tell_step(database, lease, 1)
            elsewhere = Streams(database)
            tell_step(database, lease, 2)
            heard = await elsewhere.open(lease.job_id, Place(), ALL)
            assert heard is not None
            before = parse_all(await read_until(heard, lambda text: "line 2" in text))
            await heard.aclose()
            here = await streams.open(lease.job_id, last_place(before), ALL)
            assert here is not None
            tell_step(database, lease, 3)
            succeed(database, lease)

            after = await read_rest(here)

        metrics = facts(before + after)["metric"]
        assert [step for _, step, name, _ in metrics if name == "loss"] == [1, 2, 3]

    run(test())


@on_sqlite
def test_closing_cuts_every_stream_and_those_that_come_later(database: Database, lease: Lease) -> None:
    async def test() -> None:
        async with opened(database, lease.job_id) as (streams, told):
            await read_until(told, lambda text: "attempt_started" in text)
            streams.close()
            later = await streams.open(lease.job_id, Place(), ALL)
            assert later is not None

            assert [one.type for one in await read_rest(told)] == []
            assert [one.type for one in await read_rest(later)] == ["job"]

    run(test())


@on_sqlite
def test_a_look_that_breaks_down_cuts_every_stream(
    database: Database, lease: Lease, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with opened(database, lease.job_id) as (_, told):
            await read_until(told, lambda text: "attempt_started" in text)
            monkeypatch.setattr("store.stream.JobStatus", {}.__getitem__)
            assert await read_rest(told) == []

    run(test())

    assert "every stream is cut" in caplog.text
    assert JobStatus.RUNNING in str(caplog.records[-1].exc_info)


@on_sqlite
def test_a_job_that_nobody_watches_is_forgotten(database: Database, lease: Lease) -> None:
    async def test() -> None:
        async with opened(database, lease.job_id) as (streams, told):
            await read_until(told, lambda text: "attempt_started" in text)
            assert list(streams._channels) == [lease.job_id]  # noqa: SLF001
            await told.aclose()

            assert streams._channels == {}  # noqa: SLF001

    run(test())


def test_a_watcher_that_was_cut_gives_nothing_of_what_waits() -> None:
    async def test() -> None:
        watcher = Watcher(ALL, Place())
        watcher.give(b"waits")
        watcher.cut()

        assert [told async for told in watcher.told()] == []

    run(test())
