"""Shared storage: where datasets, base models and what runs leave lie. It knows no table."""

import re
from pathlib import Path

HUB_ID = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}")


class BaseModelNotFound(Exception):
    """No registered base model has this name, and it is no hub id that may be used."""


class Storage:
    """A folder that API and workers share.

    ```
    root/datasets/file-….jsonl
    root/models/starter/                  a registered base model: a Hugging Face folder, or a link to one
    root/jobs/ftjob-…/attempt-1/          a run folder, written by one attempt only
    root/images/file-…                    an uploaded image, or a zip of them
    root/uploads/file-…/                  a file on its way in, and what is made of it
    ```
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def prepare(self) -> None:
        """Make the folders."""
        for name in ("datasets", "images", "models", "jobs", "uploads"):
            (self.root / name).mkdir(parents=True, exist_ok=True)

    def upload_dir(self, file_id: str) -> Path:
        """Folder of a file while it comes in and is checked."""
        return self.root / "uploads" / file_id

    def dataset_path(self, dataset_id: str) -> Path:
        """Where the rows of a checked dataset lie."""
        return self.root / "datasets" / f"{dataset_id}.jsonl"

    def images_path(self, images_id: str) -> Path:
        """Where an uploaded image lies, or a zip of them."""
        return self.images_dir / images_id

    @property
    def images_dir(self) -> Path:
        """Folder of all uploaded images."""
        return self.root / "images"

    def run_dir(self, job_id: str, attempt: int) -> Path:
        """Folder of one attempt."""
        return self.root / "jobs" / job_id / f"attempt-{attempt}"

    def base_models(self) -> list[str]:
        """Names of the registered base models."""
        # A folder in the making begins with a dot, so it has no name yet.
        return sorted(
            path.name for path in (self.root / "models").iterdir() if _NAME.fullmatch(path.name) and _is_model(path)
        )

    def base_model(self, name: str, *, hub_models: bool) -> str:
        """What the trainer loads for the base model `name`: a folder, or a hub id.

        Raises:
            BaseModelNotFound: It is neither registered nor a hub id that may be used.
        """
        if _NAME.fullmatch(name) and _is_model(self.root / "models" / name):
            return str(self.root / "models" / name)
        if hub_models and HUB_ID.fullmatch(name) and ".." not in name:
            return name
        known = ", ".join(self.base_models()) or "none"
        hint = ", or give a Hugging Face hub id (organisation/name)" if hub_models else ""
        raise BaseModelNotFound(f"no base model {name!r}; registered: {known}{hint}")


def _is_model(path: Path) -> bool:
    return (path / "config.json").is_file()
