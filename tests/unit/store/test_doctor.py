"""What the doctor says of broker, database and storage, where they are in order and where they are not."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NobodyAnswers

from client.broker import Broker
from store import doctor
from store.settings import StoreSettings
from tests.patience import PATIENCE_SECONDS
from trainer_core.contract.check import Check, NotInOrder, Outcome


@pytest.fixture
def start_broker(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Starts a broker with further lines of configuration; gives its URL."""
    started = []

    def start(more: str = "") -> str:
        broker = Broker()
        process = subprocess.Popen(broker.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        started.append(process)
        assert process.stdin is not None
        with process.stdin as stdin:
            stdin.write(broker.configuration(tmp_path) + more.encode())
        _await(broker.url)
        return broker.url

    yield start
    for process in started:
        process.kill()
        process.wait()


def _await(url: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    with Redis.from_url(url) as redis:
        while True:
            try:
                redis.ping()
            except NobodyAnswers:
                assert time.monotonic() < until
            else:
                return


def settings(database_url: str, storage_root: str, broker_url: str = "redis://127.0.0.1:1/0") -> StoreSettings:
    return StoreSettings.model_validate(
        {"database_url": database_url, "broker_url": broker_url, "storage_root": storage_root}
    )


def outcomes(found: Iterator[Check]) -> dict[str, Outcome]:
    return {check.name: check.outcome for check in found}


def test_a_deployment_in_order_is_found_so(
    database_url: str, tmp_path: Path, start_broker: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "look_at_room", lambda _: "enough")  # of whichever machine this is

    found = outcomes(doctor.checks(settings(database_url, str(tmp_path), start_broker())))

    assert found == dict.fromkeys(["broker", "database", "database clock", "storage", "storage room"], Outcome.OK)


def test_every_part_that_is_away_is_named_with_what_to_do(tmp_path: Path) -> None:
    found = list(doctor.checks(settings(f"sqlite:///{tmp_path}/none.db", f"{tmp_path}/none")))

    failed = {check.name: check.advice for check in found if check.outcome is Outcome.FAILED}
    assert failed.keys() == {"broker", "database", "storage"}
    assert all(failed.values())
    assert not list(tmp_path.iterdir())


def test_a_postgresql_that_does_not_answer_is_a_failure(tmp_path: Path) -> None:
    found = outcomes(doctor.checks(settings("postgresql+psycopg://127.0.0.1:1/none", str(tmp_path)), has_broker=False))

    assert found["database"] is Outcome.FAILED
    assert "broker" not in found


def test_a_broker_that_drops_messages_is_a_failure(start_broker: Callable[[str], str]) -> None:
    with pytest.raises(NotInOrder, match="drops messages") as found:
        doctor.look_at_broker(start_broker("\nmaxmemory-policy allkeys-lru\n"))

    assert found.value.outcome is Outcome.FAILED


def test_a_broker_that_cannot_write_to_its_disk_is_a_failure(
    start_broker: Callable[[str], str], tmp_path: Path
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    url = start_broker(f'\ndir "{folder}"\nappendonly no\n')
    folder.rmdir()
    with Redis.from_url(url) as redis:
        redis.bgsave()
        until = time.monotonic() + PATIENCE_SECONDS
        while redis.info("persistence")["rdb_bgsave_in_progress"]:
            assert time.monotonic() < until

    with pytest.raises(NotInOrder, match="last write to disk failed"):
        doctor.look_at_broker(url)


def test_a_database_on_a_disk_that_knows_no_shared_memory_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "tuneyard.db"
    path.touch()
    as_on_a_network = f"sqlite:///file:{path}?vfs=unix-dotfile&uri=true"

    with pytest.raises(NotInOrder, match="journal mode delete"):
        doctor.look_at_database(as_on_a_network)


def test_a_clock_that_differs_is_told(database_url: str) -> None:
    with pytest.raises(NotInOrder, match="this host's clock") as found:
        doctor.look_at_clock(database_url, most_seconds=-1)

    assert found.value.outcome is Outcome.WARNING


@pytest.mark.parametrize("storage_kind", ["folder", "s3"])
def test_a_storage_that_takes_files_is_in_order_and_keeps_no_probe(storage_root: str, tmp_path: Path) -> None:
    Path(storage_root).mkdir() if "://" not in storage_root else None

    assert doctor.look_at_storage(storage_root, tmp_path / "scratch")
    assert doctor.look_at_storage(storage_root, tmp_path / "scratch")

    left = [path for path in tmp_path.rglob("*") if "doctor" in path.name]
    assert left == []


def test_a_storage_that_takes_no_file_is_a_failure(tmp_path: Path) -> None:
    found = {check.name: check for check in doctor.checks(settings(f"sqlite:///{tmp_path}/none.db", "/proc/self"))}

    assert found["storage"].outcome is Outcome.FAILED


def test_a_bucket_that_is_not_there_is_a_failure(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="bucket"):
        doctor.look_at_storage(f"{bucket}-none/prefix", tmp_path)


@pytest.mark.parametrize(("least", "enough", "outcome"), [(2**62, 2**63, Outcome.FAILED), (0, 2**63, Outcome.WARNING)])
def test_a_disk_without_room_is_told(tmp_path: Path, least: float, enough: float, outcome: Outcome) -> None:
    with pytest.raises(NotInOrder, match="GB free") as found:
        doctor.look_at_room(tmp_path / "none", least, enough)

    assert found.value.outcome is outcome


def test_settings_that_lack_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["doctor"])
    for name in ("DATABASE_URL", "BROKER_URL", "STORAGE_ROOT"):
        monkeypatch.delenv(f"TUNEYARD_{name}", raising=False)

    assert doctor.main() == 0

    found = Check.model_validate_json(capsys.readouterr().out)
    assert found.outcome is Outcome.FAILED
    assert "TUNEYARD_DATABASE_URL" in found.seen
