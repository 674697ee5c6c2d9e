"""A chat with a model: what is asked, and what is told of the answer, as JSON lines between worker and trainer."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from trainer_core.contract.closed import Closed
from trainer_core.contract.sources import ModelSource


class Sampling(Closed):
    """How tokens are chosen."""

    max_new_tokens: Annotated[int, Field(gt=0)] | None = None
    """None: as many as the model's context has room for, within a limit."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    """0 takes the likeliest token each time."""
    top_p: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Choose among the likeliest tokens that have this probability together."""
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    """The same seed gives the same answer on the same machine; None takes a new one."""
    stop: Annotated[tuple[str, ...], Field(strict=False, max_length=4)] = ()
    """Texts that end the answer, and are not part of it."""


class Chat(Closed):
    """What somebody asks a model."""

    messages: Annotated[tuple[dict[str, Any], ...], Field(strict=False)]
    """Turns in the format of training rows; the trainer's reader checks them. Images are data URLs."""
    sampling: Sampling = Sampling()


class Question(Closed):
    """A chat to answer."""

    type: Literal["question"] = "question"
    source: ModelSource
    chat: Chat


class Stop(Closed):
    """Nobody wants the rest of the answer."""

    type: Literal["stop"] = "stop"


Said = Question | Stop
SAID: TypeAdapter[Said] = TypeAdapter(Annotated[Said, Field(discriminator="type")])


class RefusalCode(StrEnum):
    """Why there is no answer. Codes are never renamed; each member's docstring says what to do."""

    CONTEXT_LENGTH_EXCEEDED = "context_length_exceeded"
    """Question and answer do not fit into the model's context. Shorten the chat, or lower max_tokens."""
    INVALID_MESSAGES = "invalid_messages"
    """The model cannot be asked this. The message names what is wrong by turn and image."""
    MODEL_UNUSABLE = "model_unusable"
    """The model cannot be loaded or asked. The message says why."""
    OUT_OF_MEMORY = "out_of_memory"
    """The device's memory is too small for this model or chat."""
    NO_FREE_SLOT = "no_free_slot"
    """Jobs have every slot, or took this one back. Try again later."""
    BROKE_DOWN = "broke_down"
    """Whoever should answer died. Try again; if it happens again, read the worker's log."""


class TextWritten(Closed):
    """The next piece of the answer."""

    type: Literal["text"] = "text"
    text: str


class Answered(Closed):
    """The answer is whole."""

    type: Literal["answered"] = "answered"
    finish_reason: Literal["stop", "length"]
    """stop: the model ended it, or a stop text did; length: it has max_new_tokens."""
    num_prompt_tokens: int
    """Of the question, images included."""
    num_new_tokens: int


class Refused(Closed):
    """There is no answer, or no more of it."""

    type: Literal["refused"] = "refused"
    code: Annotated[RefusalCode, Field(strict=False)]
    message: str


Outcome = Annotated[Answered | Refused, Field(discriminator="type")]
Told = TextWritten | Answered | Refused
TOLD: TypeAdapter[Told] = TypeAdapter(Annotated[Told, Field(discriminator="type")])
