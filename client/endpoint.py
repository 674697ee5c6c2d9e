"""`endpoint.json`: where the service of a data folder answers, and its processes, as `tuneyard up` keeps it."""

import os
from pathlib import Path
from urllib.parse import urlsplit

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


def find_service(
    url: str | None = None, data_dir: Path | None = None, api_key: str | None = None
) -> tuple[str, str | None]:
    """Where a service answers, and a key of it: what is given, or the environment names, or the data folder says.

    The folder's key goes to the folder's own service only, whatever URL is given.

    Raises:
        ServiceUnknown: No URL is given anywhere, and no service runs on the data folder.
    """
    url = url or (None if data_dir else os.environ.get("TUNEYARD_URL"))
    data_dir = data_dir or default_data_dir()
    here = Endpoint.load(data_dir)
    if url is None and here is None:
        raise ServiceUnknown(data_dir)
    found = (url or (here.url if here else "")).rstrip("/")
    key_here = here.api_key if here and here.url == found else None
    return found, api_key or os.environ.get("TUNEYARD_API_KEY") or key_here


def is_here(url: str) -> bool:
    """True if a URL is of this machine itself, where no proxy that the environment names stands before it."""
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
