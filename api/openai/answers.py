"""The answer to a chat, followed in the database while a worker writes it, and given in OpenAI's shapes."""

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal, Self

import anyio
from starlette.concurrency import run_in_threadpool

from api.guard import Caller
from api.openai.chat_refusals import ChatRefused, Unanswered, body
from api.views import View
from store import completions
from store.completions import News
from trainer_core.contract.chat import Answered, Refused

LOOK_SECONDS = 0.06
_BEAT_SECONDS = 5.0
"""How often whoever answers is told that the answer is wanted."""


class HungUp(Exception):
    """Whoever asked has gone."""


@dataclass(frozen=True)
class Asked:
    """A chat that was asked, and what its answer is called."""

    id: str
    model: str
    created: int
    """Seconds since 1970."""


Pieces = AsyncGenerator[str | Answered, None]


class Usage(View):
    """What an answer took."""

    prompt_tokens: int
    """Images included."""
    completion_tokens: int
    total_tokens: int

    @classmethod
    def of(cls, answered: Answered) -> Self:
        """The counts of an answer."""
        asked, written = answered.num_prompt_tokens, answered.num_new_tokens
        return cls(prompt_tokens=asked, completion_tokens=written, total_tokens=asked + written)


class AnswerMessage(View):
    """What the model wrote."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    annotations: tuple[()] = ()


class Choice(View):
    """The one answer."""

    index: Literal[0] = 0
    message: AnswerMessage
    logprobs: None = None
    finish_reason: Literal["stop", "length"]


class ChatCompletion(View):
    """The answer to a chat."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    system_fingerprint: None = None
    choices: tuple[Choice]
    usage: Usage


async def follow(asked: Asked, caller: Caller, has_hung_up: Callable[[], Awaitable[bool]]) -> Pieces:
    """The answer piece by piece, then how it ended; whatever else happens, nobody goes on writing it.

    Raises:
        Unanswered: It was refused, or no worker was free in time.
        HungUp: Nobody reads it.
    """
    is_whole = False
    try:
        async for news in _news(asked.id, caller):
            for text in news.texts:
                yield text
            if isinstance(news.outcome, Refused):
                is_whole = True
                raise Unanswered(news.outcome)
            if news.outcome is not None:
                is_whole = True
                yield news.outcome
                return
            if await has_hung_up():
                raise HungUp
    finally:
        if not is_whole:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(_forget, asked.id, caller)


async def _news(completion_id: str, caller: Caller) -> AsyncGenerator[News, None]:
    """What has come since, again and again; the wish is kept alive, and given up where nobody takes it up."""
    last_id, wished_at = 0, time.monotonic()
    until = wished_at + caller.parts.settings.chat_wait_seconds
    while True:
        news = await run_in_threadpool(_look, completion_id, caller, last_id)
        last_id = news.last_id
        yield news
        now = time.monotonic()
        if not news.is_claimed and now > until:
            await run_in_threadpool(_give_up, completion_id, caller)
        elif now - wished_at > _BEAT_SECONDS:
            wished_at = now
            await run_in_threadpool(_want, completion_id, caller)
        await anyio.sleep(LOOK_SECONDS)


async def whole(asked: Asked, pieces: Pieces, caller: Caller) -> ChatCompletion:
    """The answer at once, read from its beginning: pieces that came before may be of a try that was broken off."""
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, Answered):
                break
    assert isinstance(piece, Answered)
    written = await run_in_threadpool(_look, asked.id, caller, 0)
    choice = Choice(message=AnswerMessage(content="".join(written.texts)), finish_reason=piece.finish_reason)
    return ChatCompletion(
        id=asked.id, created=asked.created, model=asked.model, choices=(choice,), usage=Usage.of(piece)
    )


async def streamed(
    asked: Asked, first: str | Answered, pieces: Pieces, *, includes_usage: bool
) -> AsyncGenerator[bytes, None]:
    """The answer as server-sent events; `first` has been read already, so that a refusal could have a status."""
    head: dict[str, Any] = {"id": asked.id, "object": "chat.completion.chunk", "created": asked.created}
    head |= {"model": asked.model, "system_fingerprint": None} | ({"usage": None} if includes_usage else {})
    async with aclosing(pieces):
        try:
            yield _event({**head, "choices": [_choice({"role": "assistant", "content": "", "refusal": None})]})
            piece = first
            while isinstance(piece, str):
                yield _event({**head, "choices": [_choice({"content": piece})]})
                piece = await anext(pieces)
            yield _event({**head, "choices": [_choice({}, piece.finish_reason)]})
            if includes_usage:
                yield _event({**head, "choices": [], "usage": Usage.of(piece).model_dump()})
            yield b"data: [DONE]\n\n"
        except ChatRefused as error:
            yield _event(body(error))
        except HungUp:
            return


def _choice(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _event(content: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(content)}\n\n".encode()


def _look(completion_id: str, caller: Caller, after: int) -> News:
    with caller.reading() as session:
        return completions.news(session, completion_id, after)


def _give_up(completion_id: str, caller: Caller) -> None:
    with caller.writing() as session:
        completions.give_up(session, completion_id)


def _want(completion_id: str, caller: Caller) -> None:
    with caller.writing() as session:
        completions.want(session, completion_id)


def _forget(completion_id: str, caller: Caller) -> None:
    with caller.writing() as session:
        completions.forget(session, completion_id)
