"""What lies in run folders and no row names: left by attempts that ended between saving something and its row."""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from store import expiry, retention
from store.clock import from_now
from store.database import UNAVAILABLE, Database
from store.files import Storage
from store.jobs import dataset_ids
from store.lifecycle import JobStatus
from store.remote import StorageFull, StorageUnavailable
from store.tables import Artifact, Attempt, Checkpoint, Job
from store.trained_models import root_of

_GRACE_SECONDS = 3600.0
"""How long after its end an attempt's folder is left alone."""
_COLLECT_SECONDS = 600.0
_JOBS = "jobs"
_MAX_ATTEMPTS = 100
"""Whose folders are looked at in one go: whoever looks has other work."""

Run = tuple[str, int]
"""A job's id and the number of an attempt."""

log = logging.getLogger(__name__)


class Orphans:
    """Deletes what no row names, a few attempts at a time, in the order in which they ended."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage
        self._looked_until = datetime.min.replace(tzinfo=UTC)
        self._due_at = time.monotonic()

    def collect_if_due(self) -> None:
        """Collect every ten minutes; whatever is wrong with it, whoever calls goes on with what is more urgent."""
        if time.monotonic() < self._due_at:
            return
        self._due_at = time.monotonic() + _COLLECT_SECONDS
        try:
            self.collect()
        except (OSError, StorageFull, StorageUnavailable, *UNAVAILABLE) as error:
            log.warning("orphans are left for later: %s", error)
        except Exception:
            log.exception("orphans are left for later, since collecting them broke down")

    def collect(self) -> None:
        """Look at the next attempts that ended, and at what this host need not hold any more."""
        with self._database.reading() as session:
            ended = _ended(session, self._looked_until)
            named = _named(session, [run for run, _ in ended])
            in_use = _in_use(session)
        for run, ended_at in ended:
            self._clear(run, named[run])
            self._looked_until = ended_at
        expiry.collect(self._database, self._storage)
        retention.collect(self._database, self._storage)
        self._storage.forget_uploads()
        self._storage.forget_copies(in_use)

    def _clear(self, run: Run, named: set[str]) -> None:
        run_dir = self._storage.run_dir(*run)
        for place in self._storage.files(run_dir):
            if _is_nameless(place.relative_to(run_dir), named):
                log.info("deleting %s, which no row names", place)
                self._storage.delete(place)


def every(database: Database, storage: Storage) -> Iterator[Path]:
    """Places of all that no row names in run folders, of attempts that nobody knows too."""
    runs: dict[Run, list[Path]] = defaultdict(list)
    for place in storage.files(storage.root / _JOBS):
        match place.relative_to(storage.root / _JOBS).parts:
            case job_id, attempt, _, *_ if (number := attempt.removeprefix("attempt-")).isdecimal():
                runs[job_id, int(number)].append(place)
    for some in _batched(runs, _MAX_ATTEMPTS):
        with database.reading() as session:
            left, named = _left_alone(session, some), _named(session, some)
        for run in some:
            run_dir = storage.run_dir(*run)
            if run not in left:
                yield from (place for place in runs[run] if _is_nameless(place.relative_to(run_dir), named[run]))


def _batched(runs: Iterable[Run], size: int) -> Iterator[list[Run]]:
    left = iter(runs)
    while some := list(islice(left, size)):
        yield some


def _is_nameless(path: Path, named: set[str]) -> bool:
    return not named & {path.as_posix(), *(parent.as_posix() for parent in path.parents)}


def _left_alone(session: Session, runs: Iterable[Run]) -> set[Run]:
    """Those of which an attempt runs, or has ended lately."""
    job_ids = {job_id for job_id, _ in runs}
    is_alive = or_(Attempt.ended_at.is_(None), Attempt.ended_at >= from_now(-_GRACE_SECONDS))
    rows = session.execute(select(Attempt.job_id, Attempt.number).where(Attempt.job_id.in_(job_ids), is_alive))
    return {(row.job_id, row.number) for row in rows}


def _ended(session: Session, since: datetime) -> list[tuple[Run, datetime]]:
    statement = (
        select(Attempt.job_id, Attempt.number, Attempt.ended_at)
        .where(Attempt.ended_at >= since, Attempt.ended_at < from_now(-_GRACE_SECONDS))
        .order_by(Attempt.ended_at)
        .limit(_MAX_ATTEMPTS)
    )
    return [((row.job_id, row.number), row.ended_at) for row in session.execute(statement)]


def _named(session: Session, runs: Iterable[Run]) -> dict[Run, set[str]]:
    """For each attempt the paths of its checkpoints and its artifact, relative to its run folder."""
    job_ids = {job_id for job_id, _ in runs}
    named: dict[Run, set[str]] = defaultdict(set)
    for table in (Checkpoint, Artifact):
        rows = session.execute(select(table.job_id, table.attempt, table.path).where(table.job_id.in_(job_ids)))
        for row in rows:
            named[row.job_id, row.attempt].add(row.path)
    return named


def _in_use(session: Session) -> set[str]:
    """Names of the running jobs, their datasets and base models."""
    running = session.scalars(select(Job).where(Job.status == JobStatus.RUNNING))
    return {name for job in running for name in (job.id, root_of(job.base_model), *dataset_ids(job.spec))}
