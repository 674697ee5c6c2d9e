"""The embedded broker, started for real."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import ConstantBackoff, NoBackoff
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as NotYet
from redis.retry import Retry

from client.broker import Broker

PATIENT = Retry(ConstantBackoff(0.02), 9_000, supported_errors=(NotYet,))
"""For three minutes: whoever starts it may be slow."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker, folder = Broker(), tmp_path_factory.mktemp("broker")
    with subprocess.Popen(broker.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        try:
            process.stdin.write(broker.configuration(folder))
            process.stdin.close()
            with Redis.from_url(broker.url, retry=PATIENT) as redis:
                redis.ping()
            yield broker
        finally:
            process.terminate()


def test_it_answers_at_its_url(broker: Broker) -> None:
    with Redis.from_url(broker.url) as redis:
        assert redis.ping()


def test_it_keeps_a_journal_and_drops_nothing(broker: Broker) -> None:
    with Redis.from_url(broker.url) as redis:
        settings = redis.config_get("append*", "maxmemory*", "save")

    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "everysec"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["save"] == ""


def test_it_refuses_whoever_has_no_password(broker: Broker) -> None:
    with Redis(port=broker.port, retry=Retry(NoBackoff(), 0)) as redis, pytest.raises(AuthenticationError):
        redis.ping()


def test_its_password_stands_neither_in_its_arguments_nor_in_its_repr(broker: Broker) -> None:
    assert broker.password not in " ".join(broker.command)
    assert broker.password not in repr(broker)


def test_each_start_has_a_password_of_its_own() -> None:
    assert Broker().password != Broker().password


def test_folder_with_a_space_is_taken(tmp_path: Path) -> None:
    (tmp_path / "my data").mkdir()

    assert f'dir "{tmp_path}/my data"'.encode() in Broker().configuration(tmp_path / "my data")
