"""Training that goes on from adapters of earlier jobs: they become a base model like any other."""

from collections.abc import Sequence
from pathlib import Path

from trainer_core.contract.manifest import MANIFEST
from trainer_core.contract.sources import ModelSource
from trainer_core.contract.spec import JobSpec
from trainer_core.models.assembly import write_whole
from trainer_core.training.failures import loading
from trainer_core.training.folders import write_folder
from trainer_core.training.model_card import name_of_base


def on_adapters(spec: JobSpec, adapters: Sequence[Path], place: Path) -> JobSpec:
    """The spec with a base model that has the adapters merged into it, in their order.

    Args:
        spec: Its base model is a path or a hub id.
        adapters: Folders; each was trained on what the base and those before it make.
        place: Folder for the base model, which is written once.

    Raises:
        TrainerError: They do not fit together.
    """
    folder = place / name_of_base(spec).replace("/", "--")
    if not (folder / MANIFEST).is_file():  # another process of the run has not written it yet
        paths = tuple(str(one) for one in adapters)
        source = ModelSource(base_model=spec.base_model, revision=spec.revision, adapters=paths)
        with loading(spec.base_model):
            write_folder(folder, lambda draft: write_whole(source, draft))
    return spec.model_copy(update={"base_model": str(folder), "revision": None})
