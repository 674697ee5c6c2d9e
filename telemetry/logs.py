"""What a process logs: each line with what is at hand (`about.py`), without secrets, for people or for programs.

Everything goes through the standard library's logging, also what libraries log.
"""

import logging
import sys
import threading
from enum import StrEnum
from types import TracebackType
from typing import Literal

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from telemetry.about import facts
from telemetry.redaction import redacted

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
_OWN_HANDLERS = ("uvicorn", "uvicorn.access", "uvicorn.error")
"""Loggers to which their library gives handlers; what they say is to look as the rest does."""
_CHATTY = ("uvicorn.access", "httpx2", "botocore", "aiobotocore", "s3fs")
"""Loggers that tell of each request: the API says so itself, with the request's id."""
_NOT_TOLD = [*RESERVED_ATTRS, "color_message", "data"]
"""What records have beside; the last ones are uvicorn's and Celery's, for people."""

log = logging.getLogger(__name__)


class LogFormat(StrEnum):
    """How lines look."""

    CONSOLE = "console"
    JSON = "json"
    """One object a line."""


def configure(program: str, form: LogFormat, level: LogLevel) -> None:
    """Have this process log to stderr; what nobody catches is a line as well."""
    handler = logging.StreamHandler()
    handler.addFilter(_know)
    handler.setFormatter(_Json(program) if form is LogFormat.JSON else _Console())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _OWN_HANDLERS:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    sys.excepthook = _uncaught
    threading.excepthook = lambda told: _uncaught(told.exc_type, told.exc_value, told.exc_traceback)


class _Console(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class _Json(JsonFormatter):
    def __init__(self, program: str) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception"},
            static_fields={"program": program},
            reserved_attrs=_NOT_TOLD,
            timestamp="time",
        )

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


def _know(record: logging.LogRecord) -> bool:
    for name, fact in facts().items():
        record.__dict__.setdefault(name, fact)
    return True


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    log.critical("an error that nobody caught", exc_info=(kind, error or kind(), trace))
