"""`python -m worker.health`: exit 0 if this worker was seen in the database lately, for container health checks."""

import sys

from store import workers
from store.database import Database
from worker.settings import WorkerSettings


def main() -> int:
    """Look for this worker among those alive."""
    settings = WorkerSettings()
    with Database(settings.database_url).reading() as session:
        names = [worker.name for worker in workers.alive(session)]
    if settings.worker_name in names:
        return 0
    print(f"worker {settings.worker_name} was not seen for {workers.ALIVE_SECONDS} s", file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
