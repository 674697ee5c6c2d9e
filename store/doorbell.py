"""The broker's only messages: «there may be work». Losing or repeating it is harmless, since rows are the truth."""

import logging
import threading
from contextvars import Context, copy_context
from enum import StrEnum
from typing import Any, Self

from celery import Celery
from kombu.connection import Connection
from kombu.exceptions import OperationalError

from store.hearing import HearingTransport


class Bell(StrEnum):
    """What there may be to do; the name of the task that looks."""

    JOBS = "tuneyard.run_next_job"
    INSPECTIONS = "tuneyard.inspect_next_job"
    COMPLETIONS = "tuneyard.answer_next_chat"


_RING_LIVES_SECONDS = 30
"""A ring nobody answered is worth nothing later: workers look for themselves."""

log = logging.getLogger(__name__)


class Rings(HearingTransport):
    """Hears these bells."""

    bells = frozenset(Bell)


class BrokerConnection(Connection):
    """A connection that is tried again every two seconds, however long the broker has been away."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Self:
        """Kombu would wait longer each time, up to half a minute."""
        super().ensure_connection(*args, **{"interval_step": 0, **kwargs})  # type: ignore[no-untyped-call]
        return self

    def get_transport_cls(self) -> type[Rings]:
        """Only rings are heard."""
        return Rings


def make_celery(broker_url: str) -> Celery:
    """A Celery app with the settings that both sides of the broker share."""
    celery = Celery("tuneyard", broker=broker_url)
    celery.conf.update(
        task_ignore_result=True,
        task_acks_late=False,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue="tuneyard",
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_send_task_events=False,
        worker_enable_remote_control=False,  # whoever reaches the broker must not be able to stop workers
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,  # a broker whose disk is full must not end a worker
        broker_transport_options={
            "global_keyprefix": "tuneyard:",
            "visibility_timeout": 300,
            "socket_timeout": 3,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 25,
        },
    )
    celery.amqp.Connection = BrokerConnection
    return celery


class Doorbell:
    """Tells waiting workers that there may be work."""

    def __init__(self, celery: Celery) -> None:
        self._celery = celery

    def ring(self, bell: Bell = Bell.JOBS) -> bool:
        """Ring once; a broker that is down is logged, not raised, since workers look every few seconds anyway.

        Returns:
            Whether the broker took it.
        """
        try:
            self._celery.send_task(bell, expires=_RING_LIVES_SECONDS, retry=False)
        except OperationalError as error:
            log.warning("could not ring, workers will look by themselves: %s", error)
            return False
        return True


class Ringer:
    """Rings in a thread of its own, so that whoever asks never waits, even for a broker that hangs.

    Rings for one bell that are asked for while it is busy become one, of whoever asked first.
    """

    def __init__(self, doorbell: Doorbell) -> None:
        self._doorbell = doorbell
        self._asked: dict[Bell, Context] = {}
        self._is_stopping = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._ring_until_stopped, name="ringer", daemon=True)

    def start(self) -> None:
        """Begin; what was asked for before is rung now."""
        self._thread.start()

    def stop(self) -> None:
        """Ring no more; a ring that hangs is left to itself."""
        with self._news:
            self._is_stopping = True
            self._news.notify()

    def ring(self, bell: Bell = Bell.JOBS) -> None:
        """Have it rung soon."""
        with self._news:
            self._asked.setdefault(bell, copy_context())
            self._news.notify()

    def _ring_until_stopped(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._asked or self._is_stopping)
                if self._is_stopping:
                    return
                bell = next(iter(self._asked))
                asked = self._asked.pop(bell)
            asked.run(self._doorbell.ring, bell)
