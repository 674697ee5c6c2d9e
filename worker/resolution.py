"""A spec as the trainer wants it: names of base model and datasets become paths."""

from store.files import Storage
from trainer_core.contract.spec import JobSpec


def resolve(spec: JobSpec, storage: Storage, *, hub_models: bool) -> JobSpec:
    """Put paths, or a hub id, in place of names.

    Raises:
        BaseModelNotFound: The base model is neither registered nor a hub id that may be used.
    """
    eval_dataset = spec.eval_dataset
    if isinstance(eval_dataset, str):
        eval_dataset = str(storage.dataset_path(eval_dataset))
    return spec.model_copy(
        update={
            "base_model": storage.base_model(spec.base_model, hub_models=hub_models),
            "train_dataset": str(storage.dataset_path(spec.train_dataset)),
            "eval_dataset": eval_dataset,
        }
    )
