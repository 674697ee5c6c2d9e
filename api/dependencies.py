"""What handlers are given: database, storage, settings, the doorbell. Built once, in `create_app`.

No session is: it would be held while the request waits for a thread, and whoever has a thread would wait for it. A
handler opens those of its `Caller` (`guard.py`).
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.delivery import Deliveries
from api.meters import Meters
from api.settings import Settings
from api.streaming import Streams
from api.tries import Tries
from store.database import Database
from store.doorbell import Ringer
from store.files import Storage
from telemetry.traces import Traces


@dataclass(frozen=True)
class Parts:
    """The real parts that the service is made of."""

    settings: Settings
    database: Database
    storage: Storage
    doorbell: Ringer
    streams: Streams
    deliveries: Deliveries
    tries: Tries
    meters: Meters
    traces: Traces

    def close(self) -> None:
        """Begin to end what would hold up the end of the process."""
        self.streams.close()
        self.deliveries.close()


def parts(request: Request) -> Parts:
    """The parts of the running service."""
    found = request.app.state.parts
    assert isinstance(found, Parts)
    return found


PartsDep = Annotated[Parts, Depends(parts)]
