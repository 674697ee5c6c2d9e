"""What a model's own processor makes of a text and its images: tensors by name, among them each token's characters.

T tokens. It does not know what is trained on.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import ProcessorMixin

from trainer_core.data.rendering import Processor

Processed = dict[str, Any]
ONCE_PER_TOKEN = 2
"""Dimensions of what a processor makes for each token: the row and the token."""


class UnprocessableRow(ValueError):
    """The model's processor does not take this row."""


class Processing:
    """Asks one processor."""

    def __init__(self, processor: Processor) -> None:
        self._processor: Any = processor
        self._tokenizer: Any = getattr(processor, "tokenizer", processor)
        self.reads_images = isinstance(processor, ProcessorMixin)

    def __call__(self, text: str, images: Sequence[Image.Image], suffix: str | None = None) -> Processed:
        """Everything that the processor makes.

        Args:
            text: With a marker for each image, if the processor asks for them.
            images: In the order of their markers.
            suffix: The answer, for a processor that takes it apart.

        Raises:
            UnprocessableRow: The processor raises something, whatever it is.
        """
        bos, has_template = self._tokenizer.bos_token, bool(self._processor.chat_template)
        asked: dict[str, Any] = {
            "text": [text],
            "return_tensors": "pt",
            "return_offsets_mapping": True,
            # Else it is the tokenizer's saved settings that decide, and these may cut.
            "truncation": False,
            "padding": False,
            # As transformers' own apply_chat_template does: a second beginning would be learned.
            "add_special_tokens": not (bos and text.startswith(bos)) and (self.reads_images or not has_template),
        }
        if suffix is not None:
            asked["suffix"] = [suffix]
        if self.reads_images:
            asked["return_text_replacement_offsets"] = True
        made = self._asked(asked, images)
        return {name: _as_others_do(value) for name, value in made.items()}

    def joined(self, prompt: str, answer: str, images: Sequence[Image.Image]) -> Processed:
        """The same of a prompt alone, with an answer's tokens behind it, just as a model goes on writing.

        What the processor makes for each token is repeated for those of the answer; of their characters it is only told
        whether they are the answer's.

        Raises:
            UnprocessableRow: The processor raises something.
        """
        made = self(prompt, images)
        num_tokens = made["input_ids"].shape[1]
        added = self._tokenizer(answer, add_special_tokens=False, return_tensors="pt")["input_ids"]
        whole = {name: _longer(value, num_tokens, added.shape[1]) for name, value in made.items()}
        whole.pop("text_replacement_offsets", None)
        begins, ends = len(prompt), len(prompt) + len(answer)
        characters = [(0, begins)] * num_tokens + [(begins, ends)] * added.shape[1]
        ids = torch.cat([made["input_ids"], added], dim=1)
        return {**whole, "input_ids": ids, "offset_mapping": torch.tensor([characters])}

    def is_beginning(self, prompt: Processed, whole: Processed) -> bool:
        """True if a prompt was made into what the whole row begins with, and into the same pixels and whatever else.

        Not so where a processor ends each text in its own way, or reads the text for something beside its tokens. The
        prompt's last token may have grown together with what follows it.
        """
        if not isinstance(whole.get("offset_mapping"), Tensor):
            return False
        ids, begun = prompt["input_ids"], whole["input_ids"][:, : prompt["input_ids"].shape[1]]
        if ids.shape != begun.shape or not torch.equal(ids[:, :-1], begun[:, :-1]):
            return False
        last, grown = (self._tokenizer.decode(one[0, -1:]) for one in (ids, begun))
        others = {name for name, value in prompt.items() if isinstance(value, Tensor) and not is_per_token(value, ids)}
        is_same = all(torch.equal(prompt[name], whole[name]) for name in others & whole.keys())
        return bool(grown.startswith(last)) and is_same

    def _asked(self, asked: Mapping[str, Any], images: Sequence[Image.Image]) -> Mapping[str, Any]:
        """Images of a row stand in a list of their own, as most processors want it; some want them without."""
        ways: list[dict[str, Any]] = [{"images": [list(images)] if images else None}] if self.reads_images else [{}]
        if images:
            ways.append({"images": list(images)})
        errors = []
        for way in ways:
            try:
                made: Mapping[str, Any] = self._processor(**asked, **way)
            except Exception as error:  # noqa: BLE001 - a processor may raise anything at what it does not take
                errors.append(error)
            else:
                return made
        raise UnprocessableRow(f"the model's processor does not take this row: {errors[0]}") from errors[0]


def is_per_token(value: Tensor, ids: Tensor) -> bool:
    """True if there is an entry for each token of each row."""
    return value.ndim >= ONCE_PER_TOKEN and value.shape[:2] == ids.shape


def _longer(value: Any, num_tokens: int, num_added: int) -> Any:
    if not isinstance(value, Tensor) or value.ndim < ONCE_PER_TOKEN or value.shape[1] != num_tokens:
        return value
    return torch.cat([value, *[value[:, -1:]] * num_added], dim=1)


def _as_others_do(value: Any) -> Any:
    """Pixels in float32, though Llama 4's come in bfloat16."""
    is_short = isinstance(value, Tensor) and value.dtype in (torch.bfloat16, torch.float16)
    return value.float() if is_short else value
