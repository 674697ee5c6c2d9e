"""Base models by name."""

import pytest

from store.files import BaseModelNotFound, Storage


def test_a_registered_model_is_its_folder(storage: Storage) -> None:
    assert storage.base_model("starter", hub_models=False) == str(storage.root / "models" / "starter")


def test_a_hub_id_is_taken_as_it_is(storage: Storage) -> None:
    assert storage.base_model("Qwen/Qwen2.5-VL-3B-Instruct", hub_models=True) == "Qwen/Qwen2.5-VL-3B-Instruct"


def test_a_hub_id_is_refused_where_the_operator_wants_none(storage: Storage) -> None:
    with pytest.raises(BaseModelNotFound, match=r"registered: starter$"):
        storage.base_model("Qwen/Qwen2.5-VL-3B-Instruct", hub_models=False)


@pytest.mark.parametrize("name", ["../models/starter", "/etc", "a/../b", "..", "", "C:\\x", "file:///etc", "a/b@.."])
def test_a_path_is_no_base_model(storage: Storage, name: str) -> None:
    with pytest.raises(BaseModelNotFound):
        storage.base_model(name, hub_models=True)


def test_a_model_in_the_making_is_not_listed(storage: Storage) -> None:
    (storage.root / "models" / ".starter-x1").mkdir()
    (storage.root / "models" / ".starter-x1" / "config.json").write_text("{}")

    assert storage.base_models() == ["starter"]


def test_only_folders_with_a_config_are_listed(storage: Storage) -> None:
    (storage.root / "models" / "half-copied").mkdir()

    assert storage.base_models() == ["starter"]
