"""The doorbell of this process: whether its rings came through is counted."""

from celery import Celery

from api.meters import Meters
from store.doorbell import Bell, Doorbell


class MeteredDoorbell(Doorbell):
    """Counts how often it has rung, and how often it could not."""

    def __init__(self, celery: Celery, meters: Meters) -> None:
        super().__init__(celery)
        self._meters = meters

    def ring(self, bell: Bell = Bell.JOBS) -> bool:
        """Ring once; False if nobody could hear it."""
        is_rung = super().ring(bell)
        self._meters.rings.labels(bell.name.lower(), "rung" if is_rung else "failed").inc()
        return is_rung
