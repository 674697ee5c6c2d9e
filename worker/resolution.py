"""Names become paths of this host: of datasets, of base models, and of all that a trained model is made of."""

import logging
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import hf_hub_download

from store.files import HUB_ID, BaseModelNotFound, Storage
from store.trained_models import Left, Origin
from trainer_core.contract.manifest import Manifest
from trainer_core.contract.sources import ModelSource
from trainer_core.contract.spec import JobSpec
from trainer_core.contract.trust import TrustedCode, pinned_revision

_COMMIT = re.compile(r"[0-9a-f]{40}")
"""A revision that nobody can move."""

log = logging.getLogger(__name__)


def resolve(spec: JobSpec, source: ModelSource, storage: Storage) -> JobSpec:
    """Put paths, or a hub id, in place of names, and have on this host what they lead to.

    Args:
        spec: As it was submitted.
        source: Of its base model; whatever adapters it has are for others to merge.
        storage: Where it lies.

    Raises:
        FileNotFoundError: A dataset has gone from the bucket.
        StorageUnavailable: Not all of it came.
    """
    eval_dataset = spec.eval_dataset
    if isinstance(eval_dataset, str):
        eval_dataset = _dataset(eval_dataset, storage)
    return spec.model_copy(
        update={
            "base_model": source.base_model,
            "revision": source.revision,
            "train_dataset": _dataset(spec.train_dataset, storage),
            "eval_dataset": eval_dataset,
        }
    )


def source_of(
    origin: Origin, storage: Storage, *, hub_models: bool, trusted_code: Sequence[TrustedCode] = ()
) -> ModelSource:
    """Have on this host all that a model is made of; a model whose code is trusted gets the commit at which it is.

    Raises:
        BaseModelNotFound: The base model is neither registered nor a hub id that may be used, or what a job has left is
            not there any more, or not whole.
        StorageUnavailable: Not all of it came.
    """
    base_model = origin.base_model
    revision = pinned_revision(base_model, origin.revision, trusted_code)
    if origin.whole is not None:
        found, revision = str(_left(origin.whole, storage)), None
    else:
        found = _base_model(base_model, storage, hub_models=hub_models)
    adapters = tuple(str(_left(one, storage)) for one in origin.adapters)
    return ModelSource(base_model=found, revision=revision, adapters=adapters, quantization=origin.quantization)


def pinned(source: ModelSource) -> ModelSource:
    """A hub model at the commit that its revision means now, so that every attempt reads the same.

    The hub is asked, or this host's cache where it does not answer. Where neither knows the model, whoever loads it
    tells why.
    """
    if not HUB_ID.fullmatch(source.base_model) or _is_commit(source.revision):
        return source
    try:
        path = hf_hub_download(source.base_model, "config.json", revision=source.revision)
    except (OSError, ValueError) as error:
        log.warning("%s: its revision cannot be resolved: %s", source.base_model, error)
        return source
    return source.model_copy(update={"revision": Path(path).parent.name})


def commit_of(spec: JobSpec) -> str | None:
    """The commit of the hub model that a resolved spec names, if it is pinned."""
    return spec.revision if HUB_ID.fullmatch(spec.base_model) and _is_commit(spec.revision) else None


def _is_commit(revision: str | None) -> bool:
    return revision is not None and _COMMIT.fullmatch(revision) is not None


def own_copy(source: ModelSource, name: str, run_dir: Path) -> ModelSource:
    """Have a run keep the model that it goes on from, which its own job may delete meanwhile; files are shared."""
    folder = run_dir / "base" / name.replace("/", "--")
    if not folder.exists():
        shutil.copytree(source.base_model, folder, copy_function=_link)
    return source.model_copy(update={"base_model": str(folder)})


def _link(path: str, target: str) -> None:
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)


def _dataset(dataset_id: str, storage: Storage) -> str:
    return str(storage.fetch(storage.dataset_path(dataset_id)))


def _base_model(name: str, storage: Storage, *, hub_models: bool) -> str:
    found = storage.base_model(name, hub_models=hub_models)
    if isinstance(found, Path):
        return str(storage.fetch_base_model(found))
    if Path(found).exists():  # transformers would take this worker's folder for the model
        raise BaseModelNotFound(f"no base model {name!r}: a folder of this worker has the same path")
    return found


def _left(left: Left, storage: Storage) -> Path:
    """The folder of what a job has left, looked through."""
    folder = storage.run_dir(left.job_id, left.attempt) / left.path
    try:
        manifest = Manifest.load(storage.fetch(folder))
        if manifest.sha256 == left.manifest_sha256 and manifest.is_true_of(folder):
            return folder / left.inside
    except (FileNotFoundError, ValueError):
        pass
    storage.forget(folder)
    raise BaseModelNotFound(f"what job {left.job_id} has left in {left.path} is not there any more, or not whole")
