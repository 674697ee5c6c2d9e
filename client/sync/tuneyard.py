# Made from client/aio/tuneyard.py by `make client-sync`: change that file, not this one.
"""The Python client: it speaks with the service of this machine, or with any whose URL it is given."""

from pathlib import Path
from types import TracebackType
from typing import Self

from client.endpoint import find_service
from client.sync.files import Datasets, ImageFiles
from client.sync.jobs import Jobs
from client.sync.operations import Drains, Garbage
from client.sync.service import Health, Keys, Models, Projects, Usages, Workers
from client.sync.transport import Transport


class Tuneyard:
    """A service, by its URL or by the data folder that it runs on.

    Args:
        url: Where it answers; by default `TUNEYARD_URL`, or what the data folder says.
        api_key: A key of the service; by default `TUNEYARD_API_KEY`, or what the data folder says of its own service.
        data_dir: The data folder; by default `TUNEYARD_DATA_DIR`, or `~/.tuneyard`.
        patience_seconds: How long a request that repeats harmlessly is sent again while the service is away.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        data_dir: Path | None = None,
        patience_seconds: float = 2,
    ) -> None:
        found, key = find_service(url, data_dir, api_key)
        self._transport = Transport(found, key, patience_seconds=patience_seconds)
        self.jobs = Jobs(self._transport)
        self.datasets = Datasets(self._transport)
        self.images = ImageFiles(self._transport)
        self.models = Models(self._transport)
        self.workers = Workers(self._transport)
        self.usage = Usages(self._transport)
        self.projects = Projects(self._transport)
        self.keys = Keys(self._transport)
        self.drains = Drains(self._transport)
        self.garbage = Garbage(self._transport)
        self.health = Health(self._transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where the service answers."""
        return self._transport.url

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()
