"""The doorbell of this process: whether its rings came through is counted, and told in the trace of who asked."""

from celery import Celery

from api.meters import Meters
from store.doorbell import Bell, Doorbell
from telemetry.traces import Kind, Traces


class ToldDoorbell(Doorbell):
    """Tells how often it has rung, and how often it could not."""

    def __init__(self, celery: Celery, meters: Meters, traces: Traces) -> None:
        super().__init__(celery)
        self._meters = meters
        self._traces = traces

    def ring(self, bell: Bell = Bell.JOBS) -> bool:
        """Ring once; False if nobody could hear it."""
        with self._traces.span("ring", Kind.PRODUCER, attributes={"messaging.destination.name": bell}) as span:
            is_rung = super().ring(bell)
            if not is_rung:
                span.fail("the broker does not answer")
        self._meters.rings.labels(bell.name.lower(), "rung" if is_rung else "failed").inc()
        return is_rung
