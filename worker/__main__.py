"""`python -m worker`: carry out attempts until told to end; SIGTERM drains."""

import logging

from worker.app import create_app
from worker.settings import WorkerSettings


def main() -> None:
    """Start Celery's worker."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = WorkerSettings()
    celery = create_app(settings)
    name = f"--hostname={settings.worker_name}@%h"
    celery.worker_main(["worker", "--pool=threads", name, "--loglevel=INFO", "--without-gossip", "--without-mingle"])


if __name__ == "__main__":
    main()
