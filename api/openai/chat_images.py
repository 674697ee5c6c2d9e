"""The images of a chat: brought here by whoever may, and put into it, so that a worker need look for nothing.

What they are is for the trainer to find out, which decodes them as it does those of datasets.
"""

import base64
from collections.abc import Collection, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from starlette.concurrency import run_in_threadpool

from api.fetching import Fetcher
from api.guard import Caller
from api.openai.chat_body import ChatMessage, TextPart
from api.openai.chat_refusals import InvalidChat
from store import images
from store.images import ImagesNotFound
from trainer_core.contract.dataset import MAX_IMAGE_BYTES, fetched_name

_MOST_IMAGES = 10
_DATA, _HTTPS, _FILE = "data:", "https://", "file-"
_WHERE = "give a data URL, the id of an uploaded image (file-…), or an https address where the operator allows it"


async def with_images(messages: Iterable[ChatMessage], caller: Caller) -> tuple[dict[str, Any], ...]:
    """The turns of a chat in the format of training rows, every image a data URL.

    Raises:
        InvalidChat: An image is not there, or may not be fetched.
    """
    turns = tuple(messages)
    urls = [image.url for turn in turns for image in turn.images]
    if len(urls) > _MOST_IMAGES:
        raise InvalidChat(f"{len(urls)} images, where {_MOST_IMAGES} are allowed", "messages")
    known = {url: url for url in urls if url.startswith(_DATA)}
    for url in {url for url in urls if url.startswith(_FILE)}:
        known[url] = await run_in_threadpool(_uploaded, url, caller)
    known |= await _fetched({url for url in urls if url.startswith(_HTTPS)}, caller)
    if strange := [url for url in urls if url not in known]:
        raise InvalidChat(f"{strange[0][:60]!r} is no image that can be read; {_WHERE}", "messages")
    return tuple(_turn(turn, known) for turn in turns)


def _turn(turn: ChatMessage, known: dict[str, str]) -> dict[str, Any]:
    role = "system" if turn.role == "developer" else turn.role
    if isinstance(turn.content, str):
        return {"role": role, "content": turn.content}
    parts = [
        {"type": "text", "text": part.text}
        if isinstance(part, TextPart)
        else {"type": "image_url", "image_url": {"url": known[part.image_url.url]}}
        for part in turn.content
    ]
    return {"role": role, "content": parts}


def _uploaded(file_id: str, caller: Caller) -> str:
    try:
        with caller.reading() as session:
            found = images.get(session, file_id)
        if found.num_bytes > MAX_IMAGE_BYTES:
            raise InvalidChat(f"{file_id} is larger than {MAX_IMAGE_BYTES} bytes", "messages")
        with caller.parts.storage.open(caller.parts.storage.images_path(caller.project_id, file_id)) as file:
            return _data_url(file.read())
    except (FileNotFoundError, ImagesNotFound) as error:
        raise InvalidChat(f"no image has the id {file_id!r}; upload it first", "messages") from error


async def _fetched(urls: Collection[str], caller: Caller) -> dict[str, str]:
    if not urls:
        return {}
    if not caller.parts.settings.fetch_images:
        raise InvalidChat(f"this service fetches no images from their addresses; {_WHERE}", "messages")
    with TemporaryDirectory(prefix="tuneyard-chat-") as name:
        folder = Path(name)
        await Fetcher().fetch_all(urls, folder)
        return await run_in_threadpool(lambda: {url: _read(url, folder) for url in urls})


def _read(url: str, folder: Path) -> str:
    path = folder / fetched_name(url)
    if not path.exists():
        raise InvalidChat(f"{url[:200]}: {path.with_suffix('.reason').read_text()}", "messages")
    return _data_url(path.read_bytes())


def _data_url(content: bytes) -> str:
    # Which kind it is stands in its first bytes, and only there is it looked for.
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
