"""A service that offers trackers."""

from dataclasses import replace
from typing import Any

from fastapi import FastAPI


def offer(app: FastAPI, **settings: Any) -> None:
    """Have an application offer what its settings did not name."""
    parts = app.state.parts
    app.state.parts = replace(parts, settings=parts.settings.model_copy(update=settings))
