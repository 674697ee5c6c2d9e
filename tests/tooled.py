"""Rows with tools, and chat templates that write them in the ways of well-known families, with the starter's tokens."""

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]
WEATHER: Json = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
_TOOLS = (
    "{{ bos_token }}{% if tools %}<|system|>Tools:"
    "{% for tool in tools %} {{ tool | tojson }}{% endfor %}<|end|>{% endif %}"
)
_CONTENT = (
    "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}"
)
_RESULT = "<|user|><response>{{ message.name }}: " + _CONTENT + "</response><|end|>"
_END = "{% if add_generation_prompt %}<|assistant|>{% endif %}"


def written(arguments: str, result: str = _RESULT, tools: str = _TOOLS) -> str:
    """A chat template, by how it writes a call's arguments and a tool's result."""
    call = '<call>{"name": "{{ call.function.name }}", "arguments": ' + arguments + "}</call>"
    turn = "<|{{ message.role }}|>" + _CONTENT + "{% for call in message.tool_calls %}" + call + "{% endfor %}<|end|>"
    either = "{% if message.role == 'tool' %}" + result + "{% else %}" + turn + "{% endif %}"
    return tools + "{% for message in messages %}" + either + "{% endfor %}" + _END


HERMES = written("{{ call.function.arguments | tojson }}")
"""As Qwen 2.5 and Hermes do: it wants objects, and would write text as text within text."""
DEEPSEEK = written("{{ '' + call.function.arguments }}")
"""It wants text, and stumbles over objects."""
PRINTING = written("{{ call.function.arguments }}")
"""It wants text, and would write objects as Python does."""
PARTS = written(
    "{{ call.function.arguments | tojson }}",
    "<|user|>{% for part in message.content %}{{ part['text'] }}{% endfor %}<|end|>",
)
"""It wants parts wherever there is a content."""


def calling(*cities: str, content: str | None = None) -> Json:
    """An assistant's turn that asks for the weather of cities."""
    calls = [
        {"id": f"call_{city}", "type": "function", "function": {"name": "get_weather", "arguments": _about(city)}}
        for city in cities
    ]
    return {"role": "assistant", "content": content, "tool_calls": calls}


def _about(city: str) -> str:
    return json.dumps({"city": city}, separators=(",", ":"), ensure_ascii=False)


def result(city: str, content: str) -> Json:
    """What the tool found."""
    return {"role": "tool", "tool_call_id": f"call_{city}", "content": content}


def asked(question: str = "Paris?") -> Json:
    """A user's turn."""
    return {"role": "user", "content": question}


def tooled(*turns: Json, tools: tuple[Json, ...] = (WEATHER,)) -> Json:
    """A row."""
    return {"messages": list(turns), "tools": list(tools)}


def whole() -> Json:
    """A row with a call, its result, and an answer."""
    return tooled(asked(), calling("Paris"), result("Paris", "18 C"), {"role": "assistant", "content": "It is 18."})


def with_template(model_dir: Path, template: str) -> Any:
    """The model's processor with another chat template."""
    from transformers import AutoProcessor  # noqa: PLC0415 - loads torch, which tests of the API do without

    processor = AutoProcessor.from_pretrained(model_dir)
    processor.chat_template = template
    return processor
