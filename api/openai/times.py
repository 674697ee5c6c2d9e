"""Times as OpenAI's clients read them: whole seconds since 1970."""

from datetime import datetime


def seconds(at: datetime) -> int:
    """Since 1970."""
    return int(at.timestamp())


def seconds_or_none(at: datetime | None) -> int | None:
    """The same, of what may not have happened."""
    return None if at is None else seconds(at)
