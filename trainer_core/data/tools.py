"""What a row in OpenAI's format says about tools: the functions that it declares, and calls of them.

It does not know who calls when; `calling.py` looks whether calls, results and declarations fit together.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError, from_json, to_json

from trainer_core.contract.closed import Closed

FunctionName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")]
"""OpenAI's rule, and a dot as well: many sets of functions have one."""

_AROUND = (b"[" * 10, b"]" * 10)
"""As deep as a row can put a value; JSON is read 200 levels deep."""


def _as_written(value: Any) -> Any:
    """What JSON can hold, and what can be read again where it stands in a row."""
    try:
        from_json(_AROUND[0] + to_json(value, inf_nan_mode="constants") + _AROUND[1], allow_inf_nan=False)
    except ValueError as error:  # pydantic's errors of serialization are such
        raise PydanticCustomError("no_json", "must be JSON, nested not too deep, without infinite numbers") from error
    return value


class Function(Closed):
    """A function that may be called."""

    name: FunctionName
    description: str | None = None
    parameters: Annotated[dict[str, Any], AfterValidator(_as_written)] | None = None
    """A JSON schema; it is handed to the chat template and looked at no further."""
    strict: bool | None = None


class Tool(Closed):
    """A tool that may be used; there is one kind."""

    type: Literal["function"]
    function: Function

    def as_declared(self) -> dict[str, Any]:
        """As chat templates take it: what the row does not say is not there."""
        return self.model_dump(exclude_none=True)


def _of_an_object(text: str) -> str:
    try:
        is_object = isinstance(_as_written(from_json(text)), dict)
    except ValueError:
        is_object = False
    if not is_object:
        raise PydanticCustomError("no_object", 'must be a JSON object as text, "{}" where there are no arguments')
    return text


class Called(Closed):
    """Which function is called, and with what."""

    name: FunctionName
    arguments: Annotated[str, AfterValidator(_of_an_object)]
    """The text of a JSON object."""

    @property
    def parsed(self) -> dict[str, Any]:
        """The arguments by name, in their order."""
        found: dict[str, Any] = from_json(self.arguments)
        return found


class ToolCall(Closed):
    """A call."""

    id: str
    """A result names the call by it."""
    type: Literal["function"]
    function: Called

    def with_argument(self, name: str) -> "ToolCall":
        """The same call with one argument more, an empty text."""
        arguments = json.dumps({**self.function.parsed, name: ""}, ensure_ascii=False)
        return self.model_copy(update={"function": self.function.model_copy(update={"arguments": arguments})})


Tools = Annotated[tuple[Tool, ...], Field(strict=False, fail_fast=True)]
ToolCalls = Annotated[tuple[ToolCall, ...], Field(strict=False, fail_fast=True)]
