"""/v1/chat/completions: try a model that is registered, one that was trained here, or a checkpoint, while it trains."""

import time
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from api.base_models import check_base_model
from api.event_stream import EVENT_STREAM, EventStream
from api.guard import Caller, CallerDep
from api.intake import UNBOUNDED
from api.openai import chat_body
from api.openai.answers import Asked, ChatCompletion, HungUp, follow, streamed, whole
from api.openai.chat_body import ChatBody
from api.openai.chat_images import with_images
from api.openai.chat_refusals import TooLarge, UnknownModel
from api.openai.errors import Failed
from store import completions
from store.doorbell import Bell
from store.files import BaseModelNotFound
from trainer_core.contract.chat import Chat

router = APIRouter(prefix="/v1/chat", tags=["openai"])

_MAX_BODY_BYTES = 32 * 1024**2
"""Of a request, images included."""


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """A schema without references, as it can stand anywhere."""
    if isinstance(schema, list):
        return [_inlined(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(value, definitions) for key, value in schema.items() if key not in ("$defs", "discriminator")}


_SCHEMA = ChatBody.model_json_schema()
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": _inlined(_SCHEMA, _SCHEMA["$defs"])}},
    }
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": ChatCompletion, "content": EVENT_STREAM, "description": "With `stream`, events"},
    503: {"model": Failed, "description": "No slot is free: come back when Retry-After says"},
}


@router.post("/completions", openapi_extra=_BODY, responses=_ANSWERS, max_body_size=UNBOUNDED)
async def complete_chat(request: Request, caller: CallerDep) -> Response:
    """Answer a chat, in OpenAI's shapes; docs/chat.md tells what is done and what is not.

    A model is loaded on a slot that no job needs, and stays there while it is used; it makes way for jobs at once.
    """
    asking = chat_body.read(await _content(request))
    await run_in_threadpool(_check_model, asking.model, caller)
    messages = await with_images(asking.messages, caller)
    asked = await run_in_threadpool(_ask, asking, Chat(messages=messages, sampling=asking.sampling), caller)
    caller.parts.doorbell.ring(Bell.COMPLETIONS)
    pieces = follow(asked, caller, request.is_disconnected)
    try:
        if not asking.stream:
            return JSONResponse((await whole(asked, pieces, caller)).model_dump(mode="json"))
        first = await anext(pieces)
    except HungUp:
        return Response()  # nobody reads it
    return EventStream(streamed(asked, first, pieces, includes_usage=asking.includes_usage))


async def _content(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > _MAX_BODY_BYTES:
            raise TooLarge(f"the request is larger than {_MAX_BODY_BYTES} bytes; upload its images, and name their ids")
    return bytes(content)


def _check_model(name: str, caller: Caller) -> None:
    try:
        check_base_model(name, caller, hub_models=False)
    except BaseModelNotFound as error:
        raise UnknownModel(str(error), "model") from error


def _ask(asking: ChatBody, chat: Chat, caller: Caller) -> Asked:
    with caller.writing() as session:
        completion_id = completions.ask(session, asking.model, chat, is_streamed=bool(asking.stream))
    return Asked(completion_id, asking.model, int(time.time()))
