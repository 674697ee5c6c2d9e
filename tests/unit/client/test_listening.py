"""The lock of a data folder and the socket of a service."""

import os
import stat
from pathlib import Path

import pytest

from client.endpoint import Endpoint
from client.errors import CannotStart
from client.listening import is_public, listen, only_one, url_of


def test_second_service_on_a_folder_is_told_of_the_first(tmp_path: Path) -> None:
    with only_one(tmp_path):
        Endpoint(url="http://127.0.0.1:8001").save(tmp_path)

        with (
            pytest.raises(CannotStart, match=rf"process {os.getpid()}, at http://127\.0\.0\.1:8001"),
            only_one(tmp_path),
        ):
            pass


def test_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    with only_one(tmp_path):
        pass

    with only_one(tmp_path):
        assert (tmp_path / "up.lock").read_text() == str(os.getpid())


def test_data_folder_is_made_private(tmp_path: Path) -> None:
    with only_one(tmp_path / "data"):
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_port_in_use_is_told() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]

        with pytest.raises(CannotStart, match=f"port {port} of 127.0.0.1 is in use"):
            listen("127.0.0.1", port)


def test_host_of_another_machine_is_told() -> None:
    with pytest.raises(CannotStart, match=r"cannot listen on 203\.0\.113\.1:8000"):
        listen("203.0.113.1", 8000)


@pytest.mark.parametrize(
    ("host", "shown", "reachable"),
    [("127.0.0.1", "127.0.0.1", False), ("0.0.0.0", "127.0.0.1", True)],  # noqa: S104 - that is the case
)
def test_url_is_one_that_this_machine_can_use(host: str, shown: str, reachable: bool) -> None:  # noqa: FBT001
    with listen(host, 0) as listener:
        assert url_of(listener) == f"http://{shown}:{listener.getsockname()[1]}"
        assert is_public(listener) is reachable
