"""The ways in which people write a training row, each made into OpenAI's format; images stay names here.

| a record with | comes from |
|---|---|
| `messages`, perhaps `tools` | OpenAI; beside `images`: TRL, LLaMA-Factory, Hub datasets |
| `conversations` | ShareGPT, LLaVA |
| `prompt`, `completion` | OpenAI's older models, TRL |
| `instruction`, `output` | Alpaca |
| `input`, `preferred_output`, `non_preferred_output` | OpenAI's pairs |
| `chosen`, `rejected`, perhaps `prompt` | TRL's pairs |

`<image>` in a user's text, and a part `{"type": "image"}`, stand for the next of the record's images.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trainer_core.data.placing import NotARow, placed, with_urls

IMAGE_KEYS = ("images", "image")
_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "assistant": "assistant",
    "system": "system",
}
_ATTACHED = "attached:"


@dataclass(frozen=True)
class Draft:
    """A record in OpenAI's format."""

    row: dict[str, Any]
    attached: dict[str, bytes]
    """Images that the record held itself, by the names that its row has for them."""
    unused: frozenset[str] = frozenset()
    """Keys of the record that mean nothing here."""


def draft(record: Mapping[str, Any], beside: Mapping[str, bytes], *, is_line: bool) -> Draft:
    """The record as a row, still to be checked.

    Args:
        record: What a file says about one row.
        beside: Images that came with it, by the name of their file; all of them are meant if it names none.
        is_line: True for a line of JSON: in OpenAI's own format it has no keys but its own, while tables often do.

    Raises:
        NotARow: It is in no form that is known, or its images do not fit its text.
    """
    given = _without_none(record)
    dialect = next((one for one in _DIALECTS if one.keys[0] in given), None)
    if dialect is None:
        known = "messages, conversations, prompt and completion, instruction and output, or pairs of answers"
        raise NotARow(f"no row that is known: it has {', '.join(given) or 'nothing'}, where {known} are read")
    if "tools" not in dialect.keys and _tools(given):
        where = "beside messages and in the input of pairs"
        raise NotARow(f"tools: are read {where}, as OpenAI has them; write the row so, or leave them out")
    attached = dict(beside)
    images = list(_images(given, attached)) or list(attached)
    messages = dialect.messages(given)
    is_plain = dialect.is_openais and not images
    messages = with_urls(messages) if is_plain else placed(messages, images)
    unused = given.keys() - {*dialect.keys, *IMAGE_KEYS}
    if is_plain and is_line and unused:
        return Draft(given | dialect.row(given, messages), attached)  # the check refuses them by name
    return Draft(dialect.row(given, messages), attached, frozenset(unused))


def _without_none(value: Any) -> Any:
    """Tables hold every key in every row; those without a value were never there."""
    if isinstance(value, Mapping):
        return {key: _without_none(one) for key, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_without_none(one) for one in value]
    return value


def _images(given: Mapping[str, Any], attached: dict[str, bytes]) -> Iterator[str]:
    """The names of a record's images; what it holds itself is attached under a name of its own."""
    for key in IMAGE_KEYS:
        value = given.get(key, [])
        for one in value if isinstance(value, list) else [value]:
            yield _name(one, attached)


def _name(image: Any, attached: dict[str, bytes]) -> str:
    """The name of an image that is given as a name, as bytes, or as an object of either."""
    if isinstance(image, str):
        return image
    if isinstance(image, bytes):
        name = f"{_ATTACHED}{len(attached)}"
        attached[name] = image
        return name
    if isinstance(image, Mapping):
        for key in ("bytes", "url", "path", "image", "image_url"):
            if image.get(key):
                return _name(image[key], attached)
    raise NotARow(f"an image must be a name, an address or bytes, not {str(image)[:40]!r}")


def _messages(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    return _turns(given["messages"], "messages")


def _conversations(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    turns = _turns(given["conversations"], "conversations")
    messages = [_message(turn, index) for index, turn in enumerate(turns)]
    return [*_system(given), *messages]


def _message(turn: Mapping[str, Any], index: int) -> dict[str, Any]:
    """A turn of ShareGPT; whatever else it says is kept, so that it is refused by name if it means nothing."""
    rest = {key: value for key, value in turn.items() if key not in ("from", "value")}
    if "from" not in turn:
        return rest
    role = _ROLES.get(str(turn["from"]).lower())
    if role is None:
        raise NotARow(f"the role {turn['from']!r} is not known; one of {', '.join(_ROLES)} is", index)
    return {**rest, "role": role, "content": turn.get("value", "")}


def _completion(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A prompt and what follows it; an answer inside a prompt is not learned."""
    prompt, completion = given["prompt"], given.get("completion")
    if completion is None:
        raise NotARow("a prompt without a completion")
    asked = _turns(prompt, "prompt") if isinstance(prompt, list) else [_asked(prompt)]
    asked = [{**one, "weight": 0} if one.get("role") == "assistant" else one for one in asked]
    if isinstance(completion, list):
        return [*asked, *_turns(completion, "completion")]
    return [*_system(given), *asked, {"role": "assistant", "content": completion}]


def _instruction(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "output" not in given:
        raise NotARow("an instruction without an output")
    past = _past(given.get("history", []))
    words = [given[key] for key in ("instruction", "input") if given.get(key)]
    if not all(isinstance(one, str) for one in words):
        raise NotARow("instruction and input must be text")
    asked = _asked("\n".join(words))
    return [*_system(given), *past, asked, {"role": "assistant", "content": given["output"]}]


def _past(history: Any) -> list[dict[str, Any]]:
    """Questions and answers that came before."""
    roles = ("user", "assistant")
    if not isinstance(history, list) or not all(isinstance(one, list) and len(one) == len(roles) for one in history):
        raise NotARow("history: must be a list of pairs, a question and its answer each")
    return [{"role": role, "content": words} for one in history for role, words in zip(roles, one, strict=True)]


def _input(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    asked = given.get("input")
    if not isinstance(asked, Mapping):
        raise NotARow("input: must be an object with messages")
    return _turns(asked.get("messages"), "input.messages")


def _pair(given: Mapping[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
    outputs = {name: given[name] for name in ("preferred_output", "non_preferred_output") if name in given}
    return {"input": {**given["input"], "messages": messages}, **outputs}


def _prompt(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What both answers of TRL's pairs answer: by itself, or what both begin with."""
    chosen, rejected = (_answer(given, name) for name in ("chosen", "rejected"))
    if chosen[:-1] != rejected[:-1]:
        raise NotARow("chosen and rejected must be the same but for their last message")
    if chosen[:-1]:
        return [*_system(given), *chosen[:-1]]
    prompt = given.get("prompt")
    if prompt is None:
        raise NotARow("chosen and rejected without a prompt")
    return [*_system(given), *(_turns(prompt, "prompt") if isinstance(prompt, list) else [_asked(prompt)])]


def _chosen_and_rejected(given: Mapping[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
    chosen, rejected = (_answer(given, name)[-1:] for name in ("chosen", "rejected"))
    return {"input": {"messages": messages}, "preferred_output": chosen, "non_preferred_output": rejected}


def _answer(given: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    if not given.get(name):
        raise NotARow(f"{name}: is missing; a pair has chosen and rejected")
    answer = given[name]
    return _turns(answer, name) if isinstance(answer, list) else [{"role": "assistant", "content": answer}]


def _asked(words: Any) -> dict[str, Any]:
    return {"role": "user", "content": words}


def _system(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "system", "content": given["system"]}] if given.get("system") else []


def _turns(value: Any, name: str) -> list[dict[str, Any]]:
    """A list of turns, however a table has packed it: as text, or as an object of lists."""
    if isinstance(value, str):
        value = _unpacked(value, name)
    if isinstance(value, Mapping) and value and all(isinstance(one, list) for one in value.values()):
        if len({len(one) for one in value.values()}) > 1:
            raise NotARow(f"{name}: its lists are not of one length")
        value = [dict(zip(value, turn, strict=True)) for turn in zip(*value.values(), strict=True)]
    if not isinstance(value, list):
        raise NotARow(f"{name}: must be a list of turns")
    for index, one in enumerate(value):
        if not isinstance(one, Mapping):
            raise NotARow("must be an object", index)
    return [dict(one) for one in value]


def _chat(given: Mapping[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
    """With all that it says of tools; of the keys the check refuses those that are deprecated."""
    kept = {key: given[key] for key in ("functions", "parallel_tool_calls") if key in given}
    return {"messages": messages, **_tools(given), **kept}


def _tools(given: Mapping[str, Any]) -> dict[str, Any]:
    """Tools as a list; tables hold them as text, since their schemas differ."""
    tools = given.get("tools")
    if isinstance(tools, str) and tools:
        tools = _unpacked(tools, "tools")
    return {"tools": tools} if tools else {}


def _unpacked(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotARow(f"{name}: a text that is not JSON, or is nested too deep") from error


def _conversation(_given: Mapping[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
    return {"messages": messages}


@dataclass(frozen=True)
class _Dialect:
    keys: tuple[str, ...]
    """The first says that it is this one; the others are read too."""
    messages: Callable[[Mapping[str, Any]], list[dict[str, Any]]]
    """Those in which images may stand."""
    row: Callable[[Mapping[str, Any], list[dict[str, Any]]], dict[str, Any]] = _conversation
    """The record as a row, once its images are in their places."""
    is_openais: bool = False


_DIALECTS = (
    # Before those of conversations: tables of pairs often hold a prompt, or one conversation, as well.
    _Dialect(("preferred_output", "input", "non_preferred_output"), _input, _pair, is_openais=True),
    _Dialect(("chosen", "rejected", "prompt", "system"), _prompt, _chosen_and_rejected),
    _Dialect(("messages", "tools", "parallel_tool_calls"), _messages, _chat, is_openais=True),
    _Dialect(("conversations", "system"), _conversations),
    _Dialect(("prompt", "completion", "system"), _completion),
    _Dialect(("instruction", "input", "output", "history", "system"), _instruction),
)
