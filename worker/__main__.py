"""`python -m worker`: carry out attempts until told to end; SIGTERM drains."""

from celery.signals import setup_logging

from telemetry import logs
from worker.app import create_app
from worker.settings import WorkerSettings


def main() -> None:
    """Start Celery's worker."""
    settings = WorkerSettings()
    logs.configure("worker", settings.log_format, settings.log_level)
    setup_logging.connect(_leave_logging_alone)
    celery = create_app(settings)
    name = f"--hostname={settings.worker_name}@%h"
    options = ["--pool=threads", name, f"--loglevel={settings.log_level}", "--without-gossip", "--without-mingle"]
    celery.worker_main(["--quiet", "worker", *options])  # quiet: it draws no picture, and logs as ever


def _leave_logging_alone(**_: object) -> None:
    """Celery asks whoever listens to set logging up, and then does not."""


if __name__ == "__main__":
    main()
