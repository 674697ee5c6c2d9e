"""Streams of what jobs tell: one look at the database for all of them, however many watch.

A watcher first reads the past of its job by itself, page by page, up to where the job's channel is, and listens to the
channel from there. All but the reading happens in the event loop, where nothing comes between two lines without an
`await`: a watcher that begins to listen at a place is given all that is told behind it, once.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi.sse import KEEPALIVE_COMMENT
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api import messages
from api.messages import Message
from api.views import JobRead
from api.watching import Watcher
from store import forecast, jobs, stream
from store.database import Database
from store.forecast import UNKNOWN
from store.jobs import JobNotFound
from store.stream import Head, Kind, Place

LOOK_SECONDS = 0.5
"""How often all watched jobs are looked at."""
_AGAIN_SECONDS = 2.0
"""How soon a database that did not answer is asked again."""
_PAGE_ROWS = 100
_NUM_READERS = 4
"""Threads that read the past for watchers: a thousand who come at once must leave some of the database to others."""

log = logging.getLogger(__name__)
Found = TypeVar("Found")


@dataclass(eq=False)
class Channel:
    """A job that is watched: what all who listen have been told so far."""

    head: Head
    place: Place
    job: Message
    watchers: set[Watcher] = field(default_factory=set)

    @property
    def has_ended(self) -> bool:
        """True if all was told and nothing more comes."""
        return self.head.has_ended and self.place == self.head.place


@dataclass(frozen=True)
class News:
    """What a job has told between two places."""

    since: Place
    place: Place
    head: Head
    job: Message
    rows: tuple[Message, ...]


class Streams:
    """All streams of this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._channels: dict[str, Channel] = {}
        self._readers = CapacityLimiter(_NUM_READERS)
        self._looker = CapacityLimiter(1)
        self._closing = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look for news meanwhile."""
        self._closing = asyncio.Event()
        looking = asyncio.create_task(self._look_for_news())
        yield
        self.close()
        await looking  # cancelled, it would leave a thread with a connection behind

    @property
    def num_readers(self) -> int:
        """Whoever reads a stream now."""
        return sum(len(channel.watchers) for channel in tuple(self._channels.values()))

    def close(self) -> None:
        """Cut every stream; their readers come back, to whoever answers then."""
        self._closing.set()
        for channel in self._channels.values():
            _cut(channel)

    async def open(
        self, job_id: str, since: Place | None, types: frozenset[str], *, has_heard_end: bool = False
    ) -> AsyncGenerator[bytes, None] | None:
        """What a job tells behind a place, to its end; None if its end was heard and nothing has come since.

        Args:
            job_id: Whose stream it is.
            since: The place; None is where the job is now.
            types: Of messages that are wanted.
            has_heard_end: Whether the place was told as the end.

        Raises:
            JobNotFound: There is no such job.
            OperationalError: The database does not answer. Once a stream is open, it waits for the database.
        """
        channel = self._channels.get(job_id)
        if channel is None or since is None or not since.is_reached_by(channel.place):
            fresh = await self._in_thread(self._readers, lambda: self._look_at(job_id))
            # A place that was never reached would never be passed.
            since = fresh.place if since is None else since.at_most(fresh.place)
            channel = channel or fresh
        if has_heard_end and channel.has_ended and since == channel.place:
            return None
        return self._follow(job_id, channel, Watcher(types, since))

    async def _follow(self, job_id: str, opened: Channel, watcher: Watcher) -> AsyncGenerator[bytes, None]:
        channel = self._channels.setdefault(job_id, opened)
        channel.watchers.add(watcher)
        if self._closing.is_set():
            watcher.cut()
        try:
            first = channel.job
            yield messages.greeting() + messages.wanted([first], watcher.types)
            async for told in self._past(job_id, watcher, channel.place):
                yield told
            # A reader that comes from another process may have heard more than is known here yet.
            while not (watcher.is_cut or watcher.place.is_reached_by(channel.place)):  # noqa: ASYNC110 - it is rare
                await asyncio.sleep(LOOK_SECONDS)
            watcher.is_listening, until, has_ended = True, channel.place, channel.has_ended
            later = [channel.job] if channel.job != first else []
            async for told in self._past(job_id, watcher, until):
                yield told
            if has_ended and not watcher.is_cut:
                yield messages.wanted([*later, messages.of_end(until)], watcher.types)
                return
            yield messages.wanted(later, watcher.types)
            async for told in watcher.told():
                yield told
        finally:
            channel.watchers.discard(watcher)
            if not channel.watchers and self._channels.get(job_id) is channel:
                del self._channels[job_id]

    async def _past(self, job_id: str, watcher: Watcher, until: Place) -> AsyncIterator[bytes]:
        while not (watcher.is_cut or until.is_reached_by(watcher.place)):
            try:
                page, place = await self._in_thread(self._readers, lambda: self._read(job_id, watcher, until))
            except SQLAlchemyError as error:
                log.warning("the database does not answer, the stream waits for it: %s", error)
                yield KEEPALIVE_COMMENT
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                watcher.place = place
                yield page

    async def _look_for_news(self) -> None:
        while not self._closing.is_set():
            try:
                if not await self._has_more():
                    await self._pause(LOOK_SECONDS)
            except Exception:
                log.exception("looking for news broke down: every stream is cut, so that its reader comes back")
                for channel in self._channels.values():
                    _cut(channel)
                await self._pause(_AGAIN_SECONDS)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    async def _has_more(self) -> bool:
        """Tell what is new; True if there is more than was told."""
        if not self._channels:
            return False
        seen = {job_id: (channel.head, channel.place) for job_id, channel in self._channels.items()}
        try:
            found = await self._in_thread(self._looker, lambda: self._find(seen))
        except SQLAlchemyError as error:
            log.warning("the database does not answer, all streams wait for it: %s", error)
            await self._pause(_AGAIN_SECONDS)
            return False
        for job_id, news in found.items():
            self._tell(job_id, news)
        return any(news is not None and news.place != news.head.place for news in found.values())

    def _tell(self, job_id: str, news: News | None) -> None:
        channel = self._channels.get(job_id)
        if channel is None or (news is not None and channel.place != news.since):
            return  # it was closed meanwhile, and perhaps opened again
        if news is None:
            _cut(channel)
            return
        told = [*news.rows, *([news.job] if news.job != channel.job else [])]
        channel.head, channel.place, channel.job = news.head, news.place, news.job
        if channel.has_ended:
            told.append(messages.of_end(channel.place))
        listening = [watcher for watcher in channel.watchers if watcher.is_listening]
        chunks = {types: messages.wanted(told, types) for types in {watcher.types for watcher in listening}}
        for watcher in listening:
            watcher.give(chunks[watcher.types])
            if channel.has_ended:
                watcher.end()

    def _look_at(self, job_id: str) -> Channel:
        with self._database.reading() as session:
            head = stream.heads(session, [job_id]).get(job_id)
            if head is None:
                raise JobNotFound(job_id)
            return Channel(head, head.place, _job(session, job_id, head))

    def _read(self, job_id: str, watcher: Watcher, until: Place) -> tuple[bytes, Place]:
        kinds = [kind for kind in Kind if kind in watcher.types]
        with self._database.reading() as session:
            told, place = stream.between(session, job_id, watcher.place, until, kinds=kinds, limit=_PAGE_ROWS)
        return messages.wanted(messages.of_rows(told), watcher.types), place

    def _find(self, seen: Mapping[str, tuple[Head, Place]]) -> dict[str, News | None]:
        with self._database.reading() as session:
            heads = stream.heads(session, seen)
            return {
                job_id: _news(session, job_id, place, heads.get(job_id))
                for job_id, (head, place) in seen.items()
                if heads.get(job_id) != head or place != head.place
            }

    @staticmethod
    async def _in_thread(limiter: CapacityLimiter, find: Callable[[], Found]) -> Found:
        return await to_thread.run_sync(find, limiter=limiter)


def _news(session: Session, job_id: str, since: Place, head: Head | None) -> News | None:
    if head is None:
        return None
    told, place = stream.between(session, job_id, since, head.place, limit=_PAGE_ROWS)
    return News(since, place, head, _job(session, job_id, head), tuple(messages.of_rows(told)))


def _job(session: Session, job_id: str, head: Head) -> Message:
    job = jobs.get(session, job_id)
    return messages.of_job(JobRead.of(job, head.queue_position, forecast.expected(session, [job]).get(job_id, UNKNOWN)))


def _cut(channel: Channel) -> None:
    for watcher in channel.watchers:
        watcher.cut()
