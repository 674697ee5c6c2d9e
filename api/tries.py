"""How often an address may send a wrong key; counted in this process, which forgets it when it ends."""

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

_NUM_TRIES = 30
"""Wrong keys that an address may send in a minute. Right ones are always heard: others may share the address."""


class TooManyTries(Exception):
    """An address has sent too many wrong keys."""

    def __init__(self) -> None:
        super().__init__(f"more than {_NUM_TRIES} wrong keys in a minute came from this address; wait a minute")


class Tries:
    """Counts wrong keys by the address that they come from."""

    def __init__(self, limit: int = _NUM_TRIES) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._limit = RateLimitItemPerMinute(limit)

    def count(self, address: str) -> None:
        """Count one more.

        Raises:
            TooManyTries: There were too many before.
        """
        if not self._limiter.hit(self._limit, address):
            raise TooManyTries
