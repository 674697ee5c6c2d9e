"""A spec as the trainer wants it: names of base model and datasets become paths of this host."""

from collections.abc import Sequence
from pathlib import Path

from store.files import BaseModelNotFound, Storage
from trainer_core.contract.spec import JobSpec
from trainer_core.contract.trust import TrustedCode, pinned_revision


def resolve(spec: JobSpec, storage: Storage, *, hub_models: bool, trusted_code: Sequence[TrustedCode] = ()) -> JobSpec:
    """Put paths, or a hub id, in place of names, and have on this host what they lead to.

    A model whose code is trusted gets the commit at which it is.

    Raises:
        BaseModelNotFound: The base model is neither registered nor a hub id that may be used.
        FileNotFoundError: A dataset has gone from the bucket.
        StorageUnavailable: Not all of it came.
    """
    eval_dataset = spec.eval_dataset
    if isinstance(eval_dataset, str):
        eval_dataset = _dataset(eval_dataset, storage)
    return spec.model_copy(
        update={
            "revision": pinned_revision(spec.base_model, spec.revision, trusted_code),
            "base_model": _base_model(spec.base_model, storage, hub_models=hub_models),
            "train_dataset": _dataset(spec.train_dataset, storage),
            "eval_dataset": eval_dataset,
        }
    )


def _dataset(dataset_id: str, storage: Storage) -> str:
    return str(storage.fetch(storage.dataset_path(dataset_id)))


def _base_model(name: str, storage: Storage, *, hub_models: bool) -> str:
    found = storage.base_model(name, hub_models=hub_models)
    if isinstance(found, Path):
        return str(storage.fetch_base_model(found))
    if Path(found).exists():  # transformers would take this worker's folder for the model
        raise BaseModelNotFound(f"no base model {name!r}: a folder of this worker has the same path")
    return found
