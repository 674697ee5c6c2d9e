"""A row as the text that a model reads, and which characters of it are trained on.

A chat template writes it; a base model without one gets question and answer one after the other. It knows no tokens.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from jinja2 import TemplateError
from PIL import Image
from transformers import PreTrainedTokenizerBase, ProcessorMixin

from trainer_core.data.rows import Row
from trainer_core.data.spans import Render, Span, UnstableTemplate, assistant_spans
from trainer_core.data.templated import Marked, Way, templated, ways
from trainer_core.patience import at_most

Processor = ProcessorMixin | PreTrainedTokenizerBase
TrainOn = Literal["answers", "last_answer", "everything"]
_BETWEEN = "\n"
"""Stands between question and answer where no template says what should."""
_PRINTED_PART = "{'type': 'text'"
"""What a template that was made for text alone writes in place of a message."""
_TEMPLATE_SECONDS = 10.0
"""Of the processor's time, for one row; a long one takes milliseconds."""
_TEMPLATE_ERRORS = (TemplateError, TypeError, OverflowError, MemoryError, RecursionError)
"""What a template comes to that does not fit the row, or that was made to do harm: its sandbox gives it no range of
more than 100,000, and nothing of Python's own."""
_NO_TOOLS = "use a model whose template does, or leave the tools out"
_TRIED_SIDE = 56
"""Pixels of the image that a processor is tried with."""


class UnrenderableRow(ValueError):
    """The model has no way to write this row."""


@dataclass(frozen=True)
class Rendered:
    """What a model reads."""

    text: str
    spans: tuple[Span, ...]
    """Characters of `text` on which the loss is taken."""
    suffix: str | None = None
    """The answer, where the processor takes it apart from the text and adds the stop token itself."""
    is_whole: bool = False
    """True if all of it is trained on, the images' places left out."""


class Renderer:
    """Writes rows for one model."""

    def __init__(self, processor: Processor, train_on: TrainOn = "answers") -> None:
        self._processor: Any = processor
        self._tokenizer: Any = getattr(processor, "tokenizer", processor)
        self._control_tokens = tuple(control_tokens(self._tokenizer))  # thousands, of some models
        self._ways = ways(has_parts=isinstance(processor, ProcessorMixin))
        self._train_on = train_on
        self._takes_suffix = "suffix" in inspect.signature(type(processor).__call__).parameters
        needs_marker = isinstance(processor, ProcessorMixin) and not processor.chat_template
        self._marker = _image_marker(processor) if needs_marker else ""
        self._newest: tuple[Row, tuple[str, list[Span]]] | None = None
        """A row and how it was written: asked for when its samples are told apart, and again when it is read."""

    def samples(self, row: Row) -> list[Row]:
        """The row itself, or, where the template writes earlier turns differently later on, a row for each answer.

        Raises:
            UnrenderableRow: The template does not take the row.
        """
        row = self._chosen(row)
        if not self._processor.chat_template:
            return [row]
        try:
            self._in_turns(row)
        except UnstableTemplate:
            return [_ending_at(row, turn) for turn, message in enumerate(row.messages) if message.is_trained]
        return [row]

    def __call__(self, row: Row) -> Rendered:
        """Write one sample.

        Raises:
            UnrenderableRow: The template does not take the row, or there is none and the row is no question and answer.
            TookTooLong: The template computes for longer than any needs.
        """
        if not self._processor.chat_template:
            return self._completion(row)
        try:
            text, spans = self._ended(*self._in_turns(row))
        except UnstableTemplate as error:
            raise UnrenderableRow(f"the model's chat template does not take this row: {error}") from error
        if self._train_on == "everything":
            return Rendered(text, ((0, len(text)),), is_whole=True)
        return Rendered(text, tuple(spans))

    def prompt(self, row: Row) -> str:
        """What stands before the last answer of a row: the text that the model is asked to go on from."""
        row = up_to_last_answer(row)
        if not self._processor.chat_template:
            return self._question(row) + ("" if self._takes_suffix else _BETWEEN)
        turns = templated(row.messages[:-1], self._way(row))
        return self._rendering(row)(turns, add_generation_prompt=True)

    def _chosen(self, row: Row) -> Row:
        if self._train_on != "last_answer":
            return row
        last = max(index for index, message in enumerate(row.messages) if message.is_trained)
        return _trained_only_at(row, last)

    def _in_turns(self, row: Row) -> tuple[str, list[Span]]:
        if self._newest is None or self._newest[0] is not row:
            self._newest = row, self._written(row)
        return self._newest[1]

    def _written(self, row: Row) -> tuple[str, list[Span]]:
        turns = templated(row.messages, self._way(row))
        try:
            text, spans = assistant_spans(row.messages, turns, self._rendering(row))
        except _TEMPLATE_ERRORS as error:
            raise UnrenderableRow(f"the model's chat template does not take this row: {error}") from error
        if _PRINTED_PART in text and not any(_PRINTED_PART in one for _, one in row.texts()):
            raise UnrenderableRow("the model's chat template takes text alone, not texts and images as parts")
        return text, spans

    def _ended(self, text: str, spans: list[Span]) -> tuple[str, list[Span]]:
        """Add the stop token where the chat template leaves it to the model, as some do: else it is never learned."""
        stop, end = self._tokenizer.eos_token, len(text.rstrip())
        is_ended = text[:end].endswith(self._control_tokens)
        if not stop or is_ended or spans[-1][1] < end:
            return text, spans
        return text[:end] + stop, [*spans[:-1], (spans[-1][0], end + len(stop))]

    def _way(self, row: Row) -> Way:
        """The first way in which the chat template writes the row's tools, calls and results; nothing is tried without.

        Raises:
            UnrenderableRow: It writes them in none.
        """
        losing, failing = [], []
        for way in self._ways if row.uses_tools else ():
            try:
                reason = self._what_is_lost(row, way)
            except _TEMPLATE_ERRORS as error:
                failing.append(f"the model's chat template does not take this row with its tools: {error}")
                continue
            if reason is None:
                return way
            losing.append(reason)
        if reasons := losing + failing:
            raise UnrenderableRow(reasons[0])
        return self._ways[0]

    def _what_is_lost(self, row: Row, way: Way) -> str | None:
        """Which tools, call or result the template leaves out; if it stumbles without the tools, it has seen them."""
        turns, marked = templated(row.messages, way), Marked.of(row.messages)
        text = self._rendering(row)(turns, add_generation_prompt=False)
        try:
            is_without = bool(row.tools) and self._render(turns, add_generation_prompt=False) == text
        except _TEMPLATE_ERRORS:
            is_without = False
        if is_without:
            return f"the model's chat template writes no tools; {_NO_TOOLS}"
        lost = marked.lost_in(self._rendering(row)(templated(marked.messages, way), add_generation_prompt=False))
        if lost is None:
            return None
        noun = "result of a tool" if row.messages[lost].role == "tool" else "call of a tool"
        return f"the model's chat template does not write message {lost}, a {noun}; {_NO_TOOLS}"

    def _rendering(self, row: Row) -> Render:
        tools = [tool.as_declared() for tool in row.tools]
        return partial(self._render, tools=tools) if tools else self._render

    def _render(self, messages: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool, **given: Any) -> str:
        with at_most(_TEMPLATE_SECONDS):
            text = self._processor.apply_chat_template(
                list(messages), tokenize=False, add_generation_prompt=add_generation_prompt, **given
            )
        assert isinstance(text, str)
        return text

    def _completion(self, row: Row) -> Rendered:
        if row.uses_tools:
            raise UnrenderableRow(
                "the base model has no chat template, so it writes no tools; use a model that has one"
            )
        if not row.messages[-1].is_trained or sum(one.role == "assistant" for one in row.messages) > 1:
            detail = "one question and one answer to it; use a model with a chat template for longer chats"
            raise UnrenderableRow(f"the base model has no chat template, so a row must be {detail}")
        question, answer = self._question(row), row.messages[-1].words.strip()
        if self._takes_suffix:
            return Rendered(question, (), suffix=answer)
        before = question + _BETWEEN
        text = f"{before}{answer}{self._tokenizer.eos_token or ''}"
        if self._train_on == "everything":
            return Rendered(text, ((0, len(text)),), is_whole=True)
        return Rendered(text, ((len(before), len(text)),))

    def _question(self, row: Row) -> str:
        num_images = len(list(row.images()))
        if num_images > 1 and not self._marker:
            raise UnrenderableRow(f"the base model takes one image a row, where this one has {num_images}")
        return self._marker * num_images + _BETWEEN.join(one.words for one in row.messages if one.role != "assistant")


def control_tokens(tokenizer: Any) -> dict[str, int]:
    """Ids of special tokens: those that have a name, and those that are marked, as Gemma's `<end_of_turn>` is."""
    named = dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True))
    return named | {str(token): number for number, token in tokenizer.added_tokens_decoder.items() if token.special}


def up_to_last_answer(row: Row) -> Row:
    """The row without whatever follows its last trained answer."""
    last = max(index for index, message in enumerate(row.messages) if message.is_trained)
    return row.with_messages(row.messages[: last + 1])


def _image_marker(processor: Any) -> str:
    """What a processor replaces by an image; nothing where it puts images in place by itself, as two tries show."""
    token = getattr(processor, "image_token", None)
    if token is None:
        return ""
    marked, plain = (_num_places(processor, str(token), text) for text in (f"{token}{_BETWEEN}", _BETWEEN))
    takes_marker = marked is not None and plain in (None, marked)  # BLIP-2 takes it, and puts the image beside it
    return "" if plain and not takes_marker else str(token)


def _num_places(processor: Any, token: str, text: str) -> int | None:
    """How many tokens stand for an image if it comes with this text; None if it cannot."""
    image = Image.new("RGB", (_TRIED_SIDE, _TRIED_SIDE))
    try:
        ids = list(processor(text=[text], images=[[image]])["input_ids"][0])
    except Exception:  # noqa: BLE001 - it counts the tokens and finds too many or none, or wants its images otherwise
        return None
    return ids.count(processor.tokenizer.convert_tokens_to_ids(token))


def _ending_at(row: Row, turn: int) -> Row:
    return _trained_only_at(row.with_messages(row.messages[: turn + 1]), turn)


def _trained_only_at(row: Row, turn: int) -> Row:
    return row.with_messages(
        tuple(
            one if index == turn or one.role != "assistant" else one.model_copy(update={"weight": 0})
            for index, one in enumerate(row.messages)
        )
    )
