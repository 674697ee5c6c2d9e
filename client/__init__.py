"""The Python client of a Tuneyard service. What is named here is imported when it is asked for."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from client.aio.jobs import AsyncJob
    from client.aio.tuneyard import AsyncTuneyard
    from client.errors import ApiError, TuneyardError
    from client.sync.jobs import Job
    from client.sync.tuneyard import Tuneyard

_PLACES = {
    "ApiError": "client.errors",
    "AsyncJob": "client.aio.jobs",
    "AsyncTuneyard": "client.aio.tuneyard",
    "Job": "client.sync.jobs",
    "Tuneyard": "client.sync.tuneyard",
    "TuneyardError": "client.errors",
}
__all__ = ["ApiError", "AsyncJob", "AsyncTuneyard", "Job", "Tuneyard", "TuneyardError"]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        from importlib import import_module  # noqa: PLC0415

        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
