"""A row to tensors: the model's own processor, and labels on what is trained.

T tokens of the row. Whatever else the processor makes (pixels, grids, token types) is passed on as it comes.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from trainer_core.contract.errors import InvalidDataset
from trainer_core.data.images import InvalidImage, decode
from trainer_core.data.processing import Processed, Processing, UnprocessableRow
from trainer_core.data.reader import Line
from trainer_core.data.rendering import Processor, Rendered, Renderer, TrainOn, UnrenderableRow, up_to_last_answer
from trainer_core.data.rows import Message, Row, TextPart
from trainer_core.data.spans import Span, shifted

IGNORED = -100
"""Label of a position without a target."""
IMAGE_KEYS = "image_keys"
"""Of a row with N images: a digest of each as the processor gets it, (N, 1, 32) uint8, no shape that tokens have."""
NO_INPUTS = ("labels", IMAGE_KEYS)
"""What a row holds beside what the model takes."""
EncodedRow = dict[str, Tensor]
"""What a model takes, with a first dimension of 1 where the processor makes one, and `NO_INPUTS`; labels are (1, T)."""
Process = Callable[..., Processed]
"""`(images=...) -> what the processor makes of a text with them`."""
_NOT_KEPT = ("offset_mapping", "labels")
"""What a processor makes that no model takes; labels are made here."""
_MAX_SHRINKS = 8
_LEAST_SIDE = 28
"""Pixels; an image is not made smaller than this to fit its row."""


@dataclass(frozen=True)
class Encoded:
    """A sample as a model reads it."""

    tensors: EncodedRow
    sizes: tuple[tuple[int, int], ...]
    """Width and height of each image as it went into the processor."""
    original_sizes: tuple[tuple[int, int], ...]
    is_image: Tensor
    """Which tokens stand for images, (T,) bool."""


class Encoder:
    """Turns a row into tensors.

    Args:
        processor: The model's own.
        max_tokens: Longest sample, images included; images of a longer one are made smaller first.
        train_on: Where the loss is taken.
        required: Names of what the model takes no row without.
    """

    def __init__(
        self,
        processor: Processor,
        max_tokens: int | None = None,
        train_on: TrainOn = "answers",
        required: Collection[str] = (),
    ) -> None:
        self.processor: Any = processor
        self._tokenizer: Any = getattr(processor, "tokenizer", processor)
        self._processing = Processing(processor)
        self._goes_on: dict[bool, bool] = {}
        self.max_tokens = max_tokens
        self.required = required
        self._render = Renderer(processor, train_on)
        token_id = self._tokenizer.pad_token_id
        self.pad_token_id: int = 0 if token_id is None else token_id

    def samples(self, line: Line, row: Row) -> list[Row]:
        """The row itself, or one for each of its answers where the chat template does not allow them together.

        Raises:
            InvalidDataset: The chat template does not take the row.
        """
        try:
            return self._render.samples(row)
        except UnrenderableRow as error:
            raise _refused(line, str(error)) from error

    def __call__(self, line: Line, row: Row) -> EncodedRow:
        """Tensors of a sample; labels come shifted: `labels[0, t]` is the target of position t, -100 where none is.

        Raises:
            InvalidDataset: The row is too long, or its answers are not found in what the processor made of it.
        """
        return self.encode(line, row).tensors

    def encode(self, line: Line, row: Row) -> Encoded:
        """The same with the sizes of its images."""
        return self.encode_at(line, row)

    def encode_at(self, line: Line, row: Row, sizes: Sequence[tuple[int, int]] | None = None) -> Encoded:
        """The same, its images made so large first; by default they are as large as they come."""
        try:
            rendered = self._render(row)
        except UnrenderableRow as error:
            raise _refused(line, str(error)) from error
        self._check_words(line, row)
        originals = images = self.images(line, row)
        if sizes is not None:
            images = [_resized(one, size) for one, size in zip(originals, sizes, strict=True)]
        process = self._way(line, row, rendered, images)
        encoded = self._processed(line, process, images)
        for _ in range(_MAX_SHRINKS):
            if self._fits(encoded) or not images:
                break
            images = _shrunk(images, self._wanted_scale(encoded))
            encoded = self._processed(line, process, images)
        if missing := set(self.required) - encoded.keys():
            raise _refused(line, f"the base model takes no row without {', '.join(sorted(missing))}; add an image")
        self._check_length(line, encoded)
        tensors = self._labelled(line, rendered, encoded, images)
        if images:
            tensors[IMAGE_KEYS] = _image_keys(row, images)
        sizes, original_sizes = (tuple(one.size for one in group) for group in (images, originals))
        return Encoded(tensors, sizes, original_sizes, _is_image(encoded, self.processor))

    def prompt(self, line: Line, row: Row) -> EncodedRow:
        """What the model reads before it writes a row's last answer: images as large as in the row, no labels."""
        sizes, asked = self.encode(line, row).sizes, up_to_last_answer(row)
        images = [_resized(one, size) for one, size in zip(self.images(line, asked), sizes, strict=False)]
        return _inputs(self._processed(line, partial(self._processing, self._render.prompt(asked)), images))

    def alone(self, line: Line, row: Row, number: int, size: tuple[int, int]) -> EncodedRow:
        """A question about one of a row's images, as large as it is in the row."""
        _, part = list(row.images())[number]
        asked = Row(messages=(Message(role="user", content=(part, TextPart(type="text", text="?"))),))
        images = [_resized(one, size) for one in self.images(line, asked)]
        return _inputs(self._processed(line, partial(self._processing, self._render.prompt(asked)), images))

    def images(self, line: Line, row: Row) -> list[Image.Image]:
        """The row's images in their order.

        Raises:
            InvalidDataset: One is broken, or the model reads text only.
        """
        found = []
        for image_index, (message_index, part) in enumerate(row.images()):
            if not self._processing.reads_images:
                raise InvalidDataset(
                    [line.fault("invalid_image", "this base model reads text only", message_index, image_index)]
                )
            try:
                found.append(decode(part.image_url.url))
            except InvalidImage as error:
                raise InvalidDataset([line.fault("invalid_image", str(error), message_index, image_index)]) from error
        return found

    def _check_words(self, line: Line, row: Row) -> None:
        """No text may hold the token that stands for an image: it would take the place of one."""
        token = str(getattr(self.processor, "image_token", None) or "") if self._processing.reads_images else ""
        for index, text in row.texts() if token else ():
            if token in text:
                detail = f"{token!r} in a text stands for an image in this model; write it differently"
                raise InvalidDataset([line.fault("invalid_row", detail, index)])

    def _way(self, line: Line, row: Row, rendered: Rendered, images: Sequence[Image.Image]) -> Process:
        """How a row is processed: as a whole, or its last answer put behind what the processor makes of the prompt.

        Which of them is found out once for rows with images and once for those without.
        """
        whole = partial(self._processing, rendered.text, suffix=rendered.suffix)
        if rendered.suffix is not None or self._goes_on.get(bool(images)):
            return whole
        prompt = self._render.prompt(up_to_last_answer(row))
        if bool(images) not in self._goes_on:
            seen = images[: sum(1 for _ in up_to_last_answer(row).images())]
            begun = self._processed(line, partial(self._processing, prompt), seen)
            self._goes_on[bool(images)] = self._processing.is_beginning(begun, self._processed(line, whole, images))
            return self._way(line, row, rendered, images)
        if len(rendered.spans) > 1 or not rendered.text.startswith(prompt):
            detail = "this model's processor takes one answer at a time; make a row of its own for each"
            raise _refused(line, detail)
        return partial(self._processing.joined, prompt, rendered.text[len(prompt) : rendered.spans[0][1]])

    def _processed(self, line: Line, process: Process, images: Sequence[Image.Image]) -> Processed:
        try:
            return process(images=images)
        except UnprocessableRow as error:  # an image token typed into a text, say
            raise _refused(line, str(error)) from error

    def _fits(self, encoded: Mapping[str, Any]) -> bool:
        return self.max_tokens is None or encoded["input_ids"].shape[1] <= self.max_tokens

    def _wanted_scale(self, encoded: Mapping[str, Any]) -> float:
        """By how much the sides of the images must shrink so that their tokens leave room for the text."""
        assert self.max_tokens is not None
        num_tokens = encoded["input_ids"].shape[1]
        num_of_images = int(_is_image(encoded, self.processor).sum())
        room = self.max_tokens - (num_tokens - num_of_images)
        return 0.95 * math.sqrt(max(room, 1) / max(num_of_images, 1))

    def _check_length(self, line: Line, encoded: Mapping[str, Any]) -> None:
        if not self._fits(encoded):
            num_tokens = encoded["input_ids"].shape[1]
            detail = f"{num_tokens} tokens, images included, where {self.max_tokens} are allowed; shorten the row"
            raise InvalidDataset([line.fault("too_long", detail)])

    def _labelled(
        self, line: Line, rendered: Rendered, encoded: Processed, images: Sequence[Image.Image]
    ) -> EncodedRow:
        ids: Tensor = encoded["input_ids"]
        is_image = _is_image(encoded, self.processor)
        is_target = torch.zeros_like(ids, dtype=torch.bool)
        if rendered.suffix is not None:
            is_target = encoded["token_type_ids"] == 1
            self._check_answer(line, ids[is_target], rendered.suffix + self._tokenizer.eos_token)
        for span in rendered.spans:
            is_target[0] |= self._targets(line, rendered, span, encoded, is_image, images)
        if not is_target[:, 1:].any():
            raise _refused(line, "nothing of it would be learned: the chat template leaves the answers out")
        targets = ids.masked_fill(~is_target, IGNORED)
        return {**_inputs(encoded), "labels": torch.nn.functional.pad(targets[:, 1:], (0, 1), value=IGNORED)}

    def _targets(
        self,
        line: Line,
        rendered: Rendered,
        span: Span,
        encoded: Processed,
        is_image: Tensor,
        images: Sequence[Image.Image],
    ) -> Tensor:
        """Which tokens a span of the text became: (T,) bool."""
        answer = rendered.text[slice(*span)]
        found = []
        for moved in self._places(line, rendered.text, span, encoded, is_image, images):
            covered = _covered(encoded["offset_mapping"][0], moved) & ~is_image
            found.append(covered)
            if rendered.is_whole or self._reads_as(encoded["input_ids"][0, covered], answer):
                return covered
        self._check_answer(line, encoded["input_ids"][0, found[0]], answer)
        return found[0]

    def _places(
        self, line: Line, text: str, span: Span, encoded: Processed, is_image: Tensor, images: Sequence[Image.Image]
    ) -> Iterator[Span]:
        """Where a span of the text may lie once the processor has written its images out, the likeliest place first."""
        replacements = _replacements(encoded)
        told = shifted(span, replacements or ())
        if replacements is not None or not images:
            yield told
        if not self._processing.reads_images:
            return  # a tokenizer by itself adds nothing
        # What the processor did not tell of may stand before all answers.
        length = int(encoded["offset_mapping"][0, ~is_image].max())
        gained = length - shifted((0, len(text)), replacements or ())[1]
        yield told[0] + gained, told[1] + gained
        # Or some of it does: as much as the text before this answer gains by itself.
        before, marker = text[: span[0]], str(getattr(self.processor, "image_token", None) or "\0")
        alone = self._processed(line, partial(self._processing, before), images[: before.count(marker)])
        gained = int(alone["offset_mapping"][0].max()) - len(before)
        yield span[0] + gained, span[1] + gained

    def _check_answer(self, line: Line, ids: Tensor, answer: str) -> None:
        """The tokens on which the loss is taken must read as the answer with its stop token."""
        if not self._reads_as(ids, answer):
            learned = self._text(ids.tolist())
            raise _refused(line, f"the answer {answer[:80]!r} became {learned[:80]!r} in the model's tokens")

    def _reads_as(self, ids: Tensor, answer: str) -> bool:
        learned = self._text(ids.tolist())
        # A tokenizer may write text its own way (Unicode forms, case), the answer by itself as well.
        return learned in (answer.strip(), self._text(self._tokenizer.encode(answer, add_special_tokens=False)))

    def _text(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return text.strip()


def _image_keys(row: Row, images: Sequence[Image.Image]) -> Tensor:
    """Digests of what the images were made of and how large they are now."""
    urls = [part.image_url.url for _, part in row.images()]
    told = [f"{image.size} {url}".encode() for image, url in zip(images, urls, strict=True)]
    digests = [torch.frombuffer(bytearray(sha256(one).digest()), dtype=torch.uint8) for one in told]
    return torch.stack(digests)[:, None]


def _refused(line: Line, detail: str) -> InvalidDataset:
    return InvalidDataset([line.fault("invalid_row", detail)])


def _covered(offsets: Tensor, span: Span) -> Tensor:
    """Which tokens lie in a span of characters: (T, 2) offsets to (T,) bool."""
    return (offsets[:, 0] < span[1]) & (offsets[:, 1] > span[0])


def _replacements(encoded: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    if "text_replacement_offsets" not in encoded:
        return None
    return [one for row_of in encoded["text_replacement_offsets"] for one in row_of]


def _is_image(encoded: Mapping[str, Any], processor: Any) -> Tensor:
    """Which tokens stand for images: (T,) bool."""
    ids = encoded["input_ids"][0]
    found = torch.zeros_like(ids, dtype=torch.bool)
    for one in _replacements(encoded) or ():
        found |= _covered(encoded["offset_mapping"][0], one["new_span"])
    token = getattr(processor, "image_token", None)
    if token is not None:
        found |= ids == processor.tokenizer.convert_tokens_to_ids(str(token))
    return found


def _inputs(encoded: Mapping[str, Any]) -> EncodedRow:
    return {name: value for name, value in encoded.items() if isinstance(value, Tensor) and name not in _NOT_KEPT}


def _shrunk(images: Sequence[Image.Image], scale: float) -> list[Image.Image]:
    sizes = [[max(round(side * scale), min(side, _LEAST_SIDE)) for side in one.size] for one in images]
    return [_resized(one, (width, height)) for one, (width, height) in zip(images, sizes, strict=True)]


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)
