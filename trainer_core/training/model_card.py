"""The README of an artifact: what it is, what it was made from and with, how to load it."""

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData

from trainer_core.contract.manifest import sha256_of
from trainer_core.contract.spec import JobSpec, Lora
from trainer_core.models.loading import open_config
from trainer_core.training.preparation import hub_source

_WITH = ("tuneyard", "torch", "transformers", "pytorch-lightning", "peft", "bitsandbytes")
_WEIGHTS = ("*.safetensors", "*.bin")


def name_of_base(spec: JobSpec) -> str:
    """The base model as others know it: its hub id, or the name of its folder, never where that lies here."""
    return Path(spec.base_model).name if Path(spec.base_model).is_dir() else spec.base_model


def model_card(
    spec: JobSpec, identity: Mapping[str, Any], *, reads_images: bool, num_steps: int, metrics: Mapping[str, float]
) -> str:
    """The card in Markdown, with the metadata that the hub reads.

    Args:
        spec: As the trainer has it, base model and datasets being paths.
        identity: Of the run; it has the SHA-256 of the datasets.
        reads_images: True if it is an image-text-to-text model.
        num_steps: Optimizer steps that were taken.
        metrics: Last values by name.
    """
    name, is_local = name_of_base(spec), Path(spec.base_model).is_dir()
    method = spec.method
    data: Any = ModelCardData(
        base_model=None if is_local else name,
        library_name="peft" if isinstance(method, Lora) else "transformers",
        pipeline_tag="image-text-to-text" if reads_images else "text-generation",
        tags=["tuneyard", *(["lora"] if isinstance(method, Lora) else [])],
    )
    facts = {
        "Base model": f"{name}, {_state_of_base(spec)}",
        "Training rows": _hash_line(spec.train_dataset, identity["train_dataset"]),
        **(
            {"Evaluation rows": _hash_line(spec.eval_dataset, identity["eval_dataset"])}
            if isinstance(spec.eval_dataset, str)
            else {}
        ),
        "Steps": str(num_steps),
        **{key.replace("_", " ").capitalize(): f"{value:.4g}" for key, value in sorted(metrics.items())},
        "Made with": ", ".join(f"{package} {version(package)}" for package in _WITH),
    }
    return "\n".join(
        [
            f"---\n{data.to_yaml()}\n---\n",
            f"# {spec.suffix or name}, fine-tuned\n",
            *(f"- {key}: {value}" for key, value in facts.items()),
            f"\n## Load it\n\n```python\n{_usage(spec, reads_images=reads_images)}\n```\n",
            f"## The job\n\n```json\n{_public(spec)}\n```\n",
        ]
    )


def _state_of_base(spec: JobSpec) -> str:
    if Path(spec.base_model).is_dir():
        files = sorted(path for pattern in _WEIGHTS for path in Path(spec.base_model).glob(pattern))
        hashes = [f"{path.name} {sha256_of(path)}" for path in files]
        return f"SHA-256 of its weights: {'; '.join(hashes)}"
    commit = getattr(open_config(spec.base_model, **hub_source(spec)), "_commit_hash", None)
    return f"commit {commit or spec.revision or 'unknown'}"


def _hash_line(path: str, sha256: str) -> str:
    with Path(path).open("rb") as file:
        num_rows = sum(1 for line in file if line.strip())
    return f"{num_rows:,} in {Path(path).name}, SHA-256 {sha256}"


def _public(spec: JobSpec) -> str:
    """The spec with names in place of this machine's paths."""
    told = spec.model_dump(mode="json", exclude={"integrations", "push_to_hub"}) | {"base_model": name_of_base(spec)}
    for dataset in ("train_dataset", "eval_dataset"):
        if isinstance(told[dataset], str):
            told[dataset] = Path(told[dataset]).name
    return json.dumps(told, indent=1)


def _usage(spec: JobSpec, *, reads_images: bool) -> str:
    auto = "AutoModelForImageTextToText" if reads_images else "AutoModelForCausalLM"
    reader = "AutoProcessor" if reads_images else "AutoTokenizer"
    lines = [f"from transformers import {auto}, {reader}", "", f'processor = {reader}.from_pretrained("FOLDER")']
    if not isinstance(spec.method, Lora):
        return "\n".join([*lines, f'model = {auto}.from_pretrained("FOLDER", dtype="auto")'])
    merged = f'model = {auto}.from_pretrained("FOLDER/merged", dtype="auto")'
    beside = [
        "from peft import PeftModel",
        f'base = {auto}.from_pretrained("{name_of_base(spec)}", dtype="auto")',
        'model = PeftModel.from_pretrained(base, "FOLDER")',
    ]
    if not spec.export.merged:
        return "\n".join([beside[0], *lines, *beside[1:]])
    return "\n".join([*lines, merged, "", "# or the adapter beside its base:", *beside])
