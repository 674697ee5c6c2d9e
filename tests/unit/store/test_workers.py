"""Workers that look for jobs."""

from sqlalchemy import select, update

from store import workers
from store.clock import from_now
from store.database import Database
from store.tables import Worker


def see(database: Database, name: str) -> None:
    with database.writing() as session:
        workers.see(session, name, num_slots=1, memory_bytes=1, gpus=())


def test_one_that_has_long_gone_is_forgotten_when_another_comes(database: Database) -> None:
    see(database, "gone")
    see(database, "away")
    with database.writing() as session:
        for name, days in (("gone", 31), ("away", 29)):
            session.execute(update(Worker).where(Worker.name == name).values(last_seen_at=from_now(-86_400 * days)))

    see(database, "new")

    with database.reading() as session:
        assert set(session.scalars(select(Worker.name))) == {"away", "new"}
        assert [worker.name for worker in workers.alive(session)] == ["new"]
