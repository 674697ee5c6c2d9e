"""`endpoint.json`: where the service of a data folder answers, and its processes, as `tuneyard up` keeps it."""

import os
from pathlib import Path

from pydantic import BaseModel, ValidationError

from client.errors import ServiceUnknown

ENDPOINT = "endpoint.json"


class Endpoint(BaseModel, frozen=True):
    """Where a service answers, and its processes."""

    url: str
    api_key: str | None = None
    pids: dict[str, list[int]] = {}
    """Ids of the running processes, by role."""

    def save(self, data_dir: Path) -> None:
        """Write it in one move, readable by its owner only."""
        draft = data_dir / f".{ENDPOINT}"
        with open(draft, "w", opener=_open_private) as file:
            file.write(self.model_dump_json(indent=1))
        draft.rename(data_dir / ENDPOINT)

    @classmethod
    def load(cls, data_dir: Path) -> "Endpoint | None":
        """What the data folder says; None if no service runs on it."""
        try:
            return cls.model_validate_json((data_dir / ENDPOINT).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None


def default_data_dir() -> Path:
    """`TUNEYARD_DATA_DIR`, or `~/.tuneyard`."""
    return Path(os.environ.get("TUNEYARD_DATA_DIR") or Path.home() / ".tuneyard")


def find_url(url: str | None = None, data_dir: Path | None = None) -> str:
    """The URL given, or that of `TUNEYARD_URL`, or of the service that runs on the data folder.

    Raises:
        ServiceUnknown: None of the three.
    """
    url = url or (None if data_dir else os.environ.get("TUNEYARD_URL"))
    if url:
        return url.rstrip("/")
    data_dir = data_dir or default_data_dir()
    endpoint = Endpoint.load(data_dir)
    if endpoint is None:
        raise ServiceUnknown(data_dir)
    return endpoint.url


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
