"""The Hugging Face hub: what a job has left becomes one commit.

It is made by huggingface_hub, which reads `HF_ENDPOINT`. At the root of the repository lies one model: the adapter, or
what it is merged into, or the fully trained one. Pushing the same again makes no commit.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo, CommitOperationAdd, HfApi, ModelCard

from store.tables import Job
from trainer_core.contract.integrations import PushToHub
from trainer_core.contract.manifest import Manifest
from trainer_core.contract.sources import MERGED
from trainer_core.contract.spec import Lora

_CARD = "README.md"
_MAIN = "main"
_LOAD = "## Load it"
_NEXT = "\n## "


def push(api: HfApi, job: Job, target: PushToHub, artifact: Path) -> CommitInfo:
    """Have what a job has left in a repository, which is made if it is not there.

    Args:
        api: With the operator's token.
        job: It has succeeded.
        target: Where it goes.
        artifact: Folder of what it has left, whole.

    Raises:
        huggingface_hub.errors.HfHubHTTPError: The hub does not take it.
    """
    repo_id = str(api.create_repo(target.repo_id, private=target.private, exist_ok=True).repo_id)
    if target.revision != _MAIN:
        api.create_branch(repo_id, branch=target.revision, exist_ok=True)
    card = _card((artifact / _CARD).read_text(), job, target)
    return api.create_commit(
        repo_id,
        [
            CommitOperationAdd(_CARD, card.encode()),
            *(CommitOperationAdd(path, artifact / source) for source, path in _files(artifact, target)),
        ],
        commit_message=f"{job.spec.suffix or job.base_model}, fine-tuned by Tuneyard ({job.id})",
        revision=target.revision,
    )


def _files(artifact: Path, target: PushToHub) -> Iterator[tuple[str, str]]:
    """Of each file of the model its path in the artifact and in the repository."""
    inside = f"{MERGED}/"
    for file in Manifest.load(artifact).files:
        if file.path.startswith(inside) == target.merged and file.path != _CARD:
            yield file.path, file.path.removeprefix(inside) if target.merged else file.path


def _card(text: str, job: Job, target: PushToHub) -> str:
    """The artifact's card, as it is true of the repository."""
    card = ModelCard(text)
    data: Any = card.data
    if target.merged:
        data.library_name = "transformers"
        data.tags = [tag for tag in data.tags if tag != "lora"]
    if data.base_model is not None:
        is_adapter = isinstance(job.spec.method, Lora) and not target.merged
        data.base_model_relation = "adapter" if is_adapter else "finetune"
    before, _, behind = card.text.partition(_LOAD)
    usage, _, rest = behind.partition(_NEXT)
    card.text = f"{before}{_LOAD}{_usage(usage, target)}{_NEXT}{rest}"
    return str(card)


def _usage(usage: str, target: PushToHub) -> str:
    """How to load the artifact, told of the repository."""
    if target.merged:
        usage = usage.partition("\n# or ")[0].rstrip()
        return usage.replace("FOLDER/merged", target.repo_id).replace("FOLDER", target.repo_id) + "\n```\n"
    lines = [line for line in usage.splitlines() if "FOLDER/merged" not in line and not line.startswith("# or ")]
    return "\n".join(lines).replace("FOLDER", target.repo_id) + "\n"
