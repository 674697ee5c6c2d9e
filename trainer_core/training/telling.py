"""Events on their way out: written by a thread of their own, so that a reader who is slow holds up no step."""

import queue
from threading import Thread
from typing import TextIO

from trainer_core.contract.events import RunEvent


class Teller:
    """Writes events as JSON lines, in the order in which they were told."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._untold: queue.SimpleQueue[RunEvent | None] = queue.SimpleQueue()
        self._error: Exception | None = None
        self._thread = Thread(target=self._write, name="teller", daemon=True)
        self._thread.start()

    def tell(self, event: RunEvent) -> None:
        """Have an event written soon.

        Raises:
            Exception: Whatever kept an earlier one from being written.
        """
        if self._error is not None:
            raise self._error
        self._untold.put(event)

    def close(self) -> None:
        """Return once everything is written, or cannot be."""
        self._untold.put(None)
        self._thread.join()

    def _write(self) -> None:
        try:
            while (event := self._untold.get()) is not None:
                self._out.write(f"{event.model_dump_json()}\n")
                if self._untold.empty():
                    self._out.flush()
            self._out.flush()
        except Exception as error:  # noqa: BLE001 - whoever tells the next raises it
            self._error = error
