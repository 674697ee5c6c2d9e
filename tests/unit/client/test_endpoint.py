"""Where a service is found."""

import stat
from pathlib import Path

import pytest

from client.endpoint import ENDPOINT, Endpoint, find_service, is_here
from client.errors import ServiceUnknown

HERE = Endpoint(url="http://127.0.0.1:8001", api_key="ty_1_a", pids={"api": [1]})


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUNEYARD_URL", raising=False)
    monkeypatch.delenv("TUNEYARD_API_KEY", raising=False)
    monkeypatch.delenv("TUNEYARD_DATA_DIR", raising=False)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    HERE.save(tmp_path)

    assert Endpoint.load(tmp_path) == HERE


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    HERE.save(tmp_path)

    assert stat.S_IMODE((tmp_path / ENDPOINT).stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [None, "", "{}", "not JSON"])
def test_data_folder_without_a_service_is_told(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / ENDPOINT).write_text(content)

    with pytest.raises(ServiceUnknown, match=str(tmp_path)):
        find_service(data_dir=tmp_path)


def test_url_of_the_data_folder_is_found(tmp_path: Path) -> None:
    HERE.save(tmp_path)

    assert find_service(data_dir=tmp_path) == (HERE.url, HERE.api_key)


def test_data_folder_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    HERE.save(tmp_path)
    monkeypatch.setenv("TUNEYARD_DATA_DIR", str(tmp_path))

    assert find_service() == (HERE.url, HERE.api_key)


def test_url_of_the_environment_goes_before_the_usual_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    HERE.save(tmp_path)
    monkeypatch.setenv("TUNEYARD_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TUNEYARD_URL", "http://other:1/")

    assert find_service() == ("http://other:1", None)


def test_what_is_given_goes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    HERE.save(tmp_path)
    monkeypatch.setenv("TUNEYARD_URL", "http://other:1")

    assert find_service("http://given:2", tmp_path) == ("http://given:2", None)
    assert find_service(data_dir=tmp_path) == (HERE.url, HERE.api_key)


def test_key_of_the_data_folder_goes_to_its_own_service_only(tmp_path: Path) -> None:
    HERE.save(tmp_path)

    assert find_service(HERE.url, tmp_path) == (HERE.url, HERE.api_key)
    assert find_service("http://stranger:1", tmp_path) == ("http://stranger:1", None)


def test_key_that_is_given_goes_before_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEYARD_API_KEY", "ty_2_b")

    assert find_service("http://a:1") == ("http://a:1", "ty_2_b")
    assert find_service("http://a:1", api_key="ty_3_c") == ("http://a:1", "ty_3_c")


@pytest.mark.parametrize(
    ("url", "is_ours"), [("http://127.0.0.1:8000", True), ("http://[::1]:1", True), ("http://localhost.example", False)]
)
def test_a_url_of_this_machine_is_told_from_others(url: str, *, is_ours: bool) -> None:
    assert is_here(url) is is_ours
