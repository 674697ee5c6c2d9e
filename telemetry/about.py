"""What is at hand while something is done: which job, attempt, request. Logs tell it with every line.

A thread begins with nothing: whoever starts one hands its own context on (`contextvars.copy_context`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

Fact = str | int | None
_process: dict[str, Fact] = {}
_here: ContextVar[dict[str, Fact] | None] = ContextVar("about", default=None)


def facts() -> Mapping[str, Fact]:
    """All that is known here, by name."""
    return {name: fact for name, fact in {**_process, **(_here.get() or {})}.items() if fact is not None}


@contextmanager
def about(**facts: Fact) -> Iterator[None]:
    """Know more within the block."""
    token = _here.set({**(_here.get() or {}), **facts})
    try:
        yield
    finally:
        _here.reset(token)


def note(**facts: Fact) -> None:
    """Know more for the rest of the block that this is called in, wherever in it: in a thread of its own, say."""
    here = _here.get()
    if here is not None:
        here.update(facts)


def always(**facts: Fact) -> None:
    """Know more for as long as this process lives, in every thread."""
    _process.update(facts)
