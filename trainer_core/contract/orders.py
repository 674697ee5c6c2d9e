"""What a warm trainer is asked for: it has everything imported, and forks a process for each order.

It is started with `--warm` and a socket as its stdin. Each message there brings the end of a line; a process is forked
that says its id on it and waits for one order. When the order is carried out, it says its exit code and ends. Whoever
asked hangs up no sooner: the kernel then ends the process.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from trainer_core.contract.closed import Closed

CACHE_BYTES = 50 * 1024**3
"""What everything that runs share may take on disk, unless told otherwise."""


class RunOrder(Closed):
    """Carry out a run.

    With it come three files, for stdin, stdout and stderr, and locks to hold as long as it lives.
    """

    type: Literal["run"] = "run"
    arguments: Annotated[tuple[str, ...], Field(strict=False)]
    """What would stand behind the command."""
    environment: dict[str, str]
    """Beside that of the command: what the run's own worker has set, the GPUs of its job among it."""


class ReportOrder(Closed):
    """Make a report; the exit code is 0 if it is there."""

    type: Literal["report"] = "report"
    spec: str
    """Path of the `JobSpec`, in which base model and datasets are paths."""
    report: str
    """Where its `JobReport` goes; it appears there whole."""
    cache: str | None
    """Folder for what the job's run need not do again; None if nothing is to be kept."""
    cache_bytes: int
    """What all of it may take."""


class ChatOrder(Closed):
    """Answer chats until stdin ends: a `contract.chat.Said` a line comes in, a `Told` a line goes out.

    Files come with it as with a run.
    """

    type: Literal["chat"] = "chat"
    environment: dict[str, str]
    """As for a run."""


Order = RunOrder | ReportOrder | ChatOrder
ORDER: TypeAdapter[Order] = TypeAdapter(Annotated[Order, Field(discriminator="type")])
