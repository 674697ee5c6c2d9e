"""What the API answers about datasets and images."""

from datetime import datetime
from typing import Any

from api.views import Paged, View


class DatasetRead(View):
    """An uploaded dataset."""

    id: str
    filename: str
    num_bytes: int
    sha256: str
    form: str
    """In which it came: JSONL, JSON, Parquet, WebDataset or zip. Its rows are kept in OpenAI's chat format."""
    num_rows: int
    num_images: int
    unused_keys: tuple[str, ...]
    """Keys of its records that mean nothing here."""
    created_at: datetime


class DatasetPage(Paged[DatasetRead, str | None]):
    """Datasets, newest first."""


class RowRead(View):
    """A row of a dataset."""

    place: int
    """Byte of the rows at which it begins."""
    row: dict[str, Any]
    """In OpenAI's format; images are paths of this service."""


class RowPage(View):
    """Rows in their order."""

    data: list[RowRead]
    has_more: bool
    next_place: int
    """Give it as `place` to read on."""
    num_bytes: int
    """Of all rows."""


class ImagesRead(View):
    """An uploaded image, or a zip of them."""

    id: str
    filename: str
    num_bytes: int
    sha256: str
    num_images: int
    created_at: datetime


class ImagesPage(Paged[ImagesRead, str | None]):
    """Uploaded images, newest first."""
