"""A doorbell that remembers its rings."""

from store.doorbell import Bell


class CountingDoorbell:
    """Stands where the broker would be."""

    def __init__(self) -> None:
        self.rung: list[Bell] = []

    def ring(self, bell: Bell) -> None:
        self.rung.append(bell)
