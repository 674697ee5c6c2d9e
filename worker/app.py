"""The Celery app of a worker and its one task, a doorway: composition root."""

import socket
from typing import Any

from celery import Celery
from celery.signals import worker_ready, worker_shutting_down

from store.database import Database
from store.doorbell import RUN_NEXT_JOB, Doorbell, make_celery
from store.files import Storage
from worker.attempt import Attempts
from worker.rescue import Rescue
from worker.settings import WorkerSettings
from worker.slots import Slots


def create_app(settings: WorkerSettings) -> Celery:
    """The app, its task and what it does beside: sweep, and drain when it is told to end."""
    celery = make_celery(str(settings.broker_url))
    database = Database(settings.database_url)
    storage = Storage(settings.storage_root)
    storage.prepare()
    slots = Slots(storage.root / "slots" / socket.gethostname(), settings.num_slots)
    attempts = Attempts(settings, database, slots)
    rescue = Rescue(settings, database, Doorbell(celery), attempts)

    @celery.task(name=RUN_NEXT_JOB)
    def run_next_job() -> None:
        attempts.run_due()

    @worker_ready.connect(weak=False)
    def begin(**_: Any) -> None:
        rescue.start()

    @worker_shutting_down.connect(weak=False)
    def drain(**_: Any) -> None:
        rescue.stop()
        attempts.drain()

    return celery
