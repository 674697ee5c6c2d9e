"""The Celery app of a worker and its tasks, doorways: composition root."""

import os
import socket
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from celery import Celery
from celery.signals import worker_init, worker_shutdown, worker_shutting_down

from store.database import Database
from store.doorbell import Bell, Doorbell, make_celery
from store.files import Storage
from store.orphans import Orphans
from telemetry.traces import make as make_traces
from worker.attempt import Attempts
from worker.chats import Chats
from worker.gpus import find_gpus
from worker.inspection import Inspections
from worker.rescue import Rescue
from worker.settings import WorkerSettings
from worker.slots import Slots
from worker.warm import Warm


def create_app(settings: WorkerSettings) -> Celery:
    """The app, its task and what it does beside: sweep, and drain when it is told to end."""
    celery = make_celery(str(settings.broker_url))
    database = Database(settings.database_url)
    storage = Storage(settings.storage_root, settings.scratch_dir)
    storage.prepare()
    folder = storage.root / "slots" / socket.gethostname() / settings.worker_name
    slots = Slots(folder, settings.num_slots, find_gpus(), Path(gettempdir()) / "tuneyard-gpus")
    celery.conf.worker_concurrency = len(slots) + 2  # threads; one checks jobs, and one answers chats
    warm = Warm(settings.trainer_command, os.environ, settings.warm_idle_seconds)
    traces = make_traces("worker")
    attempts = Attempts(settings, database, slots, warm, traces)
    doorbell = Doorbell(celery)
    inspections = Inspections(settings, database, storage, doorbell, warm, traces)
    chats = Chats(settings, database, storage, doorbell, warm, attempts, slots)
    rescue = Rescue(settings, database, doorbell, attempts, inspections, chats, slots, Orphans(database, storage))

    @celery.task(name=Bell.JOBS)
    def run_next_job() -> None:
        attempts.run_due()
        chats.run_due()  # for whom a slot may be free now

    @celery.task(name=Bell.INSPECTIONS)
    def inspect_next_job() -> None:
        inspections.run_due()

    @celery.task(name=Bell.COMPLETIONS)
    def answer_next_chat() -> None:
        chats.run_due()

    @worker_init.connect(weak=False)  # before the broker is there: leases end without it
    def begin(**_: Any) -> None:
        rescue.start()

    @worker_shutting_down.connect(weak=False)
    def drain(**_: Any) -> None:
        rescue.stop()
        attempts.drain()
        chats.stop()
        inspections.stop()
        warm.end()

    @worker_shutdown.connect(weak=False)
    def end(**_: Any) -> None:
        traces.close()

    return celery
