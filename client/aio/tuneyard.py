"""The Python client: it speaks with the service of this machine, or with any whose URL it is given."""

from pathlib import Path
from types import TracebackType
from typing import Self

from client.aio.files import AsyncDatasets, AsyncImageFiles
from client.aio.jobs import AsyncJobs
from client.aio.operations import AsyncDrains, AsyncGarbage
from client.aio.service import AsyncHealth, AsyncKeys, AsyncModels, AsyncProjects, AsyncUsages, AsyncWorkers
from client.aio.transport import AsyncTransport
from client.endpoint import find_service


class AsyncTuneyard:
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
        self._transport = AsyncTransport(found, key, patience_seconds=patience_seconds)
        self.jobs = AsyncJobs(self._transport)
        self.datasets = AsyncDatasets(self._transport)
        self.images = AsyncImageFiles(self._transport)
        self.models = AsyncModels(self._transport)
        self.workers = AsyncWorkers(self._transport)
        self.usage = AsyncUsages(self._transport)
        self.projects = AsyncProjects(self._transport)
        self.keys = AsyncKeys(self._transport)
        self.drains = AsyncDrains(self._transport)
        self.garbage = AsyncGarbage(self._transport)
        self.health = AsyncHealth(self._transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """Where the service answers."""
        return self._transport.url

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()
