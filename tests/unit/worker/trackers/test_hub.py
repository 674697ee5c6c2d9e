"""What a job leaves goes to a stand-in for the hub, by huggingface_hub itself."""

import pytest
import yaml
from huggingface_hub import ModelCard

from store import artifacts, jobs, leases
from store.database import Database
from store.files import Storage
from store.leases import Failure, Lease
from store.tracking_tables import TrackingStatus
from tests.hub import Hub
from tests.unit.queued import claim_submitted
from tests.unit.tracked import claim_all, have_failed_for, rows, told
from tests.unit.worker.following import follow
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.integrations import PushToHub
from trainer_core.contract.manifest import Manifest
from trainer_core.contract.spec import JobSpec, Lora

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # of huggingface_hub's uploads
CARD = """---
base_model: org/vlm
library_name: peft
pipeline_tag: image-text-to-text
tags:
- tuneyard
- lora
---

# digits, fine-tuned

- Base model: org/vlm, commit abc

## Load it

```python
from transformers import AutoModelForImageTextToText, AutoProcessor

processor = AutoProcessor.from_pretrained("FOLDER")
model = AutoModelForImageTextToText.from_pretrained("FOLDER/merged", dtype="auto")

# or the adapter beside its base:
from peft import PeftModel
base = AutoModelForImageTextToText.from_pretrained("org/vlm", dtype="auto")
model = PeftModel.from_pretrained(base, "FOLDER")
```

## The job

```json
{"seed": 0}
```
"""
FILES = {
    "README.md": CARD,
    "adapter_config.json": '{"r": 16}',
    "adapter_model.safetensors": "adapter",
    "merged/config.json": '{"model_type": "vlm"}',
    "merged/model.safetensors": "merged",
}


def run(database: Database, spec: JobSpec, target: PushToHub) -> Lease:
    return claim_submitted(database, spec.model_copy(update={"push_to_hub": target, "method": Lora()}))


def succeed(database: Database, storage: Storage, lease: Lease) -> None:
    folder = storage.run_dir(lease.job_id, lease.attempt) / "artifact"
    for path, content in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    Manifest.of(folder).save(folder)
    storage.publish(folder, folder)
    with database.writing() as session:
        artifacts.record(session, lease, "artifact", Manifest.load(folder))
        leases.succeed(session, lease)


@pytest.mark.parametrize("storage_kind", ["folder", "s3"])
def test_an_adapter_is_pushed_with_its_card(database: Database, storage: Storage, hub: Hub, spec: JobSpec) -> None:
    lease = run(database, spec, PushToHub(repo_id="org/digits"))
    succeed(database, storage, lease)

    follow(database, storage)

    repository = hub.repositories["org/digits"]
    pushed = repository.at("main")
    assert repository.private
    assert pushed.keys() == {".gitattributes", "README.md", "adapter_config.json", "adapter_model.safetensors"}
    assert pushed["adapter_model.safetensors"] == b"adapter"
    card = ModelCard(pushed["README.md"].decode())
    assert (card.data.base_model_relation, card.data.license) == ("adapter", None)  # type: ignore[attr-defined]
    assert 'PeftModel.from_pretrained(base, "org/digits")' in card.text
    assert "FOLDER" not in card.text
    assert "merged" not in card.text


def test_a_merged_model_is_pushed_in_its_place(database: Database, storage: Storage, hub: Hub, spec: JobSpec) -> None:
    succeed(database, storage, run(database, spec, PushToHub(repo_id="org/digits", private=False, merged=True)))

    follow(database, storage)

    repository = hub.repositories["org/digits"]
    pushed = repository.at("main")
    assert not repository.private
    assert pushed.keys() == {".gitattributes", "README.md", "config.json", "model.safetensors"}
    card = ModelCard(pushed["README.md"].decode())
    assert yaml.safe_load(str(card.data)) == {
        "base_model": "org/vlm",
        "library_name": "transformers",
        "pipeline_tag": "image-text-to-text",
        "tags": ["tuneyard"],
        "base_model_relation": "finetune",
    }
    assert 'from_pretrained("org/digits", dtype="auto")\n```\n\n## The job' in card.text
    assert "peft" not in card.text.lower()


def test_the_job_is_told_its_commit(database: Database, storage: Storage, hub: Hub, spec: JobSpec) -> None:
    succeed(database, storage, run(database, spec, PushToHub(repo_id="org/digits", revision="v1")))

    follow(database, storage)

    commit = hub.repositories["org/digits"].branches["v1"]
    [event] = told(database, "pushed")
    assert event.data == {"target": "hub", "url": f"{hub.url}/org/digits/commit/{commit}", "commit": commit}
    [row] = rows(database)
    assert (row.status, row.url) == (TrackingStatus.TOLD, event.data["url"])


def test_pushing_the_same_again_makes_no_commit(database: Database, storage: Storage, hub: Hub, spec: JobSpec) -> None:
    for _ in range(2):
        succeed(database, storage, run(database, spec, PushToHub(repo_id="org/digits")))
        follow(database, storage)

    first, second = told(database, "pushed")
    assert first.job_id != second.job_id
    assert first.data["commit"] == second.data["commit"]
    assert len(hub.repositories["org/digits"].commits) == 2  # the other made the repository


def test_a_hub_that_is_down_is_tried_again(database: Database, storage: Storage, hub: Hub, spec: JobSpec) -> None:
    lease = run(database, spec, PushToHub(repo_id="org/digits"))
    succeed(database, storage, lease)
    hub.is_down = True
    [event] = follow(database, storage)
    assert "the hub does not take what the job tells" in event.message
    hub.is_down = False
    have_failed_for(database, 60)

    follow(database, storage)

    assert len(told(database, "pushed")) == 1
    with database.reading() as session:
        assert jobs.get(session, lease.job_id).status == "succeeded"


def test_a_token_that_is_refused_is_told(database: Database, storage: Storage, hub: Hub, spec: JobSpec) -> None:
    succeed(database, storage, run(database, spec, PushToHub(repo_id="org/digits")))

    [event] = follow(database, storage, push_token="hf_wrong")

    assert hub.repositories == {}
    assert "401" in event.message
    assert "hf_wrong" not in event.message


def test_nothing_is_pushed_of_a_job_that_failed(database: Database, storage: Storage, hub: Hub, spec: JobSpec) -> None:
    lease = run(database, spec, PushToHub(repo_id="org/digits"))
    with database.writing() as session:
        leases.fail(session, lease, Failure(FailureCode.INVALID_SPEC, "no such part"))

    follow(database, storage)

    assert hub.repositories == {}
    assert claim_all(database) == []
