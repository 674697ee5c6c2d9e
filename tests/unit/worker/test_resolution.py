"""Names become paths of this host, and nothing that a job has left is used unless it is whole."""

from pathlib import Path

import pytest
from huggingface_hub import constants

from store.files import BaseModelNotFound, Storage
from store.leases import Lease
from store.trained_models import Left, Origin
from tests.hub import Hub, Repository
from tests.unit.worker.saving import save
from trainer_core.contract.sources import ModelSource
from trainer_core.contract.spec import HeldOutSplit, JobSpec
from worker.resolution import commit_of, own_copy, pinned, resolve, source_of

EVERY_KIND = pytest.mark.parametrize("storage_kind", ["folder", "s3"])
LEASE = Lease("ftjob-1", 1, "token")
SPEC = JobSpec(base_model="org/vlm", train_dataset="file-1")
CONFIG = {"config.json": b"{}"}
SOURCE = ModelSource(base_model="/models/starter", revision="v2")


def left(storage: Storage, step: int = 3) -> Left:
    saved = save(storage, LEASE, step)
    folder = storage.run_dir(LEASE.job_id, LEASE.attempt) / saved.path
    storage.publish(folder, folder)
    return Left(LEASE.job_id, LEASE.attempt, saved.path, saved.manifest_sha256)


@pytest.fixture
def host(storage_root: str, tmp_path: Path) -> Storage:
    """The storage as another host has it."""
    host = Storage(storage_root, tmp_path / "host")
    host.prepare()
    return host


def test_names_become_paths(storage: Storage) -> None:
    spec = JobSpec(base_model="starter", train_dataset="file-1", eval_dataset="file-2")

    resolved = resolve(spec, SOURCE, storage)

    assert (resolved.base_model, resolved.revision) == ("/models/starter", "v2")
    assert resolved.train_dataset == str(storage.root / "datasets/file-1.jsonl")
    assert resolved.eval_dataset == str(storage.root / "datasets/file-2.jsonl")


def test_a_split_stays_a_split(storage: Storage) -> None:
    spec = JobSpec(base_model="starter", train_dataset="file-1", eval_dataset=HeldOutSplit(fraction=0.1))

    assert resolve(spec, SOURCE, storage).eval_dataset == HeldOutSplit(fraction=0.1)


def test_a_registered_model_is_its_folder(storage: Storage) -> None:
    found = source_of(Origin("starter"), storage, hub_models=False)

    assert found == ModelSource(base_model=str(storage.root / "models/starter"))


@EVERY_KIND
def test_adapters_and_whole_models_are_fetched(storage: Storage, host: Storage) -> None:
    whole, adapter = left(storage, 3), left(storage, 6)

    found = source_of(Origin("gone", "v2", whole=whole, adapters=(adapter,)), host, hub_models=False)

    run_dir = host.run_dir("ftjob-1", 1)
    expected = str(run_dir / "checkpoints/step-3"), (str(run_dir / "checkpoints/step-6"),)
    assert (found.base_model, found.adapters) == expected
    assert found.revision is None
    assert (Path(found.base_model) / "model.safetensors").read_text() == "3"


@EVERY_KIND
@pytest.mark.parametrize("content", [b"torn", None])
def test_what_is_not_whole_is_not_used(storage: Storage, host: Storage, tmp_path: Path, content: bytes | None) -> None:
    adapter = left(storage)
    weights = storage.run_dir("ftjob-1", 1) / adapter.path / "model.safetensors"
    if content is None:
        storage.delete(weights)
    else:
        (tmp_path / "spoilt").write_bytes(content)
        storage.publish(tmp_path / "spoilt", weights)

    with pytest.raises(BaseModelNotFound, match="not there any more, or not whole"):
        source_of(Origin("starter", adapters=(adapter,)), host, hub_models=False)


def test_a_run_keeps_the_model_that_it_goes_on_from(storage: Storage, tmp_path: Path) -> None:
    source = source_of(Origin("starter", whole=left(storage)), storage, hub_models=False)

    kept = own_copy(source, "ft:organisation/model:p::j", tmp_path)
    (Path(source.base_model) / "model.safetensors").unlink()

    assert kept.base_model == str(tmp_path / "base" / "ft:organisation--model:p::j")
    assert (Path(kept.base_model) / "model.safetensors").read_text() == "3"


COMMIT, OTHER = "a" * 40, "b" * 40


def test_a_job_on_a_trusted_model_gets_the_commit_that_is_trusted(storage: Storage) -> None:
    trusted = (f"org/other@{OTHER}", f"org/own@{COMMIT}", f"org/own@{OTHER}")

    found = source_of(Origin("org/own"), storage, hub_models=True, trusted_code=trusted)

    assert (found.base_model, found.revision) == ("org/own", COMMIT)


@pytest.mark.parametrize(("name", "revision"), [("org/own", "main"), ("org/own", OTHER), ("org/free", None)])
def test_other_revisions_and_models_stay_what_they_are(storage: Storage, name: str, revision: str | None) -> None:
    found = source_of(Origin(name, revision), storage, hub_models=True, trusted_code=(f"org/own@{COMMIT}",))

    assert found.revision == revision


def test_a_hub_id_is_never_a_folder_of_the_worker(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "etc" / "model").mkdir(parents=True)

    with pytest.raises(BaseModelNotFound, match="same path"):
        source_of(Origin("etc/model"), storage, hub_models=True)


class TestHubModels:
    """What a revision means is found once, at a stand-in for the hub."""

    @pytest.fixture(autouse=True)
    def _cache(self, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert hub
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    @pytest.mark.parametrize("revision", [None, "main"])
    def test_a_branch_is_pinned_to_its_commit(self, hub: Hub, revision: str | None) -> None:
        commit = hub.repositories.setdefault("org/vlm", Repository()).commit(CONFIG)

        found = pinned(ModelSource(base_model="org/vlm", revision=revision))

        assert found.revision == commit

    def test_a_branch_that_moves_leaves_a_pinned_model_where_it_was(self, hub: Hub, storage: Storage) -> None:
        commit = hub.repositories.setdefault("org/vlm", Repository()).commit(CONFIG)
        spec = resolve(SPEC, pinned(ModelSource(base_model="org/vlm")), storage)
        hub.repositories["org/vlm"].commit({"config.json": b'{"new": 1}'})

        again = pinned(ModelSource(base_model="org/vlm", revision=commit_of(spec)))

        assert again.revision == commit

    def test_a_hub_that_does_not_answer_leaves_what_this_host_has(
        self, hub: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commit = hub.repositories.setdefault("org/vlm", Repository()).commit(CONFIG)
        pinned(ModelSource(base_model="org/vlm"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

        assert pinned(ModelSource(base_model="org/vlm")).revision == commit

    def test_a_model_that_is_not_there_is_left_to_whoever_loads_it(self) -> None:
        source = ModelSource(base_model="org/nothing", revision="v1")

        assert pinned(source) == source

    def test_a_folder_has_no_commit(self, storage: Storage) -> None:
        source = ModelSource(base_model="/models/starter", revision="a" * 40)

        assert pinned(source) == source
        assert commit_of(resolve(SPEC, source, storage)) is None
