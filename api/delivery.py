"""Deliveries on their way: what is due is looked for, claimed and posted, as long as the service runs.

Any number of processes may do this beside each other: each delivery is claimed by one. A process that dies while it
posts leaves its claim behind, which runs out.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from anyio.abc import TaskGroup
from sqlalchemy.exc import SQLAlchemyError

from api.posting import MAX_SECONDS, Poster
from store import deliveries
from store.database import Database
from store.deliveries import Claim
from store.webhook_tables import DeliveryAttempt

LOOK_SECONDS = 1.0
"""How often what is due is looked for."""
CLAIM_SECONDS = 4 * MAX_SECONDS
"""How long a delivery is this process's own."""
_AGAIN_SECONDS = 2.0
"""How soon a database that did not answer is asked again."""
_MAX_AT_ONCE = 64
"""Each of another endpoint."""
_LEAVE_SECONDS = 5.0
"""How long what is on its way may take when the service ends; what is cut off is told again by another."""

log = logging.getLogger(__name__)
Found = TypeVar("Found")


class Deliveries:
    """Tells endpoints what they are to be told."""

    def __init__(self, database: Database, poster: Poster) -> None:
        self.poster = poster
        self._database = database
        self._thread = CapacityLimiter(1)
        self._num_posting = 0
        self._is_closing = False
        self._news = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver meanwhile."""
        self._is_closing, self._news = False, asyncio.Event()
        delivering = asyncio.create_task(self._deliver())
        yield
        self.close()
        await delivering  # cancelled, it would leave a thread with a connection behind

    def close(self) -> None:
        """Claim nothing more, and let go of what is on its way."""
        self._is_closing = True
        self._news.set()

    async def _deliver(self) -> None:
        async with anyio.create_task_group() as tasks:
            while not self._is_closing:
                await self._pause(await self._begin(tasks))
            tasks.cancel_scope.deadline = anyio.current_time() + _LEAVE_SECONDS

    async def _pause(self, seconds: float) -> None:
        """Wait until something was posted, so that its endpoint may be told more, or for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()

    async def _begin(self, tasks: TaskGroup) -> float:
        """Begin to post what is due; seconds until the next look."""
        try:
            claims = await self._in_thread(self._claim)
        except SQLAlchemyError as error:
            log.warning("the database does not answer, deliveries wait for it: %s", error)
            return _AGAIN_SECONDS
        except Exception:
            log.exception("looking for what is to be delivered broke down")
            return _AGAIN_SECONDS
        for claim in claims:
            self._num_posting += 1
            tasks.start_soon(self._carry_out, claim)
        return LOOK_SECONDS

    def _claim(self) -> list[Claim]:
        with self._database.reading() as session:
            if not deliveries.is_anything_due(session):
                return []
        with self._database.writing() as session:
            return deliveries.claim(session, seconds=CLAIM_SECONDS, limit=_MAX_AT_ONCE - self._num_posting)

    async def _carry_out(self, claim: Claim) -> None:
        try:
            attempt = await self.poster.post(claim.url, claim.secrets, claim.event)
            await self._in_thread(lambda: self._settle(claim, attempt))
        except SQLAlchemyError as error:
            log.warning("what came of delivery %s is lost, it is told again: %s", claim.delivery_id, error)
        except Exception:
            log.exception("delivery %s broke down, it is told again", claim.delivery_id)
        finally:
            self._num_posting -= 1
            self._news.set()

    def _settle(self, claim: Claim, attempt: DeliveryAttempt) -> None:
        with self._database.writing() as session:
            deliveries.settle(session, claim, attempt)

    async def _in_thread(self, work: Callable[[], Found]) -> Found:
        return await to_thread.run_sync(work, limiter=self._thread)
