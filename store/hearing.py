"""What of the broker's messages is heard: rings of the doorbell, and nothing else that somebody has put there.

Celery refuses pickles and unknown tasks by itself; but a message that is no JSON, or has not the form of one, ends its
worker. Here it is dropped before it comes so far.
"""

import base64
import json
import logging
from queue import Empty
from typing import Any

from kombu.transport.redis import Channel, Transport

log = logging.getLogger(__name__)


class HearingChannel(Channel):
    """Drops what is no JSON."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except ValueError as error:  # it has been taken from the queue: nobody will stumble over it again
            log.warning("a message that is no JSON was dropped: %s", error)
            raise Empty from error


class HearingTransport(Transport):
    """Redis as Celery knows it, for rings alone."""

    Channel = HearingChannel
    bells: frozenset[str] = frozenset()
    """Names of the tasks that may be rung for."""

    def _deliver(self, message: Any, queue: str) -> None:
        if is_ring(message, self.bells):
            super()._deliver(message, queue)  # type: ignore[no-untyped-call]
        else:
            log.warning("a message that is no ring was dropped")


def is_ring(message: Any, bells: frozenset[str]) -> bool:
    """True if a message asks for one of these tasks, and says nothing more."""
    try:
        task, retries = message["headers"]["task"], message["headers"].get("retries") or 0
        arguments, keywords, _ = json.loads(base64.b64decode(message["body"]))
        is_plain = message["content-type"] == "application/json" and isinstance(message["properties"], dict)
        return is_plain and task in bells and arguments == [] and keywords == {} and isinstance(retries, int)
    except (LookupError, TypeError, ValueError, AttributeError):
        return False
