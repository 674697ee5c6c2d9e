"""What a chat is asked with: the part of OpenAI's request that is done here, everything else refused or passed over."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from api.openai.chat_refusals import InvalidChat, Unsupported
from trainer_core.contract.chat import Sampling

IGNORED = frozenset(
    {
        "metadata", "parallel_tool_calls", "prediction", "prompt_cache_key", "prompt_cache_retention",
        "safety_identifier", "service_tier", "store", "user",
    }
)  # fmt: skip
"""Parameters without which the answer is the same."""
WITHOUT_EFFECT: Mapping[str, tuple[Any, ...]] = {
    "audio": (),
    "frequency_penalty": (0,),
    "function_call": ("none", "auto"),
    "functions": ([],),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"],),
    "n": (1,),
    "presence_penalty": (0,),
    "reasoning_effort": (),
    "response_format": ({"type": "text"},),
    "tool_choice": ("none", "auto"),
    "tools": ([],),
    "top_logprobs": (0,),
    "verbosity": (),
    "web_search_options": (),
}
"""Parameters that change what an answer is, with the values that do not; null never does."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TextPart(_Part):
    """A piece of text."""

    type: Literal["text"]
    text: str


class ImageUrl(_Part):
    """An image: a data URL, the id of an uploaded one, or an https address where the operator lets it be fetched."""

    url: str
    detail: Literal["auto", "low", "high"] | None = None


class ImagePart(_Part):
    """An image."""

    type: Literal["image_url"]
    image_url: ImageUrl


class FileName(_Part):
    """An uploaded image."""

    file_id: str


class FilePart(_Part):
    """An image, as a file."""

    type: Literal["file"]
    file: FileName

    @property
    def image_url(self) -> ImageUrl:
        """The same in the other form."""
        return ImageUrl(url=self.file.file_id)


Parts = list[Annotated[TextPart | ImagePart | FilePart, Field(discriminator="type")]]
FORMS = ("text", "parts")


def _form_of(content: Any) -> str:
    return FORMS[0] if isinstance(content, str) else FORMS[1]


class ChatMessage(BaseModel):
    """One turn. What clients send back of an answer, though it is null, is taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[Annotated[str, Tag(FORMS[0])] | Annotated[Parts, Tag(FORMS[1])], Discriminator(_form_of)]
    name: str | None = None
    annotations: list[Any] | None = None
    audio: None = None
    function_call: None = None
    refusal: None = None
    tool_calls: None = None

    @property
    def images(self) -> Iterator[ImageUrl]:
        """Its images."""
        parts = [] if isinstance(self.content, str) else self.content
        yield from (part.image_url for part in parts if not isinstance(part, TextPart))


class StreamOptions(BaseModel):
    """What is told beside the answer."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ChatBody(BaseModel):
    """A chat to be answered."""

    model_config = ConfigDict(extra="allow", frozen=True)

    model: Annotated[str, Field(min_length=1, max_length=4096)]
    """A registered base model, a trained model of the project (`ft:…`) or a checkpoint of one (`…:ckpt-step-<N>`)."""
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=1000)]
    max_completion_tokens: Annotated[int, Field(gt=0, lt=2**31)] | None = None
    max_tokens: Annotated[int, Field(gt=0, lt=2**31)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: (
        Annotated[str, Field(min_length=1)]
        | Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=4)]
        | None
    ) = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    @property
    def sampling(self) -> Sampling:
        """How tokens are to be chosen."""
        return Sampling(
            max_new_tokens=self.max_completion_tokens or self.max_tokens,
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            seed=self.seed,
            stop=(self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ()),
        )

    @property
    def includes_usage(self) -> bool:
        """True if a stream is to end with its counts."""
        return bool(self.stream_options and self.stream_options.include_usage)


def read(content: bytes) -> ChatBody:
    """The chat that a request asks for.

    Raises:
        InvalidChat: It is none.
        Unsupported: It asks for more than is done here.
    """
    try:
        found = ChatBody.model_validate_json(content)
    except ValidationError as error:
        one = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = _place(one["loc"])
        raise InvalidChat(f"{place}: {one['msg']}" if place else str(one["msg"]), place) from error
    for name, value in (found.model_extra or {}).items():
        if name in IGNORED or value is None or value in WITHOUT_EFFECT.get(name, ()):
            continue
        known = "is not done here" if name in WITHOUT_EFFECT else "is not known here"
        raise Unsupported(f"{name} {known}; leave it out", name)
    return found


def _place(loc: tuple[int | str, ...]) -> str | None:
    """`("messages", 0, "content", "parts", 1)` → `messages[0].content[1]`."""
    place = ""
    for index, one in enumerate(loc):
        if isinstance(one, int):
            place += f"[{one}]"
        elif not (place.endswith(".content") and one in FORMS) and loc[max(index - 2, 0)] != FORMS[1]:  # a part's kind
            place += f".{one}"
    return place.removeprefix(".") or None
