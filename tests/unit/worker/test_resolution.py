"""What a name of a base model comes to on a worker."""

from pathlib import Path

import pytest

from store.files import BaseModelNotFound, Storage
from trainer_core.contract.spec import JobSpec
from worker.resolution import resolve

COMMIT, OTHER = "a" * 40, "b" * 40


def spec_of(base_model: str, revision: str | None = None) -> JobSpec:
    return JobSpec(base_model=base_model, revision=revision, train_dataset="file-1")


def test_a_job_on_a_trusted_model_gets_the_commit_that_is_trusted(storage: Storage) -> None:
    trusted = (f"org/other@{OTHER}", f"org/own@{COMMIT}", f"org/own@{OTHER}")

    found = resolve(spec_of("org/own"), storage, hub_models=True, trusted_code=trusted)

    assert (found.base_model, found.revision) == ("org/own", COMMIT)


@pytest.mark.parametrize(("name", "revision"), [("org/own", "main"), ("org/own", OTHER), ("org/free", None)])
def test_other_revisions_and_models_stay_what_they_are(storage: Storage, name: str, revision: str | None) -> None:
    found = resolve(spec_of(name, revision), storage, hub_models=True, trusted_code=(f"org/own@{COMMIT}",))

    assert found.revision == revision


def test_a_hub_id_is_never_a_folder_of_the_worker(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "etc" / "model").mkdir(parents=True)

    with pytest.raises(BaseModelNotFound, match="same path"):
        resolve(spec_of("etc/model"), storage, hub_models=True)
