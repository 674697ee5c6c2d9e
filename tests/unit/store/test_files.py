"""Places of a storage, and what its kinds have in common; base models by name."""

import os
import time
from pathlib import Path

import pytest
from s3fs import S3FileSystem

from store import remote
from store.files import BaseModelNotFound, Storage
from store.remote import StorageUnavailable

EVERY_KIND = pytest.mark.parametrize("storage_kind", ["folder", "s3"])


@pytest.fixture
def other_host(storage_root: str, tmp_path: Path) -> Storage:
    """The same storage, as another host has it."""
    other = Storage(storage_root, tmp_path / "other")
    other.prepare()
    return other


def folder(path: Path, **files: str) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(content)
    return path


@EVERY_KIND
def test_a_published_file_is_fetched_by_another_host(storage: Storage, other_host: Storage, tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("rows")

    storage.publish(tmp_path / "rows", storage.dataset_path("file-1"))

    assert other_host.fetch(other_host.dataset_path("file-1")).read_text() == "rows"


@EVERY_KIND
def test_a_published_folder_is_fetched_by_another_host(storage: Storage, other_host: Storage) -> None:
    run_dir = folder(storage.run_dir("job", 1), **{"artifact/a.bin": "a", "artifact/sub/b.bin": "b"})

    storage.publish(run_dir / "artifact", run_dir / "artifact")

    fetched = other_host.fetch(other_host.run_dir("job", 1) / "artifact")
    assert {path.name: path.read_text() for path in fetched.rglob("*.bin")} == {"a.bin": "a", "b.bin": "b"}


@EVERY_KIND
def test_a_published_file_can_be_read_in_parts(storage: Storage, other_host: Storage, tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("0123456789")
    storage.publish(tmp_path / "rows", storage.dataset_path("file-1"))

    with other_host.open(other_host.dataset_path("file-1")) as file:
        file.seek(4)
        assert file.read(3) == b"456"
    assert other_host.stat(other_host.dataset_path("file-1")).st_size == 10


@EVERY_KIND
def test_a_file_of_many_parts_comes_back_as_it_was(storage: Storage, other_host: Storage, tmp_path: Path) -> None:
    content = os.urandom(1 << 20) * 33
    (tmp_path / "rows").write_bytes(content)

    storage.publish(tmp_path / "rows", storage.dataset_path("file-1"))

    assert other_host.fetch(other_host.dataset_path("file-1")).read_bytes() == content


@EVERY_KIND
def test_what_was_never_published_is_not_found(other_host: Storage) -> None:
    with pytest.raises(FileNotFoundError):
        other_host.open(other_host.dataset_path("file-none"))


@EVERY_KIND
def test_a_deleted_file_is_gone(storage: Storage, other_host: Storage) -> None:
    run_dir = folder(storage.run_dir("job", 1), **{"step/a": "a", "step/b": "b"})
    storage.publish(run_dir / "step", run_dir / "step")

    other_host.delete(other_host.run_dir("job", 1) / "step" / "a")

    assert other_host.files(other_host.run_dir("job", 1)) == [other_host.run_dir("job", 1) / "step" / "b"]


@EVERY_KIND
def test_a_storage_that_answers_is_ready(storage: Storage) -> None:
    assert storage.is_ready()


@EVERY_KIND
def test_an_upload_that_was_given_up_is_cleared_away(storage: Storage) -> None:
    given_up, going_on = (folder(storage.upload_dir(name), file="half") for name in ("file-1", "file-2"))
    os.utime(given_up, (0, time.time() - 25 * 3600))

    storage.prepare()

    assert (given_up.exists(), going_on.exists()) == (False, True)


@EVERY_KIND
def test_registered_models_are_listed(storage: Storage) -> None:
    assert storage.base_models() == ["starter"]


@EVERY_KIND
def test_a_registered_model_is_fetched(storage: Storage) -> None:
    place = storage.base_model("starter", hub_models=False)

    assert isinstance(place, Path)
    assert [path.name for path in storage.fetch_base_model(place).iterdir()] == ["config.json"]


@EVERY_KIND
def test_a_fetched_model_has_its_name(storage: Storage) -> None:
    assert storage.fetch_base_model(storage.root / "models" / "starter").name == "starter"


@pytest.mark.parametrize("storage_kind", ["s3"])
def test_a_name_that_came_to_mean_another_model_is_fetched_anew(
    storage: Storage, other_host: Storage, tmp_path: Path
) -> None:
    place = other_host.root / "models" / "starter"
    before = other_host.fetch_base_model(place)
    storage.publish(folder(tmp_path / "second", **{"config.json": "{1: 2}"}), storage.root / "models" / "starter")

    after = other_host.fetch_base_model(place)

    assert [(found / "config.json").read_text() for found in (before, after)] == ["{}", "{1: 2}"]


def test_a_registered_model_of_a_folder_is_used_where_it_is(storage: Storage) -> None:
    assert storage.fetch_base_model(storage.root / "models" / "starter") == storage.root / "models" / "starter"


@EVERY_KIND
def test_a_hub_id_is_taken_as_it_is(storage: Storage) -> None:
    assert storage.base_model("Qwen/Qwen2.5-VL-3B-Instruct", hub_models=True) == "Qwen/Qwen2.5-VL-3B-Instruct"


@EVERY_KIND
def test_a_hub_id_is_refused_where_the_operator_wants_none(storage: Storage) -> None:
    with pytest.raises(BaseModelNotFound, match=r"registered: starter$"):
        storage.base_model("Qwen/Qwen2.5-VL-3B-Instruct", hub_models=False)


@EVERY_KIND
@pytest.mark.parametrize("name", ["../models/starter", "/etc", "a/../b", "..", "", "C:\\x", "file:///etc", "a/b@.."])
def test_a_path_is_no_base_model(storage: Storage, name: str) -> None:
    with pytest.raises(BaseModelNotFound):
        storage.base_model(name, hub_models=True)


def test_a_model_in_the_making_is_not_listed(storage: Storage) -> None:
    folder(storage.root / "models" / ".starter-x1", **{"config.json": "{}"})

    assert storage.base_models() == ["starter"]


@EVERY_KIND
def test_only_folders_with_a_config_are_listed(storage: Storage, tmp_path: Path) -> None:
    half_copied = folder(tmp_path / "half", **{"model.safetensors": ""})
    storage.publish(half_copied, storage.root / "models" / "half-copied")

    assert storage.base_models() == ["starter"]


def test_a_bucket_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(S3FileSystem, "retries", 1)
    monkeypatch.setattr(remote, "_RETRIES", {"total_max_attempts": 1})
    S3FileSystem.clear_instance_cache()
    storage = Storage("s3://bucket", tmp_path)
    storage.prepare()

    with pytest.raises(StorageUnavailable, match="Could not connect"):
        storage.stat(storage.dataset_path("file-1"))
    assert not storage.is_ready()
    S3FileSystem.clear_instance_cache()


def test_another_protocol_is_refused() -> None:
    with pytest.raises(ValueError, match="a folder, or s3://"):
        Storage("gs://bucket")
