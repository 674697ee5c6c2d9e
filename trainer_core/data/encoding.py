"""A row to tensors: the model's own chat template and processor, and labels on the assistant's turns.

T tokens of the row. Whatever else the processor makes (pixels, grids, token types) is passed on as it comes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jinja2 import TemplateError
from PIL import Image
from torch import Tensor
from transformers import PreTrainedTokenizerBase, ProcessorMixin

from trainer_core.contract.errors import InvalidDataset
from trainer_core.data.images import InvalidImage, decode
from trainer_core.data.reader import Line
from trainer_core.data.rows import ImagePart, Message, Row, TextPart
from trainer_core.data.spans import Span, UnstableTemplate, assistant_spans, shifted

IGNORED = -100
"""Label of a position without a target."""
Processor = ProcessorMixin | PreTrainedTokenizerBase
EncodedRow = dict[str, Tensor]
"""What a model takes, with a first dimension of 1 where the processor makes one, and `labels` (1, T)."""


class Encoder:
    """Turns a row into tensors."""

    def __init__(self, processor: Processor, max_tokens: int | None = None) -> None:
        self._processor: Any = processor
        self._tokenizer: Any = getattr(processor, "tokenizer", processor)
        self._reads_images = isinstance(processor, ProcessorMixin)
        self._max_tokens = max_tokens
        token_id = self._tokenizer.pad_token_id
        self.pad_token_id: int = 0 if token_id is None else token_id

    def __call__(self, line: Line, row: Row) -> EncodedRow:
        """Encode a row; labels come shifted: `labels[0, t]` is the target of position t, -100 where there is none.

        Raises:
            InvalidDataset: The row is too long, or its answers are not found in what the processor made of it.
        """
        text, spans = self._rendered(line, row)
        encoded = self._process(line, text, self._images(line, row))
        ids: Tensor = encoded["input_ids"]
        self._check_length(line, ids.shape[1])
        offsets = encoded.pop("offset_mapping")[0]
        replacements = [one for row_of in encoded.pop("text_replacement_offsets", []) for one in row_of]
        is_answer = torch.zeros_like(ids, dtype=torch.bool)
        for span in spans:
            covered = _covered(offsets, shifted(span, replacements))
            self._check_answer(line, ids[0, covered], text[slice(*span)])
            is_answer[0] |= covered
        targets = ids.masked_fill(~is_answer, IGNORED)
        tensors = {name: value for name, value in encoded.items() if isinstance(value, Tensor)}
        return {**tensors, "labels": torch.nn.functional.pad(targets[:, 1:], (0, 1), value=IGNORED)}

    def _rendered(self, line: Line, row: Row) -> tuple[str, list[Span]]:
        """The row as the chat template writes it, and where its answers are."""
        try:
            text, spans = assistant_spans(row.messages, self._messages(row.messages), self._render)
        except (UnstableTemplate, TemplateError) as error:
            raise InvalidDataset(
                [line.fault("invalid_row", f"the model's chat template does not take this row: {error}")]
            ) from error
        return self._ended(text, spans)

    def _ended(self, text: str, spans: list[Span]) -> tuple[str, list[Span]]:
        """Add the stop token where the chat template leaves it to the model, as some do: else it is never learned."""
        stop, end = self._tokenizer.eos_token, len(text.rstrip())
        is_ended = text[:end].endswith(tuple(self._tokenizer.all_special_tokens))
        if not stop or is_ended or spans[-1][1] < end:
            return text, spans
        return text[:end] + stop, [*spans[:-1], (spans[-1][0], end + len(stop))]

    def _render(self, messages: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool) -> str:
        text = self._processor.apply_chat_template(
            list(messages), tokenize=False, add_generation_prompt=add_generation_prompt
        )
        assert isinstance(text, str)
        return text

    def _messages(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """Turns as the chat template takes them: parts for a processor, plain text for a tokenizer."""
        if self._reads_images:
            return [{"role": one.role, "content": [_part(part) for part in one.parts]} for one in messages]
        texts = ["".join(part.text for part in one.parts if part.type == "text") for one in messages]
        return [{"role": one.role, "content": text} for one, text in zip(messages, texts, strict=True)]

    def _images(self, line: Line, row: Row) -> list[Image.Image]:
        found = []
        for image_index, (message_index, part) in enumerate(row.images()):
            if not self._reads_images:
                raise InvalidDataset(
                    [line.fault("invalid_image", "this base model reads text only", message_index, image_index)]
                )
            try:
                found.append(decode(part.image_url.url))
            except InvalidImage as error:
                raise InvalidDataset([line.fault("invalid_image", str(error), message_index, image_index)]) from error
        return found

    def _process(self, line: Line, text: str, images: list[Image.Image]) -> dict[str, Any]:
        bos = self._tokenizer.bos_token
        asked: dict[str, Any] = {
            "text": [text],
            "return_tensors": "pt",
            "return_offsets_mapping": True,
            # As transformers' own apply_chat_template does: a second beginning would be learned.
            "add_special_tokens": self._reads_images and not (bos and text.startswith(bos)),
        }
        if self._reads_images:
            asked |= {"images": [images] if images else None, "return_text_replacement_offsets": True}
        try:
            return dict(self._processor(**asked))
        except ValueError as error:  # an image token typed into a text, say
            raise InvalidDataset(
                [line.fault("invalid_row", f"the model's processor does not take this row: {error}")]
            ) from error

    def _check_length(self, line: Line, num_tokens: int) -> None:
        if self._max_tokens is not None and num_tokens > self._max_tokens:
            detail = f"{num_tokens} tokens, images included, where {self._max_tokens} are allowed; shorten the row"
            raise InvalidDataset([line.fault("too_long", detail)])

    def _check_answer(self, line: Line, ids: Tensor, answer: str) -> None:
        """The tokens on which the loss is taken must read as the answer with its stop token."""
        learned = self._text(ids.tolist())
        # A tokenizer may write text its own way (Unicode forms, case), the answer by itself as well.
        if learned == answer.strip() or learned == self._text(self._tokenizer.encode(answer, add_special_tokens=False)):
            return
        raise InvalidDataset(
            [line.fault("invalid_row", f"the answer {answer[:80]!r} became {learned[:80]!r} in the model's tokens")]
        )

    def _text(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return text.strip()


def _part(part: TextPart | ImagePart) -> dict[str, str]:
    return {"type": "text", "text": part.text} if isinstance(part, TextPart) else {"type": "image"}


def _covered(offsets: Tensor, span: Span) -> Tensor:
    """Which tokens lie in a span of characters: (T, 2) offsets to (T,) bool."""
    return (offsets[:, 0] < span[1]) & (offsets[:, 1] > span[0])
